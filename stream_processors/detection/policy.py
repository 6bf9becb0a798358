"""Where a score becomes an alert."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Anomaly
from stream_processors.detection.quantile import SlidingQuantile
from stream_processors.detection.texts import Shown

EQUAL_SCORES = 0.1
"""Scores that differ by less are ties: those of equal lines wander by as much as shares and tails do."""


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

    def flag(
        self,
        show: Callable[[int], Shown],
        pattern: Callable[[int], str],
        scores: NDArray[np.float64],
    ) -> list[Anomaly]:
        """The alerts among lines whose scores were observed.

        show: what an alert says of a line, asked for those that are flagged. pattern: the id of its pattern.
        """
        threshold = self._quantile.threshold()
        flagged = [
            (row, show(row)) for row in np.flatnonzero(scores.astype(np.float32) >= threshold).tolist()
        ]
        return [
            Anomaly(
                partition=self._partition,
                offset=line.offset,
                timestamp=line.timestamp,
                score=float(scores[row]),
                threshold=threshold,
                text=line.text,
                format=line.format,
                pattern=pattern(row),
                cut=line.cut,
                model=self._model,
                index=line.index,
            )
            for row, line in flagged
        ]

    def state(self) -> dict[str, NDArray]:
        """The scores it remembers."""
        return self._quantile.state()

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved scores."""
        self._quantile.restore(state)
