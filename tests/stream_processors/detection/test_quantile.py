from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection.quantile import SlidingQuantile


def random_scores(count: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(count)


def test_the_threshold_is_infinite_before_any_score():
    quantile = SlidingQuantile(0.01)
    assert quantile.threshold() == float("inf")
    quantile.update(np.empty(0))
    assert quantile.threshold() == float("inf")


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.2])
def test_the_share_at_or_above_the_threshold_is_near_the_rate(rate):
    quantile = SlidingQuantile(rate, window=4_000)
    flagged = total = 0
    for seed in range(40):
        scores = random_scores(500, seed=seed)
        quantile.update(scores)
        flagged += (scores.astype(np.float32) >= quantile.threshold()).sum()
        total += len(scores)
    assert rate / 2 < flagged / total < rate * 2


def test_the_highest_of_a_few_scores_is_always_flagged():
    quantile = SlidingQuantile(0.001)
    quantile.update(np.array([0.1, 0.9, 0.5]))
    assert quantile.threshold() == np.float32(0.9)


def test_the_threshold_follows_drift_down_and_up():
    quantile = SlidingQuantile(0.01, window=1_000)
    quantile.update(random_scores(1_000))
    first = quantile.threshold()
    quantile.update(random_scores(1_000, seed=1) / 10)
    assert quantile.threshold() < 0.1 < first
    quantile.update(random_scores(1_000, seed=2) + 5)
    assert quantile.threshold() > 5


def test_scores_beyond_the_window_are_forgotten_however_they_arrive():
    at_once, in_parts = SlidingQuantile(0.1, window=100), SlidingQuantile(0.1, window=100)
    scores = random_scores(1_037)
    at_once.update(scores)
    for part in np.array_split(scores, 29):
        in_parts.update(part)
    assert at_once.threshold() == in_parts.threshold()
    assert at_once.threshold() == np.float32(np.sort(scores[-100:])[-10])


def test_a_restored_quantile_forgets_in_the_same_order_as_one_never_interrupted():
    quantile = SlidingQuantile(0.1, window=100)
    quantile.update(random_scores(100))
    quantile.update(random_scores(30, seed=1) + 10)
    restored = SlidingQuantile(0.1, window=100)
    restored.restore(quantile.state())
    assert restored.threshold() == quantile.threshold()
    for seed in range(2, 12):
        scores = random_scores(13, seed=seed)
        quantile.update(scores)
        restored.update(scores)
        assert restored.threshold() == quantile.threshold()


def test_an_empty_state_is_restored_empty():
    restored = SlidingQuantile(0.1)
    restored.update(random_scores(10))
    restored.restore(SlidingQuantile(0.1).state())
    assert restored.threshold() == float("inf")


def flagged(quantile: SlidingQuantile, scores: np.ndarray) -> int:
    """How many of a batch pass."""
    quantile.update(scores)
    return int((scores.astype(np.float32) >= quantile.threshold()).sum())


@pytest.mark.parametrize("batch", [10, 100, 1_000])
@pytest.mark.parametrize("share", [0.05, 0.25, 1.0])
def test_a_mass_of_equal_scores_is_not_the_most_unusual_of_its_own_stream(batch, share):
    quantile = SlidingQuantile(0.005)
    scores = np.where(np.arange(20_000) % 100 < share * 100, 0.6, 0.4)
    found = [flagged(quantile, part) for part in np.split(scores, len(scores) // batch)]
    assert sum(found[1_000 // batch :]) == 0


def test_a_mass_of_scores_that_creep_upwards_does_not_pass_and_an_unusual_one_does():
    quantile = SlidingQuantile(0.005, tolerance=0.01)
    for step in range(200):
        mass = np.full(100, 0.5 + step * 5e-5)
        assert flagged(quantile, np.concatenate([mass, [0.4] * 100])) == 0
    assert flagged(quantile, np.array([0.7])) == 1


def test_equal_scores_pass_together_while_they_are_few():
    quantile = SlidingQuantile(0.01)
    quantile.update(random_scores(990))
    assert flagged(quantile, np.full(10, 2.0)) == 10


def test_a_new_score_above_a_mass_passes_before_it_is_known():
    quantile = SlidingQuantile(0.005, tolerance=0.01)
    quantile.update(np.full(1_000, 0.5))
    assert 0.5 < quantile.threshold() < 0.52


def test_a_band_as_wide_as_everything_passes_everything():
    quantile = SlidingQuantile(0.005, tolerance=0.01)
    quantile.update(random_scores(1_000))
    assert quantile.threshold(200) == quantile.threshold(1e6) == random_scores(1_000).astype(np.float32).min()


def test_a_negative_tolerance_is_refused():
    with pytest.raises(ValueError, match="got -1"):
        SlidingQuantile(0.1, tolerance=-1)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ValueError, match=f"got {rate}"):
        SlidingQuantile(rate)
