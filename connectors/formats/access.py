"""Access lines of nginx and Apache, common and combined log format."""

from __future__ import annotations

import re

from connectors.formats.pairs import MAX_VALUE
from connectors.formats.times import parse_time
from connectors.records import Record

MAX_PREFIX = 512
"""The request begins within this many characters of an access line."""

_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_ACCESS = re.compile(
    r"(\S{1,255}) (\S{1,64}) ([^\[\]\"]{1,128}) \[([0-9]{2}/[A-Z][a-z]{2}/[^\]]{8,30})\] "
    + _QUOTED
    + r" ([0-9]{3}) ([0-9]+|-)"
    + f"(?: {_QUOTED} {_QUOTED})?"
    + r"(?:\s+(.*))?",
    re.DOTALL,
)
_QUERY_VALUE = re.compile(r"=[^&]*")


def parse_access(line: str) -> Record | None:
    """The record of an access line, None when it is no such line.

    What servers append after the user agent is the field ``extra``. A request that is not
    ``METHOD target PROTOCOL`` is the field ``request``.
    """
    match = _ACCESS.fullmatch(line)
    if not match:
        return None
    remote, _, user, time, request, status, size, referer, agent, extra = match.groups()
    named = {"remote": remote, "user": user, **_split_request(request), "status": status, "bytes": size}
    named.update(referer=referer or "", agent=agent or "", extra=extra or "")
    fields = {name: value for name, value in named.items() if value not in ("", "-")}
    shown = {
        name: fields[name] for name in ("method", "path", "request", "status", "agent") if name in fields
    }
    if query := fields.get("query"):
        shown["path"] += "?" + _QUERY_VALUE.sub("=", query)
    text = " ".join([f"{name}={value[:MAX_VALUE]}" for name, value in shown.items()])
    return Record(text=text, format="access", fields=fields, time=parse_time(time))


def _split_request(request: str) -> dict[str, str]:
    parts = request.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/"):
        return {"request": request}
    method, target, protocol = parts
    path, _, query = target.partition("?")
    return {"method": method, "path": path, "query": query, "protocol": protocol}
