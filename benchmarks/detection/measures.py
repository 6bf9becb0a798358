"""What a stream's scores are worth."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.detection.streams import IGNORED, ORDINARY, UNUSUAL, Scores, Stream
from stream_processors.detection.settings import DetectionSettings

TOP = 20
BUDGET = float(DetectionSettings().budget.share or 0.005)
"""Share of the lines that alerts are allowed for."""
APART = 1_000
"""Messages after which an unusual one of the same kind begins a new incident."""


class Measures(NamedTuple):
    """Of one method on one stream."""

    lines: float
    """Messages of the stream."""
    average_precision: float
    roc_auc: float
    precision_top_20: float
    precision_budget: float
    incidents_found: float
    """Share of the incidents that have an alert within the budget."""
    lines_to_alert: float
    """Median over incidents of the messages from the first one to the first alert; nan when half of them have none."""


def measure(stream: Stream, scores: Scores) -> Measures:
    """Scores are of messages, (messages,); of sessions the highest score of each counts."""
    scores = np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=0.0)
    if stream.family == "sessions" and stream.groups is not None:
        labels, scores = of_sessions(stream, scores)
        found, delay = math.nan, math.nan
    else:
        labels = stream.labels
        found, delay = incidents(stream, scores)
    counted = labels != IGNORED
    unusual, scores = labels[counted] == UNUSUAL, scores[counted]
    return Measures(
        float(len(stream)),
        float(average_precision_score(unusual, scores)),
        float(roc_auc_score(unusual, scores)),
        precision_at(unusual, scores, TOP),
        precision_at(unusual, scores, budget(len(scores))),
        found,
        delay,
    )


def budget(lines: int) -> int:
    return max(1, round(BUDGET * lines))


def precision_at(unusual: NDArray[np.bool_], scores: Scores, count: int) -> float:
    """Share of unusual ones among the highest scores; of those that tie for the last places their mean counts."""
    count = min(count, len(scores))
    limit = np.partition(scores, len(scores) - count)[len(scores) - count]
    above, tied = scores > limit, scores == limit
    return float((unusual[above].sum() + (count - above.sum()) * unusual[tied].mean()) / count)


def of_sessions(stream: Stream, scores: Scores) -> tuple[NDArray[np.int8], Scores]:
    """Label and highest score of each session."""
    _, first, of = np.unique(np.array(stream.groups), return_index=True, return_inverse=True)
    highest = np.full(len(first), -np.inf)
    np.maximum.at(highest, of, scores)
    return stream.labels[first], highest


def incidents(stream: Stream, scores: Scores) -> tuple[float, float]:
    """Share of incidents that are found within the budget, and the median of the messages until then.

    Ties at the threshold are alerts when they are within the budget all together.
    """
    count = budget(len(scores))
    limit = np.partition(scores, len(scores) - count)[len(scores) - count]
    alerts = scores >= limit if (scores >= limit).sum() <= count else scores > limit
    number, first = -1, []
    delays: list[float] = []
    last: dict[str, tuple[int, int]] = {}
    for place in np.flatnonzero(stream.labels != ORDINARY).tolist():
        kind = stream.kinds[place]
        before = last.get(kind)
        if before is None or place - before[0] > APART:
            number += 1
            first.append(place)
            delays.append(math.inf)
            before = (place, number)
        last[kind] = (place, before[1])
        if alerts[place]:
            delays[before[1]] = min(delays[before[1]], place - first[before[1]])
    if not delays:
        return math.nan, math.nan
    middle = float(np.median(delays)) if np.isfinite(delays).mean() > 0.5 else math.nan
    return float(np.isfinite(delays).mean()), middle
