from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from stream_processors.detection.detectors.trees import LANES, MOST_SAMPLE, Trees, average_path_length

WIDTH = 6


def crowd(rows: int, *, centre: float = 0.0, seed: int = 0) -> np.ndarray:
    """Rows around one place."""
    return np.random.default_rng(seed).normal(centre, 1.0, (rows, WIDTH)).astype(np.float32)


def grown(rows: np.ndarray, *, trees: int = 100, sample: int = 256, seed: int = 0) -> Trees:
    made = Trees(trees, sample)
    made.grow(rows, trees, seed=seed)
    return made


def scores(trees: Trees, rows: np.ndarray) -> np.ndarray:
    return trees.scores(rows)


def stock(rows: np.ndarray, *, trees: int = 100, sample: int = 256, seed: int = 0) -> IsolationForest:
    return IsolationForest(n_estimators=trees, max_samples=min(sample, len(rows)), random_state=seed).fit(
        rows
    )


@pytest.mark.parametrize("sample", [2, 3, 64, 256])
def test_trees_of_scikit_learn_score_as_they_do_there(sample):
    rows = crowd(600)
    forest = stock(rows, trees=20, sample=sample)
    asked = np.concatenate([rows[:200], crowd(50, centre=8.0, seed=1)])
    np.testing.assert_allclose(scores(Trees.of(forest), asked), -forest.score_samples(asked), atol=1e-6)


def test_neighbouring_float32_values_fall_on_the_side_scikit_learn_puts_them():
    value = np.float32(3.0)
    steps = [value]
    for _ in range(3):
        steps.append(np.nextafter(steps[-1], np.float32(np.inf)))
    rows = np.random.default_rng(0).choice(np.array(steps), size=(400, WIDTH))
    forest = stock(rows, trees=50)
    np.testing.assert_allclose(scores(Trees.of(forest), rows), -forest.score_samples(rows), atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, LANES // 4 - 1, LANES // 4, LANES, LANES + 1, 300])
def test_a_row_scores_the_same_in_a_batch_of_any_size(size):
    trees, rows = grown(crowd(500)), crowd(300, seed=1)
    parts = [scores(trees, rows[start : start + size]) for start in range(0, len(rows), size)]
    np.testing.assert_array_equal(np.concatenate(parts), scores(trees, rows))


def attacked(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two crowds of different spread, some strangers not far off, and who the strangers are."""
    random = np.random.default_rng(seed)
    spread = random.uniform(0.2, 2.0, WIDTH)
    usual = np.concatenate([random.normal(0, spread, (1_500, WIDTH)), random.normal(4, 0.5, (500, WIDTH))])
    strange = random.uniform(-6, 9, (60, WIDTH))
    rows = np.concatenate([usual, strange]).astype(np.float32)
    return rows, np.arange(len(rows)) >= len(usual)


def test_strangers_are_told_from_the_crowd_as_well_as_by_scikit_learn():
    ours, theirs = [], []
    for seed in range(5):
        rows, strange = attacked(seed)
        ours.append(roc_auc_score(strange, scores(grown(rows, seed=seed), rows)))
        theirs.append(roc_auc_score(strange, -stock(rows, seed=seed).score_samples(rows)))
    assert min(ours) > 0.85
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.01)


@pytest.mark.parametrize("distinct", [None, 3], ids=["all differ", "few kinds of rows"])
def test_path_lengths_are_distributed_as_in_scikit_learns_trees(distinct):
    """Quantiles of the scores of many rows, each over many trees."""
    rows = crowd(1_000, seed=2)
    if distinct is not None:
        rows = rows[np.random.default_rng(0).integers(distinct, size=1_000)]
        rows[:, 0] = 1.0  # a column that does not vary is never split
        rows[:, 1] = crowd(1_000, seed=3)[:, 1]
    ours = scores(grown(rows, trees=1_000), rows)
    theirs = -stock(rows, trees=1_000).score_samples(rows)
    at = np.linspace(0, 1, 21)
    np.testing.assert_allclose(np.quantile(ours, at), np.quantile(theirs, at), atol=0.006)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.98


def test_trees_are_decided_by_their_seed():
    rows, asked = crowd(500), crowd(100, seed=1)
    np.testing.assert_array_equal(scores(grown(rows, seed=4), asked), scores(grown(rows, seed=4), asked))
    assert (scores(grown(rows, seed=4), asked) != scores(grown(rows, seed=5), asked)).any()


def test_a_tree_is_grown_on_its_sample_of_all_rows_without_repeats():
    """Of as many distinct rows as the sample, each ends alone, as deep as trees may be."""
    rows = np.arange(64, dtype=np.float32)[:, None].repeat(WIDTH, axis=1)
    trees = grown(rows, trees=50, sample=64)
    assert trees.levels == 6
    np.testing.assert_allclose(scores(trees, rows), -stock(rows, trees=2_000).score_samples(rows), atol=0.05)
    far = grown(np.concatenate([rows, rows + 1_000]), trees=200, sample=8)
    assert scores(far, rows).mean() == pytest.approx(scores(far, rows + 1_000).mean(), abs=0.03)


def test_equal_rows_can_not_be_told_apart():
    trees = grown(np.ones((300, WIDTH), dtype=np.float32))
    np.testing.assert_allclose(scores(trees, crowd(10)), 0.5)


def test_the_oldest_trees_are_grown_anew_in_turn():
    rows = crowd(300)
    trees = grown(rows, trees=10, sample=64)
    before = trees.nodes.copy()
    changed = []
    for seed in range(1, 5):
        trees.grow(rows, 4, seed=seed)
        changed.append({int(tree) for tree in np.flatnonzero((trees.nodes != before).any(axis=1))})
        before = trees.nodes.copy()
    assert changed == [{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 0, 1}, {2, 3, 4, 5}]


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_neither_fail_nor_hang(strange):
    rows = crowd(300)
    rows[::7, 2] = strange
    rows[0, 2] = strange
    found = scores(grown(rows), rows)
    assert ((found > 0) & (found < 1)).all()


def test_few_rows_make_trees_as_well():
    trees = grown(crowd(2), sample=256)
    assert ((scores(trees, crowd(5)) > 0) & (scores(trees, crowd(5)) < 1)).all()


@pytest.mark.parametrize("sample", [0, 1, MOST_SAMPLE + 1])
def test_a_sample_that_no_tree_can_have_is_refused(sample):
    with pytest.raises(ValueError, match=f"sample.*{MOST_SAMPLE}.*got {sample}"):
        Trees(10, sample)


def test_the_average_path_length_is_twice_the_harmonic_number_less_what_is_found_at_once():
    assert [average_path_length(rows) for rows in (0, 1, 2)] == [0.0, 0.0, 1.0]
    harmonic = sum(1 / rows for rows in range(1, 256))
    assert average_path_length(256) == pytest.approx(2 * harmonic - 2 * 255 / 256, abs=0.01)
