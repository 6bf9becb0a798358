"""Raw text: the line without its leading timestamp."""

from __future__ import annotations

from connectors.formats.times import Stamp, split_time
from connectors.records import Record


def parse_raw(line: str, *, stamp: Stamp | None = None, error: str | None = None) -> Record:
    """A raw record; ``error`` says why a parser rejected the line.

    ``stamp`` is the line already split by ``split_time``. A line that is nothing but a timestamp keeps it.
    """
    stamp = stamp or split_time(line)
    return Record(text=stamp.rest or line, format="raw", time=stamp.time, parse_error=error)
