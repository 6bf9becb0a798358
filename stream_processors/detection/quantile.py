"""A streaming quantile of the tail: the score above which a given share of recent lines lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import kernel

BLOCKS = 16
"""Blocks of lines that are remembered, the one being filled included."""
FLAGGED = 8
"""Lines of a block that are to be flagged: its length follows from the share."""
SHORTEST, LONGEST = 512, 1 << 20
"""Lines of a block."""
KEPT = 8
"""A block keeps so many times as many of its highest scores as are to be flagged."""


class TailQuantile:
    """The exact quantile of the scores of the last 16 blocks of lines, which keep their highest scores only.

    A block is as long as it takes to flag eight of its lines, so that a share of a hundred-thousandth is as exact as
    one of a tenth, with a thousand numbers in memory. Scores within ``tolerance`` of each other are ties and share one
    rank, the middle of theirs: a mass of nearly equal scores is above the threshold as a whole or not at all, so that
    it does not pass while it creeps upwards.
    """

    def __init__(self, tolerance: float = 0.0) -> None:
        if tolerance < 0:
            raise ValueError(f"tolerance must not be negative, got {tolerance}")
        self._tolerance = np.float32(tolerance)
        self._tops: list[NDArray[np.float32]] = []
        self._counts: list[int] = []

    @property
    def lines(self) -> int:
        """Lines that it remembers."""
        return sum(self._counts)

    def update(self, scores: NDArray[np.float32], share: float) -> None:
        """Takes scores, (n,), of lines of which ``share`` is to be flagged."""
        length = int(min(max(FLAGGED / share, SHORTEST), LONGEST))
        most = int(min(max(KEPT * share * length, KEPT * FLAGGED), length))
        while len(scores):
            if not self._counts or self._counts[-1] >= length:
                self._tops.append(np.empty(0, dtype=np.float32))
                self._counts.append(0)
                del self._tops[:-BLOCKS], self._counts[:-BLOCKS]
            room, top = length - self._counts[-1], self._tops[-1]
            part, scores = scores[:room], scores[room:]
            self._counts[-1] += len(part)
            high = part if len(top) < most else part[part > top[0]]
            if len(high):
                self._tops[-1] = np.sort(np.concatenate([top, high]))[-most:]

    def threshold(self, share: float, mass: float) -> float:
        """Scores at or above this are in the top ``share``, unless they are ties of more than twice the share ``mass``.

        Infinite before any score was seen. Of a few scores the highest is, unless most are as high.
        """
        lines = self.lines
        if lines == 0:
            return float("inf")
        scores = np.sort(np.concatenate(self._tops))
        return float(
            passing(scores, self._tolerance, 2.0 * max(share * lines, 1.0), 2.0 * max(mass * lines, 1.0))
        )

    def shares(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of remembered lines that score as high, 1 / lines at least; 1 before any was seen. (n,) each."""
        known = np.sort(np.concatenate([np.empty(0, dtype=np.float32), *self._tops]))
        as_high = len(known) - np.searchsorted(known, scores.astype(np.float32))
        return np.maximum(as_high, 1) / max(self.lines, 1)

    def state(self) -> dict[str, NDArray]:
        """Highest scores and number of lines of each block, oldest first."""
        return {
            "tops": np.concatenate([np.empty(0, dtype=np.float32), *self._tops]),
            "sizes": np.array([len(top) for top in self._tops], dtype=np.int64),
            "counts": np.array(self._counts, dtype=np.int64),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved state."""
        ends = np.cumsum(state["sizes"])
        self._tops = [part.astype(np.float32) for part in np.split(state["tops"], ends)[: len(ends)]]
        self._counts = state["counts"].tolist()


@kernel
def passing(
    scores: NDArray[np.float32], tolerance: np.float32, most: float, ties: float
) -> np.float32:  # pragma: no cover - compiled
    """The lowest of ``scores``, ascending, that is among the highest with all that tie with it.

    A score's rank is the middle of those of its ties: of what lies above them and what is as high, the sum is ``most``
    at most, and the difference ``ties``. Above the highest when none passes.
    """
    count = len(scores)
    found = np.nextafter(np.float32(scores[count - 1] + tolerance), np.float32(np.inf))
    above = low = count
    for place in range(count - 1, -1, -1):
        while above > 0 and scores[above - 1] > scores[place] + tolerance:
            above -= 1
        while low > 0 and scores[low - 1] >= scores[place] - tolerance:
            low -= 1
        higher, as_high = count - above, count - low
        if higher + as_high > most and higher > 0:
            break
        if higher + as_high <= most and as_high - higher <= ties:
            found = scores[place]
    return found
