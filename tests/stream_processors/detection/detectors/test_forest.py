from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection.detectors.forest import OnlineIsolationForest

WIDTH = 4


def crowd(rows: int, *, centre: float = 0.0, seed: int = 0) -> np.ndarray:
    """Rows around one place."""
    return np.random.default_rng(seed).normal(centre, 1.0, (rows, WIDTH)).astype(np.float32)


def grown(rows: np.ndarray, **options) -> OnlineIsolationForest:
    forest = OnlineIsolationForest(WIDTH, warmup=2, **options)
    forest.learn(rows)
    return forest


@pytest.fixture
def growths(monkeypatch) -> list[int]:
    """How many trees were grown, one entry each time."""
    grown: list[int] = []
    plain = OnlineIsolationForest._grow

    def counted(self, trees: int) -> None:
        grown.append(trees)
        plain(self, trees)

    monkeypatch.setattr(OnlineIsolationForest, "_grow", counted)
    return grown


def test_an_outlier_scores_higher_than_the_whole_crowd():
    forest = grown(crowd(1_000))
    outlier = np.full((1, WIDTH), 9.0, dtype=np.float32)
    assert forest.score(outlier)[0] > forest.score(crowd(500, seed=5)).max()


def test_scores_lie_between_0_and_1_and_no_rows_have_none():
    forest = grown(crowd(300))
    scores = forest.score(np.concatenate([crowd(100), crowd(10, centre=1e6)]))
    assert ((scores > 0) & (scores < 1)).all()
    assert forest.score(np.empty((0, WIDTH), dtype=np.float32)).shape == (0,)


def test_a_new_crowd_becomes_normal():
    forest = grown(crowd(1_000), reservoir=1_000, refit_every=100)
    newcomers = crowd(100, centre=12.0, seed=1)
    before = forest.score(newcomers).mean()
    for seed in range(30):
        forest.learn(crowd(100, centre=12.0, seed=seed))
    assert forest.score(newcomers).mean() < before - 0.1
    assert forest.score(crowd(100, seed=7)).mean() > forest.score(newcomers).mean()


def test_warming_up_is_an_error_that_counts_the_rows():
    forest = OnlineIsolationForest(WIDTH, warmup=100)
    forest.learn(crowd(40))
    assert not forest.ready
    with pytest.raises(ValueError, match="40 of 100"):
        forest.score(crowd(1))
    forest.learn(crowd(60))
    assert forest.ready
    assert forest.score(crowd(1)).shape == (1,)


def test_a_warm_up_can_be_ended_early_with_two_rows():
    forest = OnlineIsolationForest(WIDTH, warmup=100)
    forest.learn(crowd(1))
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        forest.fit()
    forest.learn(crowd(1, seed=1))
    forest.fit()
    assert forest.ready


def test_a_forest_of_few_rows_learns_what_is_usual_as_they_double():
    """Not only a tenth of it every so many rows: at first it knows next to nothing."""
    forest = OnlineIsolationForest(WIDTH, trees=50, warmup=512)
    forest.learn(crowd(32))
    forest.end_warmup()
    newcomers = crowd(32, centre=12.0, seed=1)
    before = forest.score(newcomers).mean()
    for row in range(32):
        forest.learn(newcomers[row : row + 1])
    assert forest.score(crowd(32, centre=12.0, seed=2)).mean() < before - 0.1


def test_a_warm_up_that_ended_early_has_ended_also_after_a_restart():
    saved = OnlineIsolationForest(WIDTH, trees=10, warmup=512)
    saved.learn(crowd(40))
    saved.end_warmup()
    restored = OnlineIsolationForest(WIDTH, trees=10, warmup=512)
    restored.restore(saved.state())
    assert restored.ready
    assert restored.score(crowd(5)).shape == (5,)


def test_the_score_of_a_crowd_does_not_jump_when_the_reservoir_outgrows_a_short_warm_up():
    forest = OnlineIsolationForest(WIDTH, warmup=16, refit_every=10_000)
    forest.learn(crowd(16))
    asked = crowd(200, seed=4)
    before = forest.score(asked)
    forest.learn(crowd(600, seed=5))
    np.testing.assert_allclose(forest.score(asked), before)


