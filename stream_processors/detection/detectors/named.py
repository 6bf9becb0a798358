"""Which parts of lines are columns that a user says name what a line is about (``detection.entities``)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.entities import last_part, rank_of

MOST_SLOTS = 16_384
"""Slots whose names were looked at; more, and all are looked at again."""


class NamedColumns:
    """Knows slots by the names of their columns. names: of columns, what tells most apart first."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = tuple(map(last_part, names))
        self._slots, self._ranks = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint8)

    def ranks(self, batch: LineBatch) -> NDArray[np.uint8]:
        """The rank of each part's column among the names, from 1, and 0 for no such column: uint8 (parts,).

        Of no part when there are no names.
        """
        if not self._names:
            return np.zeros(0, dtype=np.uint8)
        slots, first = np.unique(batch.slots, return_index=True)
        new = ~np.isin(slots, self._slots, assume_unique=True)
        if new.any():
            self._note(batch, slots[new], first[new])
        return self._ranks[np.searchsorted(self._slots, batch.slots)]

    def _note(self, batch: LineBatch, slots: NDArray[np.uint64], parts: NDArray[np.int64]) -> None:
        if len(self._slots) > MOST_SLOTS:
            slots, parts = np.unique(batch.slots, return_index=True)
            self._slots, self._ranks = self._slots[:0], self._ranks[:0]
        lines = np.searchsorted(batch.starts, parts, side="right") - 1
        ranks = [
            rank_of(batch.part(line, part)[0], self._names) if batch.types[part] == 0 else 0
            for line, part in zip(lines.tolist(), parts.tolist(), strict=True)
        ]
        every = np.concatenate([self._slots, slots])
        order = np.argsort(every)
        self._slots = every[order]
        self._ranks = np.concatenate([self._ranks, np.array(ranks, dtype=np.uint8)])[order]


@helper
def named_part(
    ranks: NDArray[np.uint8],
    begin: int,
    end: int,
    spans: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
) -> int:
    """Of the parts of a line, from ``begin`` to ``end``, the one of the first rank that has a value; -1 for none."""
    found = -1
    if len(ranks):
        for part in range(begin, end):
            has_value = ranks[part] > 0 and spans[2][part] > spans[1][part]
            if has_value and (found < 0 or ranks[part] < ranks[found]):
                found = part
    return found
