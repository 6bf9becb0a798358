"""A streaming quantile: the score above which a given share of recent lines lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SlidingQuantile:
    """The exact (1 - rate) quantile of the last ``window`` scores.

    A window forgets, so the threshold follows drift, and an exact quantile of a few thousand scores costs
    less than a millisecond a batch.
    """

    def __init__(self, rate: float, *, window: int = 8_192) -> None:
        if not 0 < rate < 1:
            raise ValueError(f"rate must lie between 0 and 1, got {rate}")
        self._rate = rate
        self._scores = np.zeros(window, dtype=np.float32)
        self._seen = 0

    def update(self, scores: NDArray[np.float64]) -> None:
        """Takes scores, (n,), into the window."""
        recent = scores[-len(self._scores) :]
        places = (self._seen + np.arange(len(recent))) % len(self._scores)
        self._scores[places] = recent
        self._seen += len(recent)

    def threshold(self, band: float = 1.0) -> float:
        """Scores at or above this are in the top ``band * rate``; infinite before any score was seen."""
        filled = min(self._seen, len(self._scores))
        if filled == 0:
            return float("inf")
        return float(np.quantile(self._scores[:filled], max(1 - band * self._rate, 0), method="higher"))

    def state(self) -> dict[str, NDArray]:
        """The window's scores, oldest first."""
        size = len(self._scores)
        oldest = self._seen % size if self._seen > size else 0
        return {"scores": np.roll(self._scores, -oldest)[: min(self._seen, size)]}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved scores."""
        self._seen = 0
        self.update(state["scores"].astype(np.float64))
