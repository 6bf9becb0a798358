"""What was read of the lines of many messages, in parts, and put in order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.formats.rows import Rows, joined, taken

Octets = NDArray[np.uint8]
Places = NDArray[np.int64]


class Spans(NamedTuple):
    """Lines, or objects, on their way out of their envelopes: n spans of one buffer."""

    data: Octets
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
            self.data,
            self.begins[places],
            self.ends[places],
            self.lines[places],
            self.arounds[places],
            self.times[places],
        )

    def bytes_of(self, place: int) -> bytes:
        """One of them."""
        return self.data[self.begins[place] : self.ends[place]].tobytes()


def spans_of(values: list[bytes], lines: Places) -> Spans:
    """Values that nothing is known to be around."""
    ends = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
    return Spans(
        np.frombuffer(bytearray().join(values), np.uint8),
        np.concatenate([np.zeros(1, np.int64), ends[:-1]]),
        ends,
        lines,
        np.full(len(values), -1, np.int64),
        np.full(len(values), np.nan),
    )


class Lines:
    """Lines by number, each at a place of its message. To begin with, each of so many messages is one line."""

    def __init__(self, messages: int) -> None:
        self.messages = np.arange(messages)
        self.indexes = np.zeros(messages, np.int64)
        self.known = np.zeros(messages, np.bool_)
        """Whether it is known what a line says, or a text that does."""
        self._dropped = np.zeros(messages, np.bool_)
        self._parts: list[tuple[Places, Rows, Octets]] = []

    def add(self, messages: list[int], indexes: list[int]) -> Places:
        """Numbers of further lines."""
        first = len(self.messages)
        self.messages = np.concatenate([self.messages, np.array(messages, np.int64)])
        self.indexes = np.concatenate([self.indexes, np.array(indexes, np.int64)])
        none = np.zeros(len(messages), np.bool_)
        self.known = np.concatenate([self.known, none])
        self._dropped = np.concatenate([self._dropped, none])
        return np.arange(first, len(self.messages))

    def drop(self, messages: NDArray[np.bool_]) -> None:
        """Leaves out all lines so far of some messages."""
        self._dropped |= messages[self.messages]

    def take(self, lines: Places, rows: Rows, buffer: Octets) -> None:
        """Takes what was read of lines."""
        self.known[lines] = True
        self._parts.append((lines, rows, buffer))

    def in_order(self) -> tuple[Places, Places, Rows, Octets]:
        """Messages, indexes and rows of all lines, and the buffer of their spans."""
        if not self._parts:
            none = np.zeros(0, np.int64)
            return none, none, Rows.unknown(0), np.zeros(0, np.uint8)
        sizes = np.cumsum([0, *(len(buffer) for *_, buffer in self._parts)]).tolist()
        rows = joined([(part, begin) for (_, part, _), begin in zip(self._parts, sizes, strict=False)])
        lines = np.concatenate([lines for lines, *_ in self._parts])
        messages, indexes = self.messages[lines], self.indexes[lines]
        order = np.lexsort((indexes, messages))
        if (dropped := self._dropped[lines]).any():
            order = order[~dropped[order]]
        buffer = np.concatenate([buffer for *_, buffer in self._parts])
        return messages[order], indexes[order], taken(rows, order), buffer
