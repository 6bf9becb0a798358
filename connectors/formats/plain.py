"""Plain text: a message behind a header of a time, a level, brackets and names, each of which may be missing."""

from __future__ import annotations

from connectors.formats import syslog
from connectors.formats.clock import Clock
from connectors.formats.header import Header
from connectors.formats.layouts import Layout, read_whole
from connectors.formats.payload import parse_payload
from connectors.formats.shape import find_header
from connectors.formats.starts import is_name_then_time, may_begin_header, stated_level
from connectors.formats.times import find_time
from connectors.records import SERVICE, Record


def parse_usual(line: str, clock: Clock) -> Record | None:
    """The record of a line with the most usual header, ``2026-11-25 10:00:00,123 INFO [main] Shop - message``."""
    layout = read_whole(line, clock)
    return with_header(layout, line[layout.end :] or line, clock) if layout else None


def parse_plain(whole: str, line: str, clock: Clock) -> Record:
    """The record of a line that begins with no sign of a structured format; what is behind its header may.

    whole: the line with the blanks in front, which are kept where there is no header.
    """
    if line is not whole and (record := parse_usual(line, clock)):
        return record
    header: Header | Layout | None = None
    found = find_time(line, 0, clock)
    if found is not None:
        if found.is_syslog and (record := syslog.parse_without_priority(line, found, clock)):
            return record
        header = find_header(line, clock, found)
    elif may_begin_header(line) or is_name_then_time(line):
        header = find_header(line, clock, None)
    if header is not None:
        return with_header(header, line[header.end :] or line, clock)
    if payload := parse_payload(line, clock=clock):
        return payload
    return Record(whole, "raw", {}, None, stated_level(line))


def with_header(header: Header | Layout, rest: str, clock: Clock) -> Record:
    """The record of a message behind its header, structured or not."""
    columns = header.columns
    payload = parse_payload(rest, time=header.time, clock=clock)
    # A brace behind a header promises no JSON.
    if payload is not None and payload.parse_error is None:
        for name, value in columns.items():
            payload.fields.setdefault(name, value)
        payload.severity = payload.severity or header.severity
        return payload
    severity = header.severity or stated_level(rest)
    if header.program:
        return Record(f"{columns[SERVICE]}: {rest}", "text", columns, header.time, severity, message=rest)
    return Record(rest, "text" if columns else "raw", columns, header.time, severity)
