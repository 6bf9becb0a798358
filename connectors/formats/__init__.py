"""From the bytes of one log line to a :class:`~connectors.records.Record`.

``parse`` looks at the first bytes, tries the format they suggest and falls back to raw text, so that every
line gives a record. Imports the standard library, orjson and ``connectors.records`` only.
"""

from __future__ import annotations

from dataclasses import replace

from connectors.formats import syslog
from connectors.formats.payload import parse_payload
from connectors.formats.structured import parse_json
from connectors.formats.text import parse_raw
from connectors.formats.times import split_time
from connectors.records import Record

__all__ = ["FORMATS", "MAX_PARSED_BYTES", "parse"]

FORMATS = ("json", "logfmt", "rfc3164", "rfc5424", "cef", "leef", "access", "raw")
"""Every value that ``Record.format`` takes. A payload inside a syslog message gives its own format."""

# Kafka's default max.message.bytes. A parsed line costs memory many times its size, so what is longer is
# read as text only.
MAX_PARSED_BYTES = 1 << 20

_NUL = "\x00"
_REPLACEMENT = "\ufffd"


def parse(value: bytes | None, *, max_text: int = 65_536) -> Record:
    """Parse one line; no content makes it raise.

    Invalid UTF-8 and NUL characters become U+FFFD, a byte order mark and the line end are removed. A line
    of more than ``MAX_PARSED_BYTES`` is kept as raw text with a ``parse_error``. ``text`` has at most
    ``max_text`` characters; when that cuts it, ``cut`` is set. Only an empty line has an empty text.

    Raises ``ValueError`` only for a negative ``max_text``.
    """
    if max_text < 0:
        raise ValueError(f"max_text must not be negative, got {max_text}")
    if not value:
        return Record(text="", format="raw", parse_error="empty value")
    if len(value) > MAX_PARSED_BYTES:
        return _parse_oversize(value, max_text)

    line = _decode(value)
    if not line or line.isspace():
        return Record(text="", format="raw", parse_error="empty value")
    try:
        record = _parse_line(line)
    except Exception as error:  # a parser's own mistake must not lose a line
        record = parse_raw(line, error=f"{type(error).__name__}: {error}"[:256])
    if not record.text:
        record = replace(record, text=line)
    if len(record.text) > max_text:
        return replace(record, text=record.text[:max_text], cut=True)
    return record


def _parse_oversize(value: bytes, max_text: int) -> Record:
    """The first ``max_text`` characters of a line that is too long to parse."""
    # A character has at most 4 bytes; the spare ones keep a character cut in half out of the text.
    line = _decode(value[: 4 * max_text + 4])[:max_text]
    error = f"line of {len(value)} bytes is over the parsing limit of {MAX_PARSED_BYTES}"
    return replace(parse_raw(line, error=error), cut=True)


def _decode(value: bytes) -> str:
    """Text without byte order mark, NULs and line end."""
    line = value.decode("utf-8", "replace")
    if _NUL in line:
        line = line.replace(_NUL, _REPLACEMENT)
    return line.removeprefix("\ufeff").rstrip("\r\n")


def _parse_line(line: str) -> Record:
    """The record of the first format that accepts the line."""
    body = line.lstrip() if line[0].isspace() else line
    if body[0] == "{":
        return parse_json(body)
    if body[0] == "<":
        return syslog.parse_with_priority(body) or parse_raw(line)
    stamp = split_time(line)
    if record := syslog.parse_without_priority(stamp):
        return record
    payload = parse_payload(stamp.rest, time=stamp.time)
    # A brace after a timestamp promises no JSON, one at the start of the line does.
    if payload and (payload.parse_error is None or stamp.rest == line):
        return payload
    return parse_raw(line, stamp=stamp)
