"""How rare the pattern of a line is."""

from __future__ import annotations

from math import log

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def count_patterns(
    places: NDArray[np.int64], counts: NDArray[np.int64], total: int, found: NDArray[np.float32]
) -> None:
    """Of each line -log of the share of lines that its pattern had before it, float32 (lines,); counts them in."""
    for line in range(len(places)):
        place = places[line]
        found[line] = log((total + 2.0) / (counts[place] + 1.0))
        counts[place] += 1
        total += 1


class PatternCounts:
    """Lines by pattern, at most ``limit`` of them: those unused for longest are forgotten."""

    def __init__(self, limit: int = 1_000) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self._limit = limit
        self._ids = np.zeros(0, dtype=np.uint64)
        self._counts = np.zeros(0, dtype=np.int64)
        self._used = np.zeros(0, dtype=np.int64)
        self._places: dict[int, int] = {}
        self._total = self._clock = 0

    def rarity(self, patterns: NDArray[np.uint64], of: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rarity of each line's pattern, float32 (lines,), which is then counted in.

        patterns: ids of the batch's patterns. of: place among them of each line's, (lines,).
        """
        places = self._placed(patterns)
        found = np.empty(len(of), dtype=np.float32)
        count_patterns(places[of], self._counts, self._total, found)
        self._total += len(of)
        self._clock += 1
        self._used[places] = self._clock
        self._shrink()
        return found

    def _placed(self, patterns: NDArray[np.uint64]) -> NDArray[np.int64]:
        ids, known = patterns.tolist(), len(self._ids)
        new = [one for one in dict.fromkeys(ids) if one not in self._places]
        self._places.update({one: known + place for place, one in enumerate(new)})
        if new:
            zeros = np.zeros(len(new), dtype=np.int64)
            self._ids = np.concatenate([self._ids, np.array(new, dtype=np.uint64)])
            self._counts = np.concatenate([self._counts, zeros])
            self._used = np.concatenate([self._used, zeros])
        return np.array([self._places[one] for one in ids], dtype=np.int64)

    def merge(self, pattern: int, into: int) -> None:
        """Counts a pattern's lines as another one's from now on."""
        if (place := self._places.get(pattern)) is not None:
            self._placed(np.array([into], dtype=np.uint64))
            self._counts[self._places[into]] += self._counts[place]
            self._keep(np.flatnonzero(np.arange(len(self._ids)) != place))

    def _shrink(self) -> None:
        if len(self._ids) > self._limit:
            kept = np.sort(np.argsort(self._used, kind="stable")[-self._limit :])
            self._keep(kept)

    def _keep(self, places: NDArray[np.int64]) -> None:
        self._ids, self._counts, self._used = self._ids[places], self._counts[places], self._used[places]
        self._total = int(self._counts.sum())
        self._places = {one: place for place, one in enumerate(self._ids.tolist())}

    def state(self) -> dict[str, NDArray]:
        """Ids, counts and recency."""
        return {"ids": self._ids, "counts": self._counts, "used": self._used}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved counts."""
        self._ids, self._counts, self._used = (state[name].copy() for name in ("ids", "counts", "used"))
        self._clock = int(self._used.max(initial=0))
        self._keep(np.arange(len(self._ids)))
        self._shrink()
