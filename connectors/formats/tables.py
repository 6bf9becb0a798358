"""Formats with columns, most of them named by header lines, told apart by the first characters."""

from __future__ import annotations

from connectors.formats import cisco, ltsv, vpcflow, w3c, winxml, zeek
from connectors.formats.ansi import without_escapes
from connectors.formats.clock import UTC, Clock
from connectors.formats.headers import HeaderLines
from connectors.records import Record

BEGIN_HEADERS = frozenset("#abcdefghijklmnopqrstuv")
"""What a line begins with that may say what the columns of others are."""
BEGIN_PAYLOADS = frozenset("%<")
"""What one of these formats begins with inside a syslog message, unless it has tabs."""


def may_be_header(line: str) -> bool:
    """Whether a line as it came may say what the columns of others are."""
    line = without_escapes(line)
    return line[:1] == "#" or vpcflow.names_of(line) is not None


def note_header(line: str, headers: HeaderLines, stream: str) -> bool:
    """Whether a line only says what the columns of others are; that is remembered for its stream."""
    if line[0] == "#":
        return w3c.note_header(line, headers, stream) or zeek.note_header(line, headers, stream)
    return line[0] in BEGIN_HEADERS and vpcflow.note_header(line, headers, stream)


def parse_table(line: str, headers: HeaderLines | None, stream: str, clock: Clock = UTC) -> Record | None:
    """The record of a line of one of these formats, None for any other; must be quick to say None."""
    first = line[0]
    if first == "<" and line.startswith(winxml.BEGINS) and (record := winxml.parse_winxml(line)):
        return record
    is_number = "0" <= first <= "9"
    is_table = "\t" in line or (headers is not None and headers.has(stream, "zeek"))
    if is_table and (record := zeek.parse_zeek(line, headers, stream) or ltsv.parse_ltsv(line, clock)):
        return record
    if is_number and (record := vpcflow.parse_vpcflow(line, headers, stream)):
        return record
    is_named = headers is not None and headers.has(stream, "w3c")
    if (is_number or is_named) and (record := w3c.parse_w3c(line, headers, stream, clock)):
        return record
    return cisco.parse_cisco(line, clock) if "%" in line else None


def parse_payload(text: str, clock: Clock = UTC, *, time: float | None = None) -> Record | None:
    """The record of one of these formats inside a syslog message, where no header line comes; None for any other."""
    first = text[:1]
    if first == "%":
        return cisco.parse_message(text, time=time)
    if first == "<":
        return winxml.parse_winxml(text)
    return ltsv.parse_ltsv(text, clock, time=time) if "\t" in text else None
