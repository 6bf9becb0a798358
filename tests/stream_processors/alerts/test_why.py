"""The reason that an alert gives is the one that moved its score: without that kind of surprise the score falls."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.findings import Changes
from stream_processors.detection.partition import PartitionDetector, usual_kinds
from stream_processors.detection.settings import DetectionSettings
from tests.fakes import batch_of, make_line

SETTINGS = DetectionSettings(alert_budget="top 0.2 %")
LINES, PLANTED = 2_000, 1_700
ODD = {
    "a template never seen": "kernel panic while the moon was mounting sideways",
    "a value never seen": "session of user mallory opened on port 4444",
}


def texts(odd: str) -> list[str]:
    rng = np.random.default_rng(3)
    users, ports = ["ada", "bob", "eve"], [22, 80, 443]
    usual = [
        f"session of user {users[rng.integers(3)]} {'opened' if rng.random() < 0.6 else 'closed'} "
        f"on port {ports[rng.integers(3)]}"
        for _ in range(LINES)
    ]
    return [*usual[:PLANTED], odd, *usual[PLANTED + 1 :]]


def found(embedder, odd: str, without: str = ""):
    """The score of the planted line, and the anomaly that it is, if it is one."""
    scores: dict[int, float] = {}

    def note(offsets, indexes, values) -> None:
        scores.update(zip(offsets.tolist(), values.tolist(), strict=True))

    kinds = [kind for kind in usual_kinds(embedder.dim, SETTINGS) if kind.name != without]
    detector = PartitionDetector("logs", 0, embedder.dim, SETTINGS, kinds=kinds, told=note)
    lines = [make_line(n, text, timestamp=1e9 + n) for n, text in enumerate(texts(odd))]
    changes = Changes("logs", 0, expected=None, end=LINES)
    for start in range(0, LINES, 500):
        detector.process(batch_of(lines[start : start + 500], embedder), changes)
    return scores[PLANTED], next((one for one in changes.anomalies if one.offset == PLANTED), None)


@pytest.mark.parametrize("what", ODD)
def test_the_reason_given_is_the_one_that_moved_the_score(embedder, what):
    score, anomaly = found(embedder, ODD[what])
    assert anomaly is not None, what
    strongest = anomaly.reasons[0]
    assert strongest.score == max(reason.score for reason in anomaly.reasons)
    lower, _ = found(embedder, ODD[what], without=strongest.kind)
    assert lower < score, f"without {strongest.kind}"
