"""Access lines of nginx and Apache, common and combined log format."""

from __future__ import annotations

import re

from connectors.formats.clock import UTC, zone_seconds
from connectors.formats.pairs import MAX_VALUE
from connectors.formats.severity import severity_of_status
from connectors.formats.times import parse_time
from connectors.records import Record

MAX_PREFIX = 512
"""The request begins within this many characters of an access line."""

_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_ACCESS = re.compile(
    r"(\S{1,255}) \S{1,64} ([^\[\]\"]{1,128}) \[([0-9]{2}/[A-Z][a-z]{2}/[^\]]{8,30})\] "
    + _QUOTED
    + r" ([0-9]{3}) ([0-9]+|-)"
    + f"(?: {_QUOTED} {_QUOTED})?"
    + r"(?:\s+(.*))?",
    re.DOTALL,
)
_QUERY_VALUE = re.compile(r"=[^&]*")
_ZONE = re.compile(r" [+-][0-9]{4}")
_SECONDS = {f"{second:02}": float(second) for second in range(60)}
_NOTHING = ("", "-")


def parse_access(line: str) -> Record | None:
    """The record of an access line, None when it is no such line.

    What servers append after the user agent is the field ``extra``. A request that is not
    ``METHOD target PROTOCOL`` is the field ``request``.
    """
    match = _ACCESS.fullmatch(line)
    if not match:
        return None
    remote, user, time, request, status, size, referer, agent, extra = match.groups("")
    method, _, rest = request.partition(" ")
    target, _, protocol = rest.partition(" ")
    if protocol.startswith("HTTP/") and " " not in protocol:
        path, _, query = target.partition("?")
        fields = {"remote": remote, "user": user, "method": method, "path": path, "query": query}
        fields["protocol"] = protocol
        if query and query != "-":
            path += "?" + _QUERY_VALUE.sub("=", query)
        shown = (("method", method), ("path", path), ("status", status), ("agent", agent))
    else:
        fields = {"remote": remote, "user": user, "request": request}
        shown = (("request", request), ("status", status), ("agent", agent))
    fields.update(status=status, bytes=size, referer=referer, agent=agent, extra=extra)
    for name in [name for name, value in fields.items() if value in _NOTHING]:
        del fields[name]
    text = " ".join([f"{name}={value[:MAX_VALUE]}" for name, value in shown if value not in _NOTHING])
    return Record(text, "access", fields, _seconds(time), severity_of_status(status))


def _seconds(time: str) -> float | None:
    """Epoch seconds of ``25/Nov/2026:10:00:00 +0000``; quick for a minute that was read before."""
    minute, second = UTC.minutes.get(time[:17]), _SECONDS.get(time[18:20])
    if minute is None or second is None or time[17] != ":" or not _ZONE.fullmatch(time, 20):
        return parse_time(time)
    return minute + second - zone_seconds(time[21:])
