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
BEGINS = re.compile(r"\S{1,255} - \S{1,128} \[[0-9]{2}/")
"""An access line that comes alone, for sure behind no header."""
_QUERY_VALUE = re.compile(r"=[^&]*")
_ZONE = re.compile(r" [+-][0-9]{4}")
_SECONDS = {f"{second:02}": float(second) for second in range(60)}
_BESIDE = ("status", "bytes", "referer", "agent", "extra")
_USUAL = ("remote", "user", "method", "path", "query", "protocol", *_BESIDE)
_ODD = ("remote", "user", "request", *_BESIDE)


def parse_access(line: str) -> Record | None:
    """The record of an access line, None when it is no such line.

    What servers append after the user agent is the field ``extra``. A request that is not
    ``METHOD target PROTOCOL`` is the field ``request``.
    """
    match = _ACCESS.fullmatch(line)
    if not match:
        return None
    remote, user, time, request, status, size, referer, agent, extra = match.groups("")
    values: tuple[str, ...]
    words = request.split(" ")
    if len(words) == 3 and words[2].startswith("HTTP/"):
        method, target, protocol = words
        path, _, query = target.partition("?")
        values = (remote, user, method, path, query, protocol, status, size, referer, agent, extra)
        fields = {name: value for name, value in zip(_USUAL, values, strict=True) if value and value != "-"}
        if query and query != "-":
            path += "?" + _QUERY_VALUE.sub("=", query)
        shown = [("method=", method), ("path=", path), ("status=", status), ("agent=", agent)]
    else:
        values = (remote, user, request, status, size, referer, agent, extra)
        fields = {name: value for name, value in zip(_ODD, values, strict=True) if value and value != "-"}
        shown = [("request=", request), ("status=", status), ("agent=", agent)]
    text = " ".join([name + value[:MAX_VALUE] for name, value in shown if value and value != "-"])
    return Record(text, "access", fields, _seconds(time), severity_of_status(status))


def _seconds(time: str) -> float | None:
    """Epoch seconds of ``25/Nov/2026:10:00:00 +0000``; quick for a minute that was read before."""
    minute, second = UTC.minutes.get(time[:17]), _SECONDS.get(time[18:20])
    if minute is None or second is None or time[17] != ":" or not _ZONE.fullmatch(time, 20):
        return parse_time(time)
    return minute + second - zone_seconds(time[21:])
