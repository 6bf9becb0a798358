"""Messages that were read together, and are handed out a step at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.envelopes import Reader
from connectors.formats.clock import DAY, NEVER_SET
from connectors.records import Line, Message, Record
from stream_processors.detection.arriving import Messages
from stream_processors.detection.lines import ScannedLines

WHOLE = -1
"""In place of a line's index: the message with all of its lines."""
UNPARSED = Record(text="", format="raw")
"""The record of a line that could not be parsed."""
Failure = tuple[Message, int, Exception]
"""A message and one of its lines, or WHOLE, and why it can't be read."""


@dataclass(frozen=True)
class Ahead:
    """Messages with their lines."""

    messages: Messages
    of: NDArray[np.int64]
    """Place among them of each line's, (lines,)."""
    lines: ScannedLines
    failed: Sequence[Failure]
    whole: bool
    """Whether all are to be handed out at once: some line says how those behind it are read."""

    def cut(self, most_lines: int, limit: int) -> tuple[Ahead, Ahead | None]:
        """The first messages, with about as many lines, of offsets below the limit, and the rest; one at least."""
        messages = self.messages
        last, offsets = messages.size, messages.offsets
        if not self.whole:
            if len(self.of) > most_lines:
                last = int(self.of[most_lines - 1]) + 1
            last = max(1, min(last, int(np.searchsorted(offsets, limit))))
        if last == messages.size:
            return self, None
        at, end = int(np.searchsorted(self.of, last)), int(offsets[last])
        return (
            Ahead(
                messages.part(0, last),
                self.of[:at],
                self.lines.part(0, at),
                [failure for failure in self.failed if failure[0].offset < end],
                False,
            ),
            Ahead(
                messages.part(last, messages.size),
                self.of[at:] - last,
                self.lines.part(at, len(self.of)),
                [failure for failure in self.failed if failure[0].offset >= end],
                False,
            ),
        )


def scan_messages(reader: Reader, messages: Messages, *, by_line: bool) -> Ahead | None:
    """Reads messages together; None when a line waits for its continuation.

    by_line: whether the lines' own times count. Raises RegistryUnreachable.
    """
    scanned = reader.scan(messages.values)
    if scanned is None:
        return None
    of, indexes, record = scanned.messages, scanned.indexes, scanned.record
    received = messages.times[of]
    times = believed_times(scanned.rows.times, received, time.time()) if by_line else received

    def line(place: int) -> Line:
        return line_of(messages.make(int(of[place])), int(indexes[place]), record(place))

    offsets = messages.offsets[of]
    lines = ScannedLines(scanned.buffer, scanned.layouts, scanned.rows, offsets, indexes, times, line)
    failed = [(messages.make(place), index, error) for (place, index), error in scanned.failed.items()]
    return Ahead(messages, of, lines, failed, scanned.named)


def believed_times(
    stated: NDArray[np.float64], received: NDArray[np.float64], now: float
) -> NDArray[np.float64]:
    """``clock.believed`` of many lines, nan of those that state no time."""
    good = (stated > NEVER_SET) & (stated <= now + DAY)
    return np.where(good, np.minimum(stated, now), received)


def line_of(
    message: Message, index: int = 0, record: Record = UNPARSED, happened: float | None = None
) -> Line:
    """A line of a message, not parsed yet unless its record is given."""
    timestamp = message.timestamp if happened is None else happened
    return Line(message.offset, timestamp, record, message.key, message.value, message.headers, False, index)
