"""What a partition counts of its lines by day, from which drift is seen: lines, words, scores."""

from __future__ import annotations

from collections.abc import Sequence

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
        known = batch.rows.words_known
        for day, places in by_day(batch.times):
            if places is None:
                words = batch.distinct.counts @ known[batch.distinct.rows]
            else:
                words = known[batch.templates[places]].sum(axis=0)
            lines = len(batch) if places is None else len(places)
            self._add(day, {self._lines: lines, "words": int(words[0]), "unknown": int(words[1])})

    def scored(self, times: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        """Counts scores of lines, (lines,) each, those of earlier batches among them."""
        if not len(scores):
            return
        bins = np.minimum(scores * (1 / SCORE_BIN), SCORE_BINS - 1).astype(np.int64)
        for day, places in by_day(times):
            counts = np.bincount(bins if places is None else bins[places]).tolist()
            self._add(day, {scores_in(bin): count for bin, count in enumerate(counts)})

    def _add(self, day: int, counts: dict[str, int]) -> None:
        sums = self._days.setdefault(day, {})
        for name, count in counts.items():
            if count:
                sums[name] = sums.get(name, 0) + count

    def tell(self, findings: Findings) -> None:
        """Adds to ``findings`` what was counted since the last time."""
        for day, counts in self._days.items():
            sums = findings.days.setdefault(day, {})
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count
        self._days = {}


def by_day(times: NDArray[np.float64]) -> Sequence[tuple[int, NDArray[np.int64] | None]]:
    """The days since the epoch that lines are of, 0 for none, each with their places; None for all, most often so."""
    first, last = times.min(), times.max()
    if np.isfinite(last) and first // DAY == last // DAY:  # not a number when there is one that is none
        return [(day_of(first // DAY), None)]
    days = np.nan_to_num(times, posinf=0.0, neginf=0.0) // DAY
    order = np.argsort(days, kind="stable")
    found, begins = np.unique(days[order], return_index=True)
    return [(day_of(day), places) for day, places in zip(found, np.split(order, begins[1:]), strict=True)]


def day_of(day: float) -> int:
    """A day as a number of a reasonable size, or 0."""
    return int(min(max(day, 0), LAST_DAY))
