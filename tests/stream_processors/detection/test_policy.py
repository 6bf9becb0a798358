from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection.policy import EQUAL_SCORES, AlertPolicy
from stream_processors.detection.texts import shown
from tests.fakes import make_line, make_lines


def policy(rate: float = 0.01) -> AlertPolicy:
    return AlertPolicy(rate, partition=3, model="m1")


def flagged(policy: AlertPolicy, scores: np.ndarray) -> list[int]:
    """Observes a batch of scores; the offsets of those flagged."""
    policy.observe(scores)
    lines = make_lines(f"line {n}" for n in range(len(scores)))
    return [anomaly.offset for anomaly in policy.flag(lambda row: shown(lines[row]), lambda row: "p", scores)]


def random_scores(count: int, *, seed: int = 0) -> np.ndarray:
    """Most of them ordinary, as a forest's are."""
    return np.random.default_rng(seed).beta(8, 12, count)


def test_the_most_unusual_share_of_lines_is_flagged():
    one = policy(0.05)
    counts = [len(flagged(one, random_scores(500, seed=seed))) for seed in range(20)]
    assert 0.02 < sum(counts) / 10_000 < 0.08


def test_an_alert_says_what_and_why():
    one = policy()
    scores = np.append(random_scores(499), 0.99)
    one.observe(scores)
    (alert,) = [a for a in one.flag(lambda row: shown(make_line(row, "x")), str, scores) if a.offset == 499]
    assert (alert.partition, alert.model, alert.pattern, alert.text, alert.format) == (
        3,
        "m1",
        "499",
        "x",
        "raw",
    )
    assert alert.score == 0.99 >= alert.threshold > 0.5


def test_lines_as_unusual_as_many_others_are_not_flagged():
    one = policy()
    flagged(one, random_scores(1_000))
    many = np.where(np.arange(500) % 10 == 0, 0.9, 0.4) + np.random.default_rng(1).uniform(
        0, EQUAL_SCORES / 2, 500
    )
    assert flagged(one, many) == []
    assert flagged(one, np.array([0.4, 0.99])) == [1]


def test_nothing_is_flagged_before_anything_was_observed():
    assert policy().flag(lambda row: shown(make_line(row, "x")), str, np.array([1.0, 0.5])) == []


@pytest.mark.parametrize("lines", [0, 10, 20_000])
def test_a_restored_policy_flags_as_the_saved_one(lines):
    saved, restored = policy(), policy()
    saved.observe(random_scores(lines))
    restored.restore(saved.state())
    more = random_scores(500, seed=1)
    assert flagged(restored, more) == flagged(saved, more)
