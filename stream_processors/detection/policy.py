"""Where a score becomes an alert."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Anomaly
from connectors.records import Line
from stream_processors.detection.quantile import SlidingQuantile
from stream_processors.detection.texts import display_text

EQUAL_SCORES = 0.02
"""Scores that differ by less are ties: those of equal lines wander by as much while trees are renewed."""


class AlertPolicy:
    """Flags a line whose score is among the highest share ``rate`` of its partition's recent ones.

    Scores that are nearly equal pass together or not at all (``quantile.SlidingQuantile``): equal lines are no alert
    when they are more than that share.
    """

    def __init__(self, rate: float, *, partition: int, model: str) -> None:
        self._partition, self._model = partition, model
        self._quantile = SlidingQuantile(rate, tolerance=EQUAL_SCORES)

    def observe(self, scores: NDArray[np.float64]) -> None:
        """Takes note of scores, (lines,); those of lines to be flagged first of all."""
        self._quantile.update(scores)

    def reaches(self, scores: NDArray[np.float64], *, band: float = 1.0) -> NDArray[np.int64]:
        """Places of the scores that an alert rate ``band`` times as high would flag."""
        return np.flatnonzero(scores.astype(np.float32) >= self._quantile.threshold(band))

    def flag(
        self, lines: Sequence[Line], patterns: Sequence[str], scores: NDArray[np.float64]
    ) -> list[Anomaly]:
        """The alerts among lines whose scores were observed; patterns are their ids."""
        threshold = self._quantile.threshold()
        return [
            Anomaly(
                partition=self._partition,
                offset=lines[row].offset,
                timestamp=lines[row].timestamp,
                score=float(scores[row]),
                threshold=threshold,
                text=display_text(lines[row]),
                format=lines[row].record.format,
                pattern=patterns[row],
                cut=lines[row].cut,
                model=self._model,
                index=lines[row].index,
            )
            for row in self.reaches(scores).tolist()
        ]

    def state(self) -> dict[str, NDArray]:
        """The scores it remembers."""
        return self._quantile.state()

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved scores."""
        self._quantile.restore(state)
