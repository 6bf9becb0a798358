"""Timestamps in their many spellings: at the start of a line, and as the value of a field.

All results are epoch seconds, UTC; ``connectors.formats.clock`` states the rules for zones and missing years. An
epoch's unit (seconds to nanoseconds) is told by the number of its digits.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from connectors.formats.clock import MONTHS, UTC, ZONE_NAMES, Clock, zone_seconds

_MONTH = "[A-Z][a-z]{2}"
_HM = r"\d\d:\d\d"
_SECOND = r":(\d\d)(?:[.,](\d{1,9})(?!\d))?"
_ZONE = re.compile(
    rf" ?(Z|{'|'.join(ZONE_NAMES)}|[+-]\d\d:?\d\d|[+-]\d\d)(?![\w.-]|:\d)(?:\[[A-Za-z_]+/[A-Za-z_/]+\])?",
    re.ASCII,
)
_ZONE_STARTS = frozenset(name[:3] for name in ZONE_NAMES)
_SIGNS = frozenset("+-Z")
_NEXT_YEAR = re.compile(r" (\d{4})", re.ASCII)
_HALF_DAY = re.compile(r" ([AP]M)")
_ENDS = frozenset(["", *" \t\n,;:|])>"])
"""What may follow a time."""


class Spelling(NamedTuple):
    """How a time is written: groups are the text down to the minute, the second, its fraction; then comes a zone."""

    pattern: re.Pattern[str]
    order: str
    """What the parts of the minute and of the tail are, see ``Clock.minute``; empty: not to be read."""
    is_syslog: bool = False
    tail: re.Pattern[str] | None = None
    """What may follow the zone."""


def _spelling(
    pattern: str, order: str, *, is_syslog: bool = False, tail: re.Pattern[str] | None = None
) -> Spelling:
    return Spelling(re.compile(pattern, re.ASCII), order, is_syslog, tail)


_ISO = _spelling(rf"(\d{{4}}(?:-\d\d-|/\d\d/|\.\d\d\.)\d\d[T :_-](?:\d\d| \d):\d\d)(?:{_SECOND})?", "YMDhm")
# The commonest spelling of all, for a quick look.
_SECOND_UTC = re.compile(r"(?<=T[0-9]{2}:[0-9]{2}):([0-5][0-9](?:\.[0-9]{1,9})?)Z")
_ISO_T = _ISO._replace(is_syslog=True)
_DOTS = _spelling(r"(\d{4}-\d\d-\d\d-\d\d\.\d\d)\.(\d\d)(?:\.(\d{1,9}))?", "YMDhm")
_SYSLOG = _spelling(rf"({_MONTH} {{1,2}}\d{{1,2}}(?: \d{{4}})? {_HM}){_SECOND}", "bDYhm", is_syslog=True)
_COMMA = _spelling(rf"({_MONTH} \d{{1,2}}, \d{{4}},? {_HM}){_SECOND}", "bDYhm")
_HALF_DAYS = _spelling(
    rf"({_MONTH} \d{{1,2}}, \d{{4}},? \d{{1,2}}:\d\d):(\d\d)()(?= [AP]M)", "bDYhmp", tail=_HALF_DAY
)
_CTIME = _spelling(rf"{_MONTH} ({_MONTH} {{1,2}}\d{{1,2}} {_HM}){_SECOND}", "bDhmY", tail=_NEXT_YEAR)
_MAIL = _spelling(rf"{_MONTH},? (\d{{1,2}} {_MONTH} \d{{4}} {_HM}){_SECOND}", "DbYhm")
_DAY_FIRST = _spelling(rf"(\d{{1,2}}[ /-]?{_MONTH}(?:[ /-]?\d{{4}})?[ :]{_HM}){_SECOND}", "DbYhm")
_DAY_DOTS = _spelling(rf"(\d\d\.\d\d\.\d{{4}},? {_HM}){_SECOND}", "DMYhm")
_MONTH_FIRST = _spelling(
    r"(\d{1,2}/\d{1,2}/\d{4},? \d{1,2}:\d\d):(\d\d)(?:\.(\d{1,9}))?(?= [AP]M)", "MDYhmp", tail=_HALF_DAY
)
# Suricata's and Snort's alerts.
_ALERT = _spelling(rf"(\d\d/\d\d/\d{{4}}-{_HM}){_SECOND}", "MDYhm")
_ALERT_NO_YEAR = _spelling(rf"(\d\d/\d\d-{_HM}){_SECOND}", "MDhm")
# Day and month cannot be told apart, so such a stamp is removed and not read.
_UNCLEAR = _spelling(rf"(\d\d[-/]\d\d[-/]\d{{4}},? {{1,2}}{_HM}){_SECOND}", "")
_SHORT_YEAR = _spelling(rf"(\d\d/\d\d/\d\d {_HM}){_SECOND}", "YMDhm")
_NO_YEAR = _spelling(rf"(\d\d[-.]\d\d {_HM}){_SECOND}", "MDhm")
_COMPACT = _spelling(r"(\d{6} (?:\d{4}|[ \d]\d:\d\d)):?(\d\d)()", "YMDhm")
_COMPACT_DAY = _spelling(rf"(\d{{8}}[T -](?:\d{{4}}|{_HM})):?(\d\d)(?:[.,:](\d{{1,9}}))?", "YMDhm")
_EPOCH = re.compile(r"(\d{10}(?:\d{3}){0,3})(?:\.(\d{1,9}))?(?=[\s,;:|\])>]|$)", re.ASCII)
_DIGITS = re.compile(r"\d{1,20}", re.ASCII)

_BY_DIGITS: dict[int, tuple[Spelling, ...]] = {
    1: (_DAY_FIRST, _MONTH_FIRST),
    2: (_DAY_FIRST, _NO_YEAR, _SHORT_YEAR, _DAY_DOTS, _MONTH_FIRST, _ALERT, _ALERT_NO_YEAR, _UNCLEAR),
    4: (_DOTS,),
    6: (_COMPACT,),
    8: (_COMPACT_DAY,),
}
_BY_NAME: dict[str, tuple[Spelling, ...]] = {
    **dict.fromkeys(MONTHS, (_SYSLOG, _HALF_DAYS, _COMMA)),
    **dict.fromkeys(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), (_CTIME, _MAIL)),
}
# What may stand between a timestamp and the rest of the line.
_GAP = re.compile(r"[,:;|]?\s+(?:-\s+)?|\||$")
_GAP_AFTER_BRACKET = re.compile(r"[,:;|]?\s+|$|")


class Found(NamedTuple):
    """A time within a text."""

    time: float | None
    """None when it is one of those that can't be read."""
    end: int
    is_syslog: bool
    """True for the two spellings that syslog daemons use: ``Jun 14 15:16:01`` and RFC 3339."""


