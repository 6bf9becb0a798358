"""What a partition counts of its lines by day, from which drift is seen: lines, words, scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from connectors.days import DAY, SCORE_BIN, SCORE_BINS, lines_of, scores_in
from connectors.findings import Findings
from stream_processors.detection.batch import LineBatch

LAST_DAY = (1 << 31) - 1


class DayCounts:
    """Counts by day (UTC) since they were last told, of one source in one partition. model: what reads the lines."""

    def __init__(self, model: str) -> None:
        self._lines = lines_of(model)
        self._days: dict[int, dict[str, int]] = {}

    def read(self, batch: LineBatch) -> None:
        """Counts lines, and the words of their templates."""
        days, of = days_of(batch.times)
        words = batch.rows.words_known[batch.templates]
        sums = [np.bincount(of), *(np.bincount(of, words[:, column]) for column in range(2))]
        for name, counts in zip((self._lines, "words", "unknown"), sums, strict=True):
            self._add(days, name, counts)

    def scored(self, times: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        """Counts scores of lines, (lines,) each, those of earlier batches among them."""
        if not len(scores):
            return
        days, of = days_of(times)
        bins = np.minimum(scores / SCORE_BIN, SCORE_BINS - 1).astype(np.int64)
        counts = np.bincount(of * SCORE_BINS + bins, minlength=len(days) * SCORE_BINS)
        for bin, column in enumerate(counts.reshape(-1, SCORE_BINS).T):
            self._add(days, scores_in(bin), column)

    def _add(self, days: NDArray[np.int64], name: str, counts: NDArray) -> None:
        for day, count in zip(days.tolist(), counts.tolist(), strict=True):
            if count:
                sums = self._days.setdefault(day, {})
                sums[name] = sums.get(name, 0) + int(count)

    def tell(self, findings: Findings) -> None:
        """Adds to ``findings`` what was counted since the last time."""
        for day, counts in self._days.items():
            sums = findings.days.setdefault(day, {})
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count
        self._days = {}


def days_of(times: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The days since the epoch that lines are of, (days,), 0 for none, and the place among them of each line's."""
    days = np.clip(np.nan_to_num(times, posinf=0.0, neginf=0.0) // DAY, 0, LAST_DAY).astype(np.int64)
    if days.min() == days.max():
        return days[:1], np.zeros(len(days), dtype=np.int64)
    found, of = np.unique(days, return_inverse=True)
    return found, of.reshape(-1)
