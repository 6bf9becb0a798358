"""The lines of a step as arrays, of which an object is made when someone wants to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from connectors.formats.recorded import rows_of
from connectors.formats.rows import Layout, Layouts, Rows, part_of
from connectors.records import Line


class ScannedLines(Sequence[Line]):
    """n lines of one partition, in order.

    make: makes the object of a line, whose time is set here.
    """

    def __init__(
        self,
        buffer: NDArray[np.uint8],
        layouts: Sequence[Layout],
        rows: Rows,
        offsets: NDArray[np.int64],
        indexes: NDArray[np.int32],
        times: NDArray[np.float64],
        make: Callable[[int], Line],
    ) -> None:
        self.buffer, self.layouts, self.rows = buffer, layouts, rows
        self.offsets, self.indexes, self.times = offsets, indexes, times
        self._make = make
        self._made: dict[int, Line] = {}

    @classmethod
    def of(cls, lines: Sequence[Line]) -> ScannedLines:
        """The same of lines that are objects already."""
        layouts = Layouts()
        rows, buffer = rows_of([line.record for line in lines], layouts)
        return cls(
            buffer,
            layouts.known,
            rows,
            np.array([line.offset for line in lines], np.int64),
            np.array([line.index for line in lines], np.int32),
            np.array([line.timestamp for line in lines], np.float64),
            lines.__getitem__,
        )

    def part(self, first: int, end: int) -> ScannedLines:
        """The lines from one place to another."""
        return ScannedLines(
            self.buffer,
            self.layouts,
            part_of(self.rows, first, end),
            self.offsets[first:end],
            self.indexes[first:end],
            self.times[first:end],
            lambda place: self[first + place],
        )

    def carry(self, latest: float) -> None:
        """Gives lines whose time is 0 that of the line before them. latest: of the line before the first."""
        last = np.maximum.accumulate(np.where(self.times != 0, np.arange(len(self)), -1))
        self.times = np.where(last < 0, latest, self.times[last])

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, place: int) -> Line: ...

    @overload
    def __getitem__(self, place: slice) -> list[Line]: ...

    def __getitem__(self, place: int | slice) -> Line | list[Line]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        line = self._made.get(place)
        if line is None:
            line = self._made[place] = self._make(place)
            line.timestamp = float(self.times[place])
        return line

    def __iter__(self) -> Iterator[Line]:
        return (self[place] for place in range(len(self)))
