"""ArcSight Common Event Format (CEF) and IBM's Log Event Extended Format (LEEF)."""

from __future__ import annotations

import re
from itertools import islice

from connectors.formats.clock import UTC, Clock
from connectors.formats.pairs import MAX_FIELDS, render
from connectors.formats.severity import severity_of_score
from connectors.formats.structured import event_time
from connectors.formats.text import parse_raw
from connectors.records import Record

_PART = r"([^|\\]*(?:\\.[^|\\]*)*)"
_CEF = re.compile(r"CEF:\s*[0-9.]+\|" + r"\|".join([_PART] * 6) + r"(?:\|(.*))?", re.DOTALL)
_CEF_HEADER = ("deviceVendor", "deviceProduct", "deviceVersion", "signatureId", "name", "severity")
# A key follows a blank, so each word is looked at once; the "=" inside a value is written "\=".
_CEF_KEY = re.compile(r"(?:^|\s)([\w.\-\[\]]{1,128})=")
_CEF_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

_LEEF = re.compile(r"LEEF:\s*([0-9.]+)\|" + r"\|".join([r"([^|]*)"] * 4) + r"\|(.*)", re.DOTALL)
_LEEF_HEADER = ("vendor", "product", "version", "eventId")
_LEEF_DELIMITER = re.compile(r"(?:0?x([0-9a-fA-F]{1,4})|([^\w\s]|))\|")


def parse_cef(line: str, *, time: float | None = None, clock: Clock = UTC) -> Record:
    """The record of a CEF event; raw with ``parse_error`` when its header has not all seven parts."""
    match = _CEF.fullmatch(line)
    if not match:
        return parse_raw(line, error="invalid CEF: the header needs 7 parts separated by '|'")
    *header, extension = match.groups()
    fields = dict(zip(_CEF_HEADER, map(_unescape, header), strict=True))
    _add_extension(fields, extension or "")
    return _record("cef", fields, time, clock)


def parse_leef(line: str, *, time: float | None = None, clock: Clock = UTC) -> Record:
    """The record of a LEEF 1.0 or 2.0 event; raw with ``parse_error`` when its header has not all parts."""
    match = _LEEF.fullmatch(line)
    if not match:
        return parse_raw(line, error="invalid LEEF: the header needs 5 parts separated by '|'")
    _, *header, extension = match.groups()
    fields = dict(zip(_LEEF_HEADER, header, strict=True))
    delimiter = "\t"
    if declared := _LEEF_DELIMITER.match(extension):
        extension = extension[declared.end() :]
        delimiter = chr(int(declared[1], 16)) if declared[1] else declared[2] or "\t"
    if delimiter not in extension:
        _add_extension(fields, extension)  # senders also separate by blanks, as in CEF
        return _record("leef", fields, time, clock)
    for pair in extension.split(delimiter):
        key, separator, value = pair.strip().partition("=")
        if separator and len(fields) < MAX_FIELDS:
            fields.setdefault(key, value)
    return _record("leef", fields, time, clock)


def _add_extension(fields: dict[str, str], extension: str) -> None:
    """Add ``key=value`` pairs whose values may hold blanks: a value ends before the next key."""
    keys = list(islice(_CEF_KEY.finditer(extension), MAX_FIELDS - len(fields)))
    ends = [key.start() for key in keys[1:]] + [len(extension)]
    for key, end in zip(keys, ends, strict=False):
        fields.setdefault(key[1], _unescape(extension[key.end() : end].strip()))


def _unescape(value: str) -> str:
    if "\\" not in value:
        return value
    return _CEF_ESCAPE.sub(lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), value)


def _record(name: str, fields: dict[str, str], time: float | None, clock: Clock) -> Record:
    stated = event_time(fields, clock)
    severity = severity_of_score(fields.get("severity") or fields.get("sev") or "")
    return Record(render(fields), name, fields, time if stated is None else stated, severity)
