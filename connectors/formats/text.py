"""Raw text: the line without its leading timestamp."""

from __future__ import annotations

from connectors.formats.clock import UTC, Clock
from connectors.formats.times import split_time
from connectors.records import Record


def parse_raw(line: str, *, error: str | None = None, clock: Clock = UTC) -> Record:
    """A raw record: the line without a leading time; ``error`` says why a parser rejected the line.

    A line that is nothing but a timestamp keeps it.
    """
    stamp = split_time(line, clock)
    return Record(text=stamp.rest or line, format="raw", time=stamp.time, parse_error=error)
