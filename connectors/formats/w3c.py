"""W3C extended log files, IIS above all: ``#Fields`` names the columns of the lines after it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from connectors.formats.clock import UTC, Clock
from connectors.formats.headers import HeaderLines
from connectors.formats.pairs import MAX_VALUE, render
from connectors.formats.severity import severity_of_status
from connectors.formats.times import parse_time
from connectors.records import HOST, UNSTATED, Record

_DIRECTIVE = re.compile(
    r"#(?:(Fields):([^\n]+)|Software:[^\n]*|Version: ?[0-9.]+|((?:Start-|End-)?Date): ?([0-9][0-9A-Za-z/:. -]{0,40})"
    r"|GMT-Offset: ?[+-]?[0-9]+|(Time Format): ?(\w{1,32}))[ \t]*"
)
# A quoted value doubles the quotes inside it; blanks between values may be several, or tabs.
_VALUE = re.compile(r'"([^"]*(?:""[^"]*)*)"(?=\s|$)|(\S+)')
_QUERY_VALUE = re.compile(r"=[^&]*")

_IP = re.compile(r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*(?:%[0-9]{1,4})?|-").fullmatch
_TESTS = {
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch,
    "time": re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?").fullmatch,
    "sc-status": re.compile(r"[0-9]{1,3}|-").fullmatch,
}
_ALSO = {
    "s-ip": _IP,
    "c-ip": _IP,
    "s-port": re.compile(r"[0-9]{1,5}|-").fullmatch,
    "cs-method": re.compile(r"[A-Z][A-Z_-]{0,31}|-").fullmatch,
    "time-taken": re.compile(r"[0-9]{1,10}|-").fullmatch,
    "sc-win32-status": re.compile(r"[0-9]{1,10}|-").fullmatch,
}

_START = ("date", "time")
_REQUEST = ("cs-method", "cs-uri-stem", "cs-uri-query", "s-port", "cs-username", "c-ip")
_END = ("sc-status", "sc-substatus", "sc-win32-status")
_AGENT = "cs(User-Agent)"
_REFERER = "cs(Referer)"
_LAYOUTS = (
    (*_START, "s-ip", *_REQUEST, _AGENT, *_END),
    (*_START, "s-ip", *_REQUEST, _AGENT, *_END, "time-taken"),
    (*_START, "s-sitename", "s-ip", *_REQUEST, _AGENT, *_END),
    (*_START, "s-ip", *_REQUEST, _AGENT, _REFERER, *_END, "time-taken"),
    (*_START, "s-ip", *_REQUEST, _AGENT, _REFERER, *_END, "sc-bytes", "cs-bytes", "time-taken"),
    (
        *(*_START, "s-sitename", "s-computername", "s-ip", *_REQUEST, "cs-version", _AGENT, "cs(Cookie)"),
        *(_REFERER, "cs-host", *_END, "sc-bytes", "cs-bytes", "time-taken"),
    ),
)
"""Columns of IIS by default, of its older versions and with all columns: for rows whose header was not seen."""

_HTTP = ("cs-method", "cs-uri-stem", "cs-uri", "sc-status", "s-reason", _AGENT)
_UNSHOWN = frozenset(
    (
        *(
            "date",
            "time",
            "date-local",
            "time-local",
            "time-taken",
            "TimeTakenMS",
            "c-port",
            "src-port",
            "bytes",
        ),
        *("sc-bytes", "cs-bytes", "size", "tcpsyn", "tcpack", "tcpwin", "x-session", "c-ip"),
    )
)

Test = Callable[[str], object]


class _Plan(NamedTuple):
    """How rows of one list of names are read."""

    tests: tuple[tuple[int, Test], ...]
    """Columns whose values have a known shape: a line that has another one is no row."""
    sure: bool
    """Whether those tests tell a row from a sentence of as many words."""
    is_http: bool


def note_header(line: str, headers: HeaderLines, stream: str) -> bool:
    """Whether the line is a header line of this format; what it says is remembered."""
    match = _DIRECTIVE.fullmatch(line)
    if not match:
        return False
    if match[1]:
        headers.name(stream, "w3c", tuple(match[2].split()))
    elif match[3] == "Date":
        headers.note(stream, "w3c", "Date", match[4])
    elif match[5]:
        headers.note(stream, "w3c", match[5], match[6])
    return True


def parse_w3c(line: str, headers: HeaderLines | None, stream: str, clock: Clock = UTC) -> Record | None:
    """The record of a row: named by the header line of its stream, else when it has the columns of IIS.

    Values of ``-`` are no columns. Times are UTC, those of ``time-local`` and
    after ``#Time Format: Local`` the clock's. ``s-computername`` is the column ``host.name``.
    None for any other line.
    """
    if (
        headers is not None
        and headers.has(stream, "w3c")
        and (record := _named(line, headers, stream, clock))
    ):
        return record
    if line[10:11] != " " or line[4] != "-" or line[13:14] != ":":
        return None
    values = line.split(" ")
    for names, plan in _PLANS:
        if len(names) == len(values) and _fits(plan, values):
            return _record(names, values, plan.is_http)
    return None


def _named(line: str, headers: HeaderLines, stream: str, clock: Clock) -> Record | None:
    values = line.split(" ")
    header = headers.named(stream, "w3c", len(values))
    if header is None and ('"' in line or "  " in line or "\t" in line):
        values = [quoted.replace('""', '"') or bare for quoted, bare in _VALUE.findall(line)]
        header = headers.named(stream, "w3c", len(values))
    if header is None:
        return None
    plan = _plan(header.names)
    if not (plan.sure or stream) or not _fits(plan, values):
        return None
    local = header.words.get("Time Format") == "Local" or "time-local" in header.names
    day = header.words.get("Date", "")[:10]
    return _record(header.names, values, plan.is_http, day, clock if local else UTC)


@lru_cache(maxsize=256)
def _plan(names: tuple[str, ...], *, strict: bool = False) -> _Plan:
    tests = [(i, _TESTS[name]) for i, name in enumerate(names) if name in _TESTS]
    also = [(i, _ALSO[name]) for i, name in enumerate(names) if name in _ALSO]
    if strict or not tests:
        tests += also
    return _Plan(tuple(tests), bool(tests), "cs-uri-stem" in names or "cs-uri" in names)


_PLANS = [(names, _plan(names, strict=True)) for names in _LAYOUTS]


def _fits(plan: _Plan, values: list[str]) -> bool:
    return not [i for i, test in plan.tests if not test(values[i])]


def _record(
    names: tuple[str, ...], values: list[str], is_http: bool, day: str = "", clock: Clock = UTC
) -> Record:
    fields = {name: value for name, value in zip(names, values, strict=True) if value and value != "-"}
    date, hour = fields.get("date", day), fields.get("time", "")
    if "date-local" in fields and "time-local" in fields:
        date, hour = fields["date-local"], fields["time-local"]
    if agent := fields.get(_AGENT):
        fields[_AGENT] = agent.replace("+", " ")
    if host := fields.pop("s-computername", None):
        fields[HOST] = host
    status = fields.get("sc-status", "")
    return Record(
        text=_http_text(fields) if is_http else _text(fields),
        format="w3c",
        fields=fields,
        time=parse_time(f"{date} {hour}", clock) if date and hour else None,
        severity=severity_of_status(status) if len(status) == 3 else UNSTATED,
    )


def _http_text(fields: dict[str, str]) -> str:
    """As of an access line: method, path with the names of its query, status and agent."""
    shown = {name: fields[name] for name in _HTTP if name in fields}
    if query := fields.get("cs-uri-query"):
        shown["cs-uri-stem"] = shown.get("cs-uri-stem", "") + "?" + query
    for name in ("cs-uri-stem", "cs-uri"):
        if "=" in shown.get(name, ""):
            shown[name] = _QUERY_VALUE.sub("=", shown[name])
    return " ".join([f"{name}={value[:MAX_VALUE]}" for name, value in shown.items()])


def _text(fields: dict[str, str]) -> str:
    shown = {name: value for name, value in fields.items() if name not in _UNSHOWN and name != HOST}
    return render(shown or fields)