class Stamp(NamedTuple):
    """A line split after its timestamp."""

    time: float | None
    """Seconds since the epoch, or None when the line states no time that can be read."""
    rest: str
    """The line without its timestamp."""
    is_syslog: bool


def find_time(text: str, start: int = 0, clock: Clock = UTC) -> Found | None:
    """The time at a place of a text; None when there is none."""
    first = text[start : start + 1]
    if "0" <= first <= "9":
        if text[start + 4 : start + 5] in ("-", "/", "."):
            spelling = _ISO_T if text[start + 10 : start + 11] == "T" else _ISO
            if found := _read(text, start, spelling, clock):
                return found
        return _digits(text, start, clock)
    if spellings := _BY_NAME.get(text[start : start + 3]):
        return _first(text, start, spellings, clock)
    return None


def split_time(line: str, clock: Clock = UTC) -> Stamp:
    """Split a leading timestamp off, bare or in brackets; a line without one comes back whole."""
    bracket = line[:1] == "["
    found = find_time(line, 1 if bracket else 0, clock)
    if found is None:
        return Stamp(None, line, is_syslog=False)
    if bracket:
        if line[found.end : found.end + 1] != "]":
            return Stamp(None, line, is_syslog=False)
        gap = _GAP_AFTER_BRACKET.match(line, found.end + 1)
    else:
        gap = _GAP.match(line, found.end)
    if gap is None:
        return Stamp(None, line, is_syslog=False)
    return Stamp(found.time, line[gap.end() :], found.is_syslog and not bracket)


def skip_gap(line: str, end: int) -> int:
    """Where the rest of a line begins behind its time."""
    gap = _GAP.match(line, end)
    return gap.end() if gap else end


def parse_time(value: str, clock: Clock = UTC) -> float | None:
    """The time that a field's value states, or None."""
    if (minute := UTC.minutes.get(value[:16])) and (match := _SECOND_UTC.fullmatch(value, 16)):
        return minute + float(match[1])
    found = find_time(value, 0, clock)
    return found.time if found is not None and found.end == len(value) else None


def _digits(text: str, start: int, clock: Clock) -> Found | None:
    run = _DIGITS.match(text, start)
    assert run is not None, "the caller saw a digit"
    count = run.end() - start
    if count < 10:
        return _first(text, start, _BY_DIGITS.get(count, ()), clock)
    if match := _EPOCH.match(text, start):
        seconds = _epoch_seconds(match[1], match[2])
        return None if seconds is None else Found(seconds, match.end(), is_syslog=False)
    return None


def _first(text: str, start: int, spellings: tuple[Spelling, ...], clock: Clock) -> Found | None:
    for spelling in spellings:
        if found := _read(text, start, spelling, clock):
            return found
    return None  # or digits in the shape of a time, such as month 13


def _read(text: str, start: int, spelling: Spelling, clock: Clock) -> Found | None:
    """A time of one spelling; None when it is none, or no calendar time."""
    pattern, order, is_syslog, tail = spelling
    match = pattern.match(text, start)
    if match is None:
        return None
    minute, second, fraction = match.groups()
    end, zone = match.end(), None
    mark = text[end : end + 1]
    if (
        mark not in _ENDS
        or (mark == " " and text[end + 1 : end + 4] in _ZONE_STARTS)
        or text[end + 1 : end + 2] in _SIGNS
    ):
        behind = _ZONE.match(text, end)
        if behind is not None:
            zone, end = behind[1], behind.end()
    if tail is not None and (behind := tail.match(text, end)):
        minute, end = f"{minute} {behind[1]}", behind.end()
    if text[end : end + 1] not in _ENDS:
        return None
    if not order:
        return Found(None, end, is_syslog)
    reader = UTC if zone else clock
    seconds = reader.minutes.get(minute) or reader.minute(minute, order)
    if seconds is None or (second and second > "60"):
        return None
    if second:
        seconds += float(f"{second}.{fraction}") if fraction else int(second)
    return Found(seconds - zone_seconds(zone) if zone else seconds, end, is_syslog)


def _epoch_seconds(digits: str, fraction: str | None) -> float | None:
    """Seconds, milli-, micro- or nanoseconds by the number of digits; None outside 2000 to 2100."""
    number = float(f"{digits}.{fraction}") if fraction else float(digits)
    seconds = number / 10 ** (len(digits) - 10)
    return seconds if 946_684_800 <= seconds < 4_102_444_800 else None
