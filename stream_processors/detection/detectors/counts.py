"""Hashed counts of one source that fade line by line, for kinds that count. The table grows up to a bound."""

from __future__ import annotations

from math import exp

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import kernel
from stream_processors.detection import counting
from stream_processors.detection.counting import FULL, MEMORY_LINES


@kernel
def lines_counted(lines: int) -> float:
    """What so many lines are worth when each fades: at most MEMORY_LINES."""
    return MEMORY_LINES * (1.0 - exp(-lines / MEMORY_LINES))


@kernel
def untaught(entries: NDArray, keys: NDArray[np.uint64], line: int) -> None:
    """Takes one line back from the counts of keys, as they are at ``line``."""
    for key in keys:
        place = counting.place_of(entries, key)
        if place >= 0 and entries[place].key == key:
            entry = entries[place]
            left = counting.faded(entry.count, (line - np.int64(entry.line)) & 0xFFFFFFFF) - 1.0
            entry.count, entry.line = max(left, 0.0), line & 0xFFFFFFFF


@kernel
def moved(entries: NDArray, taken: NDArray[np.int64], key: np.uint64, to: np.uint64, line: int) -> None:
    """Adds what a key has counted to another one's count, as they are at ``line``."""
    place = counting.place_of(entries, key)
    if place < 0 or entries[place].key != key:
        return
    entry = entries[place]
    count = counting.faded(entry.count, (line - np.int64(entry.line)) & 0xFFFFFFFF)
    entry.count = 0.0
    counting.count_in(entries, taken, to, line, line)
    entries[counting.place_of(entries, to)].count += count - 1.0


@kernel
def counts_of(entries: NDArray, keys: NDArray[np.uint64], line: int) -> NDArray[np.float64]:
    """What keys have counted at ``line``, float64 (keys,)."""
    found = np.zeros(len(keys))
    for row in range(len(keys)):
        place = counting.place_of(entries, keys[row])
        if place >= 0 and entries[place].key == keys[row]:
            entry = entries[place]
            found[row] = counting.faded(entry.count, (line - np.int64(entry.line)) & 0xFFFFFFFF)
    return found


class Counts:
    """Counts by 64-bit hash; what counts least makes room when all places are taken."""

    def __init__(self, *, limit: int = counting.ENTRIES) -> None:
        self._limit = limit
        self.entries = counting.make_table(counting.ENTRY)
        self.lines = 0
        """Lines that were counted."""
        self.taken = np.zeros(4, dtype=np.int64)
        """As ``counting`` wants it: the second is how many places are taken, the fourth how many may be."""

    def room(self) -> None:
        """Grows the table when it is nearly full, and says how many places may be taken until the next call."""
        while self.taken[1] > FULL * len(self.entries) and 2 * len(self.entries) <= self._limit:
            self.entries = counting.grown(self.entries)
        full = len(self.entries) >= self._limit
        self.taken[3] = len(self.entries) if full else int(FULL * len(self.entries))

    def of(self, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
        """What keys count now, float64 (keys,)."""
        return counts_of(self.entries, keys, self.lines)

    def move(self, key: np.uint64, to: np.uint64) -> None:
        """Counts all of a key as another one's."""
        moved(self.entries, self.taken, key, to, self.lines)

    def take_back(self, keys: NDArray[np.uint64]) -> None:
        """Counts one line of each key less."""
        untaught(self.entries, keys, self.lines)

    def state(self) -> dict[str, NDArray]:
        """The places that are taken, as bytes, and the lines counted."""
        entries = self.entries[self.entries["key"] != 0]
        return {
            "entries": np.frombuffer(entries.tobytes(), dtype=np.uint8),
            "lines": np.array([self.lines]),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved counts."""
        self.entries = counting.table_of(state["entries"], counting.ENTRY, self._limit)
        self.lines = int(state["lines"][0])
        self.taken[1] = np.count_nonzero(self.entries["key"])
