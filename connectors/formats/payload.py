"""The formats that a line or a syslog message can carry, told apart by their first characters."""

from __future__ import annotations

from connectors.formats import access, cef, logfmt, structured, tables
from connectors.formats.clock import UTC, Clock
from connectors.records import Record


def parse_payload(text: str, *, time: float | None = None, clock: Clock = UTC) -> Record | None:
    """The structured record in ``text``, None when it is plain text.

    ``time`` (epoch seconds) is used when the payload states none itself. Text that begins with ``{`` and is
    no JSON object gives a raw record with ``parse_error``. clock: of times that state no zone.
    """
    first = text[:1]
    if first == "{":
        return structured.parse_json(text, time=time, clock=clock)
    if first == "C" and text.startswith("CEF:"):
        return cef.parse_cef(text, time=time, clock=clock)
    if first == "L" and text.startswith("LEEF:"):
        return cef.parse_leef(text, time=time, clock=clock)
    if (first in tables.BEGIN_PAYLOADS or "\t" in text) and (
        record := tables.parse_payload(text, clock, time=time)
    ):
        return record
    if '] "' in text[: access.MAX_PREFIX] and (record := access.parse_access(text)):
        return record
    return logfmt.parse_logfmt(text, time=time, clock=clock) if "=" in text else None
