from __future__ import annotations

import numpy as np

from stream_processors.detection.budget import Budget
from stream_processors.detection.feedback import BENIGN, MALICIOUS
from stream_processors.detection.policy import EQUAL_SCORES, MARKED, AlertPolicy
from stream_processors.detection.texts import shown
from tests.fakes import make_line, make_lines

START = 1_700_000_000.0


def policy(budget: str = "top 1 %") -> AlertPolicy:
    return AlertPolicy(Budget.parse(budget), partition=3, model="m1")


def flagged(policy: AlertPolicy, scores: np.ndarray, *, together: bool = False) -> list[int]:
    """The offsets of those flagged of a batch of scores."""
    judge = policy.judge_together if together else policy.judge
    judged = judge(scores, START + np.arange(len(scores)))
    lines = make_lines(f"line {n}" for n in range(len(scores)))
    found = policy.flag(lambda row: shown(lines[row]), lambda row: "p", lambda row: (), scores, judged)
    return [anomaly.offset for anomaly in found]


def random_scores(count: int, *, seed: int = 0) -> np.ndarray:
    """Most of them ordinary, as a forest's are."""
    return np.random.default_rng(seed).beta(8, 12, count)


def test_an_alert_says_what_and_how_unusual():
    one = policy()
    scores = np.append(random_scores(499), 0.99)
    judged = one.judge_together(scores, START + np.arange(500))
    found = one.flag(lambda row: shown(make_line(row, "x")), str, lambda row: (), scores, judged)
    (alert,) = [a for a in found if a.offset == 499]
    assert (alert.partition, alert.model, alert.pattern, alert.text, alert.format) == (
        3,
        "m1",
        "499",
        "x",
        "raw",
    )
    assert alert.score == 0.99 >= alert.threshold > 0.5
    assert (alert.share, alert.among) == (1 / 500, 500)


def test_lines_as_unusual_as_many_others_are_not_flagged():
    one = policy()
    flagged(one, random_scores(1_000), together=True)
    many = np.where(np.arange(500) % 10 == 0, 0.9, 0.4) + np.random.default_rng(1).uniform(
        0, EQUAL_SCORES / 2, 500
    )
    assert flagged(one, many, together=True) == []
    assert flagged(one, np.array([0.4, 0.99])) == [1]


def test_nothing_is_flagged_before_anything_was_seen():
    assert flagged(policy(), np.array([1.0, 0.5])) == []


def test_everything_is_flagged_when_that_is_the_budget():
    assert flagged(policy("top 100 %"), np.zeros(300)) == list(range(300))


def test_marked_lines_are_flagged_never_or_always_and_leave_the_budget_alone():
    scores, marks = random_scores(20_000), np.zeros(20_000, dtype=np.int8)
    marks[::10], marks[5::1_000] = BENIGN, MALICIOUS
    scores[::10] += 1
    one, without = policy(), policy()
    judged = one.judge(scores, START + np.arange(20_000), marks)
    usual = np.flatnonzero(marks == 0)
    others = without.judge(scores[usual], START + usual)
    assert set(judged.places) == set(usual[others.places]) | set(np.flatnonzero(marks == MALICIOUS))
    lines = make_lines(f"line {n}" for n in range(len(scores)))
    found = one.flag(lambda row: shown(lines[row]), lambda row: "p", lambda row: (), scores, judged)
    assert all((one.reasons == (MARKED,)) == (one.offset % 1_000 == 5) for one in found)
