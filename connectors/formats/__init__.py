"""From one log line to a :class:`~connectors.records.Record`.

``parse`` looks at the first characters, tries the format they suggest and falls back to raw text, so that every line
gives a record. What a shipper wrapped around lines is undone before (``connectors.envelopes``). Imports the standard
library, orjson and ``connectors.records`` only.
"""

from __future__ import annotations

from typing import Any

from connectors.formats import access, logfmt, structured, syslog, tables
from connectors.formats.ansi import ESCAPE, without_escapes
from connectors.formats.clock import UTC, Clock, clock_of
from connectors.formats.decoding import NO_TEXT, REPLACEMENT, decode, is_text
from connectors.formats.headers import HeaderLines
from connectors.formats.json_text import json_events
from connectors.formats.pairs import MAX_FIELDS
from connectors.formats.plain import parse_plain, parse_usual
from connectors.formats.syslog import add_program
from connectors.formats.text import parse_raw
from connectors.records import Record

__all__ = [
    "FORMATS",
    "MAX_FIELDS",
    "MAX_PARSED_BYTES",
    "HeaderLines",
    "add_program",
    "decode",
    "json_events",
    "parse",
    "parse_object",
    "parse_raw",
    "parse_text",
]

FORMATS = (
    *("json", "logfmt", "rfc3164", "rfc5424", "cef", "leef", "access"),
    *("winxml", "w3c", "zeek", "vpcflow", "ltsv", "cisco", "text", "raw"),
)
"""Every value that ``Record.format`` takes. A payload behind a header gives its own format;
``text`` is a message behind a header of more than a time, ``raw`` any other."""

# Kafka's default max.message.bytes. A parsed line costs memory many times its size, so what is longer is
# read as text only.
MAX_PARSED_BYTES = 1 << 20


def parse(value: bytes | None, *, max_text: int = 65_536) -> Record:
    """The record of one line that came alone and in no envelope; no content makes it raise.

    ``text`` has at most ``max_text`` characters; when that cuts it, ``cut`` is set. Only an empty line
    has an empty text.

    Raises ``ValueError`` only for a negative ``max_text``.
    """
    if max_text < 0:
        raise ValueError(f"max_text must not be negative, got {max_text}")
    record = parse_text(decode(value or b""))
    assert record is not None, "no headers, so no line can be one"
    if len(record.text) > max_text:
        record.text, record.cut = record.text[:max_text], True
    return record


def parse_text(
    line: str, headers: HeaderLines | None = None, stream: str = "", zone: str = "UTC"
) -> Record | None:
    """The record of one decoded line; no content makes it raise.

    headers: names of columns that header lines of the same ``stream`` gave; None for a line that is such a header.
    zone: the IANA name of the time zone of times that state none; ValueError for one that is not known.
    A line of more than ``MAX_PARSED_BYTES`` characters is kept as raw text with a ``parse_error``.
    """
    clock = UTC if zone == "UTC" else clock_of(zone)
    if ESCAPE in line or "#" in line:
        line = without_escapes(line)
    if not line or line.isspace():
        return Record(text="", format="raw", parse_error="empty value")
    if len(line) > MAX_PARSED_BYTES:
        return parse_raw(
            line, error=f"line of {len(line)} characters is over the parsing limit of {MAX_PARSED_BYTES}"
        )
    if REPLACEMENT in line and not is_text(line):
        return Record(line, "raw", parse_error=NO_TEXT)
    try:
        if (
            headers is not None
            and line[0] in tables.BEGIN_HEADERS
            and tables.note_header(line, headers, stream)
        ):
            return None
        record = _parse_at_once(line, clock)
        if record is None:
            record = tables.parse_table(line, headers, stream, clock) or _parse_line(line, clock)
    except Exception as error:  # a parser's own mistake must not lose a line
        record = parse_raw(line, error=f"{type(error).__name__}: {error}"[:256])
    if not record.text:
        record.text = line
    return record


def parse_object(event: dict[str, Any], text: str | None = None, zone: str = "UTC") -> Record:
    """The record of a JSON object that is no envelope, or of another encoding's map.

    text: as it came, where it is text. zone: as for ``parse_text``.
    """
    return structured.parse_object(event, text, clock=clock_of(zone))


def _parse_at_once(line: str, clock: Clock) -> Record | None:
    """The record of a line that no other format could claim; None for any other."""
    if line[0] == "{":
        return structured.parse_json(line, clock=clock)
    if line[4:5] == "-" and (record := parse_usual(line, clock)):
        return record
    if line.startswith("type=") and (record := logfmt.parse_logfmt(line, clock=clock)):
        return record
    return access.parse_access(line) if access.BEGINS.match(line) else None


def _parse_line(line: str, clock: Clock) -> Record:
    """The record of the first format that accepts the line."""
    body = line.lstrip() if line[0].isspace() else line
    if body[0] == "{":
        return structured.parse_json(body, clock=clock)
    if body[0] == "<":
        return syslog.parse_with_priority(body, clock) or parse_raw(line)
    return parse_plain(line, body, clock)