def test_the_reservoir_is_bounded_and_prefers_the_recent():
    forest = OnlineIsolationForest(WIDTH, trees=10, warmup=2, reservoir=300, refit_every=500)
    forest.learn(np.zeros((300, WIDTH), dtype=np.float32))
    forest.learn(np.ones((3_000, WIDTH), dtype=np.float32))
    assert forest.seen == 300
    kept = forest.state()["reservoir"]
    assert kept.shape == (300, WIDTH)
    assert (kept == 1).all(axis=1).mean() > 0.9


def test_a_tenth_of_the_trees_is_grown_anew_every_so_many_rows(growths):
    forest = grown(crowd(500), trees=20, refit_every=50)
    growths.clear()
    forest.learn(crowd(49))
    assert growths == []
    forest.learn(crowd(1))
    assert growths == [2]
    forest.learn(crowd(500))
    assert growths == [2] * 11


def test_a_restored_forest_scores_like_the_saved_one():
    saved = grown(crowd(800))
    restored = OnlineIsolationForest(WIDTH, warmup=2)
    restored.restore(saved.state())
    assert restored.ready
    assert restored.seen == saved.seen
    asked = np.concatenate([crowd(300, seed=2), crowd(5, centre=9.0, seed=3)])
    difference = np.abs(restored.score(asked) - saved.score(asked))
    assert difference.mean() < 0.02
    assert set(np.argsort(restored.score(asked))[-5:]) == set(range(300, 305))


def test_a_restored_forest_scores_exactly_as_the_saved_one_when_it_had_grown_all_its_trees_at_once():
    saved = OnlineIsolationForest(WIDTH, warmup=500)
    saved.learn(crowd(500))
    restored = OnlineIsolationForest(WIDTH, warmup=500)
    restored.restore(saved.state())
    asked = crowd(300, seed=2)
    np.testing.assert_array_equal(restored.score(asked), saved.score(asked))


@pytest.mark.parametrize("use", ["score", "learn"])
def test_a_restored_forest_grows_its_trees_when_it_is_first_used(growths, use):
    state = grown(crowd(800)).state()
    growths.clear()
    restored = OnlineIsolationForest(WIDTH, warmup=2, trees=30)
    restored.restore(state)
    assert restored.ready
    assert growths == []
    for seed in range(3):
        getattr(restored, use)(crowd(10, seed=seed))
    assert growths == [30]
    restored.restore(state)
    restored.score(crowd(1))
    assert growths == [30, 30], "of the new state, not of the one before"


def test_a_forest_that_learns_right_after_it_was_restored_does_not_lose_the_saved_trees():
    """Its trees are grown on what was saved, not on what it learns then."""
    saved, asked = grown(crowd(500)), crowd(50, seed=3)
    one, other = (OnlineIsolationForest(WIDTH, warmup=2, refit_every=1_000) for _ in range(2))
    for forest in (one, other):
        forest.restore(saved.state())
    before = one.score(asked)
    other.learn(crowd(300, centre=9.0, seed=4))
    np.testing.assert_allclose(other.score(asked), before)


def test_a_saved_warm_up_goes_on():
    saved = OnlineIsolationForest(WIDTH, warmup=100)
    saved.learn(crowd(60))
    restored = OnlineIsolationForest(WIDTH, warmup=100)
    restored.restore(saved.state())
    assert not restored.ready
    restored.learn(crowd(40))
    assert restored.ready


def test_a_larger_saved_reservoir_is_cut():
    restored = OnlineIsolationForest(WIDTH, warmup=2, reservoir=100)
    restored.restore(grown(crowd(500)).state())
    assert restored.seen == 100


@pytest.mark.parametrize("width", [1, WIDTH - 1, WIDTH + 1])
def test_rows_of_another_width_are_refused(width):
    forest = grown(crowd(100))
    rows = np.zeros((3, width), dtype=np.float32)
    for refused in (forest.score, forest.learn, lambda rows: forest.restore({"reservoir": rows})):
        with pytest.raises(ValueError, match=rf"\(rows, {WIDTH}\).*\(3, {width}\)"):
            refused(rows)


@pytest.mark.parametrize("warmup", [0, 1, 4_097])
def test_a_warm_up_that_can_not_end_is_refused(warmup):
    with pytest.raises(ValueError, match=f"warmup.*4096.*got {warmup}"):
        OnlineIsolationForest(WIDTH, warmup=warmup)
