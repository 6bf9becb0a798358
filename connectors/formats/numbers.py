"""Compiled: what is known by 64-bit hashes, in arrays that compiled loops look things up in."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel

FIRST_ROOM = 1_024
Table = tuple[NDArray[np.uint64], NDArray[np.int64]]
"""Keys, 0 where there is none, and their numbers; (room,) each, room a power of two and at least half of it free."""


@helper
def number_of(key: np.uint64, keys: NDArray[np.uint64], numbers: NDArray[np.int64]) -> int:
    """The number of a key in a table, -1 when it is not there."""
    if key == np.uint64(0):
        key = np.uint64(1)
    mask = np.uint64(len(keys) - 1)
    at = (key ^ (key >> np.uint64(32))) & mask
    while keys[at] != np.uint64(0):
        if keys[at] == key:
            return numbers[at]
        at = (at + np.uint64(1)) & mask
    return -1


@kernel
def _numbers_of(
    wanted: NDArray[np.uint64], keys: NDArray[np.uint64], numbers: NDArray[np.int64], found: NDArray[np.int64]
) -> None:
    for place in range(len(wanted)):
        found[place] = number_of(wanted[place], keys, numbers)


@kernel
def _put(
    more: NDArray[np.uint64],
    of_them: NDArray[np.int64],
    keys: NDArray[np.uint64],
    numbers: NDArray[np.int64],
) -> int:
    """Adds keys to a table that has room for them; how many were new."""
    new = 0
    mask = np.uint64(len(keys) - 1)
    for place in range(len(more)):
        key = more[place]
        if key == np.uint64(0):
            key = np.uint64(1)
        at = (key ^ (key >> np.uint64(32))) & mask
        while keys[at] != np.uint64(0) and keys[at] != key:
            at = (at + np.uint64(1)) & mask
        new += keys[at] == np.uint64(0)
        keys[at] = key
        numbers[at] = of_them[place]
    return new


class Numbers:
    """A table that grows. Who looks things up while another thread adds some sees it before or after, whole."""

    def __init__(self) -> None:
        self.table: Table = _empty(FIRST_ROOM)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def clear(self) -> None:
        """Forgets all."""
        self.table, self._size = _empty(FIRST_ROOM), 0

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The numbers of keys, int64 (keys,), -1 of those that are not there."""
        found = np.empty(len(keys), np.int64)
        _numbers_of(keys, *self.table, found)
        return found

    def add(self, keys: Iterable[int], numbers: Iterable[int]) -> None:
        """Adds keys, none or more, with their numbers; one that is there gets the new number."""
        more, of_them = np.array([*keys], np.uint64), np.array([*numbers], np.int64)
        old, room = self.table, len(self.table[0])
        while 2 * (self._size + len(more)) > room:
            room *= 2
        if room == len(old[0]):
            table = old[0].copy(), old[1].copy()
        else:
            table, kept = _empty(room), old[0] != 0
            _put(old[0][kept], old[1][kept], *table)
        self._size += _put(more, of_them, *table)
        self.table = table


def _empty(room: int) -> Table:
    return np.zeros(room, np.uint64), np.zeros(room, np.int64)
