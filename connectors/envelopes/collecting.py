"""What was read of the lines of many messages, in parts, and put in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.formats.rows import Rows, joined, taken

Octets = NDArray[np.uint8]
Places = NDArray[np.int64]
ROOM, LEAST_ROOM = 4, 65_536
"""Bytes that a buffer has for each that it begins with, and more: what is not written to takes no memory."""


class Buffer:
    """Bytes to which more are added. What was added stays where it is; ``array`` may be another one then."""

    def __init__(self, values: Sequence[bytes]) -> None:
        held = np.frombuffer(b"".join(values), np.uint8)
        self.array, self.used = np.empty(ROOM * len(held) + LEAST_ROOM, np.uint8), len(held)
        self.array[: len(held)] = held

    def room(self, more: int) -> Octets:
        """The array, with room for so many bytes behind ``used``."""
        if self.used + more > len(self.array):
            array = np.empty(2 * (self.used + more), np.uint8)
            array[: self.used] = self.array[: self.used]
            self.array = array
        return self.array

    def add(self, data: bytes | Octets) -> int:
        """Adds bytes; where they begin."""
        begin, end = self.used, self.used + len(data)
        self.room(len(data))[begin:end] = np.frombuffer(data, np.uint8)
        self.used = end
        return begin


class Spans(NamedTuple):
    """Lines, or objects, on their way out of their envelopes: n spans of a buffer."""

    begins: Places
    ends: Places
    lines: Places
    """Number of each one's line."""
    arounds: Places
    """Number of what the envelopes around each said, -1 for none."""
    times: NDArray[np.float64]
    """What they stated, nan for nothing."""

    def take(self, places: Places) -> Spans:
        """Some of them."""
        return Spans(
            self.begins[places],
            self.ends[places],
            self.lines[places],
            self.arounds[places],
            self.times[places],
        )

    def beginning_with(self, buffer: Buffer, byte: int) -> Places:
        """Which of them begin with a byte."""
        some = np.flatnonzero(self.ends > self.begins)
        return some[buffer.array[self.begins[some]] == byte]


def spans_of(sizes: Places, lines: Places, begin: int = 0) -> Spans:
    """Values of so many bytes behind one another, around which is nothing."""
    ends = begin + np.cumsum(sizes)
    none = np.full(len(lines), -1, np.int64)
    return Spans(ends - sizes, ends, lines, none, np.full(len(lines), np.nan))


class Lines:
    """Lines by number, each at a place of its message. To begin with, each of so many messages is one line."""

    def __init__(self, messages: int) -> None:
        self.messages = np.arange(messages)
        self.indexes = np.zeros(messages, np.int64)
        self.known = np.zeros(messages, np.bool_)
        """Whether it is known what a line says, or a text that does."""
        self._dropped = np.zeros(messages, np.bool_)
        self._parts: list[tuple[Places, Rows]] = []

    def add(self, messages: Places, indexes: Places) -> Places:
        """Numbers of further lines."""
        first = len(self.messages)
        self.messages = np.concatenate([self.messages, messages])
        self.indexes = np.concatenate([self.indexes, indexes])
        none = np.zeros(len(messages), np.bool_)
        self.known = np.concatenate([self.known, none])
        self._dropped = np.concatenate([self._dropped, none])
        return np.arange(first, len(self.messages))

    def drop(self, messages: NDArray[np.bool_]) -> None:
        """Leaves out all lines so far of some messages."""
        self._dropped |= messages[self.messages]

    def take(self, lines: Places, rows: Rows) -> None:
        """Takes what was read of lines."""
        self.known[lines] = True
        self._parts.append((lines, rows))

    def in_order(self) -> tuple[Places, Places, Rows]:
        """Messages, indexes and rows of all lines."""
        if not self._parts:
            none = np.zeros(0, np.int64)
            return none, none, Rows.unknown(0)
        lines = np.concatenate([lines for lines, _ in self._parts])
        messages, indexes = self.messages[lines], self.indexes[lines]
        order = np.lexsort((indexes, messages))
        if (dropped := self._dropped[lines]).any():
            order = order[~dropped[order]]
        return messages[order], indexes[order], taken(joined([rows for _, rows in self._parts]), order)
