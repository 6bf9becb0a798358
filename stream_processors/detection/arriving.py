"""Messages of a partition that wait to be read: their values, offsets and times, without an object each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.records import Message

MOST_BYTES = 8 << 20
"""Of messages that are read together, unless the first one is longer."""


class Messages(NamedTuple):
    """n messages in the order of their offsets."""

    values: Sequence[bytes | None]
    offsets: NDArray[np.int64]
    """(n,)"""
    times: NDArray[np.float64]
    """Kafka's, in seconds since the epoch and never in the future, (n,)."""
    make: Callable[[int], Message]
    """Makes the object of one."""

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Messages:
        """The same of objects."""
        return cls(
            [message.value for message in messages],
            np.array([message.offset for message in messages], np.int64),
            np.array([message.timestamp for message in messages], np.float64),
            messages.__getitem__,
        )

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.offsets)

    def part(self, first: int, end: int) -> Messages:
        """Those from one place to another."""
        make = self.make
        return Messages(
            self.values[first:end],
            self.offsets[first:end],
            self.times[first:end],
            lambda place: make(first + place),
        )


class Queue:
    """Messages that came in several parts."""

    def __init__(self) -> None:
        self._parts: deque[Messages] = deque()
        self._at = 0
        """How many of the first part have left."""

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def first(self) -> int:
        """Offset of the first one; there must be one."""
        return int(self._parts[0].offsets[self._at])

    @property
    def value(self) -> bytes | None:
        """Value of the first one."""
        return self._parts[0].values[self._at]

    def add(self, messages: Messages) -> None:
        """Takes messages that come after those that are there."""
        if messages.size:
            self._parts.append(messages)

    def together(self, most: int, limit: int) -> Messages:
        """Those of the first part that are read together: up to ``most``, one at least, of offsets below the limit."""
        if not self._parts:
            return Messages.of(())
        part, at = self._parts[0], self._at
        end = min(at + max(1, most), int(np.searchsorted(part.offsets, limit)))
        sizes = np.cumsum([len(value or b"") for value in part.values[at:end]])
        return part.part(at, min(end, at + max(1, int(np.searchsorted(sizes, MOST_BYTES, "right")))))

    def drop(self, count: int) -> None:
        """Lets so many of the first part leave."""
        self._at += count
        if self._at == self._parts[0].size:
            self._parts.popleft()
            self._at = 0

    def pop(self) -> Message:
        """The first one, which leaves."""
        message = self._parts[0].make(self._at)
        self.drop(1)
        return message
