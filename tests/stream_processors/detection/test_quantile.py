from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection.quantile import BLOCKS, SHORTEST, TailQuantile


def random_scores(count: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(count, dtype=np.float32)


def of(scores: np.ndarray, share: float = 0.01, tolerance: float = 0.0) -> TailQuantile:
    quantile = TailQuantile(tolerance)
    quantile.update(scores.astype(np.float32), share)
    return quantile


def test_the_threshold_is_infinite_before_any_score():
    assert of(np.empty(0)).threshold(0.01, 0.01) == float("inf")


@pytest.mark.parametrize("share", [0.0001, 0.001, 0.05, 0.5])
def test_the_threshold_is_the_exact_quantile_of_what_it_remembers(share):
    scores = random_scores(100_000)
    quantile = of(scores, share)
    recent = np.sort(scores[-quantile.lines :])[::-1]
    # of ranks k - 1/2, those up to share * lines
    assert quantile.threshold(share, share) == recent[round(share * quantile.lines) - 1]


def test_the_highest_of_a_few_scores_passes():
    assert of(np.array([0.1, 0.9, 0.5]), 0.001).threshold(0.001, 0.001) == np.float32(0.9)


def test_old_scores_are_forgotten_however_they_arrive():
    scores = random_scores(BLOCKS * SHORTEST * 2)
    scores[: BLOCKS * SHORTEST] += 5
    at_once, in_parts = of(scores, 0.1), TailQuantile()
    for part in np.array_split(scores, 97):
        in_parts.update(part, 0.1)
    assert at_once.threshold(0.1, 0.1) == in_parts.threshold(0.1, 0.1) < 1


def test_a_restored_quantile_goes_on_as_one_never_interrupted():
    quantile, restored = of(random_scores(20_000)), TailQuantile()
    restored.restore(quantile.state())
    for seed in range(1, 9):
        assert restored.threshold(0.01, 0.01) == quantile.threshold(0.01, 0.01)
        for one in (quantile, restored):
            one.update(random_scores(5_003, seed=seed) / seed, 0.01)
    restored.restore(TailQuantile().state())
    assert restored.threshold(0.01, 0.01) == float("inf")


@pytest.mark.parametrize("share", [0.05, 0.25, 1.0])
def test_a_mass_of_equal_scores_does_not_pass_nor_when_more_may_be_flagged(share):
    quantile = of(np.where(np.arange(40_000) % 100 < share * 100, 0.6, 0.4), 0.005)
    assert 0.6 < quantile.threshold(0.005, 0.005) < 0.61
    assert quantile.threshold(0.1, 0.005) > 0.6


def test_a_mass_of_scores_that_creep_upwards_does_not_pass_and_an_unusual_one_does():
    quantile = TailQuantile(tolerance=0.01)
    for step in range(200):
        mass = np.full(100, 0.5 + step * 5e-5, dtype=np.float32)
        quantile.update(mass, 0.005)
        assert mass.max() < quantile.threshold(0.005, 0.005) < 0.7


def test_equal_scores_pass_together_while_they_are_few():
    assert of(np.append(random_scores(990), np.full(10, 2.0))).threshold(0.01, 0.01) == 2


def test_the_share_of_a_score_counts_what_is_as_high():
    scores = random_scores(5_000)
    quantile = of(scores)
    assert quantile.shares(np.array([2.0])) == 1 / 5_000
    assert quantile.shares(np.array([0.999])) == (scores >= np.float32(0.999)).sum() / 5_000


def test_a_negative_tolerance_is_refused():
    with pytest.raises(ValueError, match="got -1"):
        TailQuantile(-1)
