"""A streaming quantile: the score above which a given share of recent lines lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SlidingQuantile:
    """The exact (1 - rate) quantile of the last ``window`` scores, among which near ones are equal.

    A window forgets, so the threshold follows drift, and an exact quantile of a few thousand scores costs
    less than a millisecond a batch. Scores within ``tolerance`` of each other are ties and share one rank, the middle
    of theirs: a mass of nearly equal scores is above the threshold as a whole or not at all, so that it does not pass
    while it creeps upwards.
    """

    def __init__(self, rate: float, *, window: int = 8_192, tolerance: float = 0.0) -> None:
        if not 0 < rate < 1:
            raise ValueError(f"rate must lie between 0 and 1, got {rate}")
        if tolerance < 0:
            raise ValueError(f"tolerance must not be negative, got {tolerance}")
        self._rate, self._tolerance = rate, np.float32(tolerance)
        self._scores = np.zeros(window, dtype=np.float32)
        self._seen = 0

    def update(self, scores: NDArray[np.float64]) -> None:
        """Takes scores, (n,), into the window."""
        recent = scores[-len(self._scores) :]
        places = (self._seen + np.arange(len(recent))) % len(self._scores)
        self._scores[places] = recent
        self._seen += len(recent)

    def threshold(self, band: float = 1.0) -> float:
        """Scores at or above this are in the top ``band * rate``; infinite before any score was seen.

        Of a few scores the highest is, unless most are as high.
        """
        filled = min(self._seen, len(self._scores))
        if filled == 0:
            return float("inf")
        scores = np.sort(self._scores[:filled])
        above = filled - np.searchsorted(scores, scores + self._tolerance, side="right")
        as_high = filled - np.searchsorted(scores, scores - self._tolerance, side="left")
        passing = np.flatnonzero(above + as_high <= 2 * max(band * self._rate * filled, 1))
        if len(passing):
            return float(scores[passing[0]])
        return float(np.nextafter(scores[-1] + self._tolerance, np.float32(np.inf)))

    def state(self) -> dict[str, NDArray]:
        """The window's scores, oldest first."""
        size = len(self._scores)
        oldest = self._seen % size if self._seen > size else 0
        return {"scores": np.roll(self._scores, -oldest)[: min(self._seen, size)]}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved scores."""
        self._seen = 0
        self.update(state["scores"].astype(np.float64))
