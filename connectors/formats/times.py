"""Timestamps: at the start of a line, and as the value of a field. All results are epoch seconds, UTC.

A time without a zone is read as UTC; a time without a year gets the latest year that is not in the future.
"""

from __future__ import annotations

import re
import time
from calendar import timegm
from functools import lru_cache
from typing import NamedTuple

_DAY = 86_400.0
_MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_MONTH = f"(?P<month>{'|'.join(_MONTH_NAMES)})"
_WEEKDAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
_ZONE = r"(?: ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d)(?![\w.-]|:\d))?"
# What may stand between a timestamp and the rest of the line.
_GAP = r"(?:[,:;|]?\s+(?:-\s+)?|\||$)"

_ISO = r"(?P<year>\d{4})(?P<dash>[-/.])(?P<month>\d\d)(?P=dash)(?P<day>\d\d)[T :_-]" + _CLOCK + _ZONE
_SYSLOG = _MONTH + r" {1,2}(?P<day>\d{1,2})(?: (?P<year>\d{4}))? " + _CLOCK + _ZONE
_CTIME = f"{_WEEKDAY} {_MONTH}" + r" {1,2}(?P<day>\d{1,2}) " + _CLOCK + r"(?: [A-Z]{3,4})? (?P<year>\d{4})"
_ACCESS = r"(?P<day>\d\d)/" + _MONTH + r"/(?P<year>\d{4}):" + _CLOCK + _ZONE
_COMPACT = r"(?P<yy>\d\d)(?P<month>\d\d)(?P<day>\d\d) (?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)"
_EPOCH = r"(?P<epoch>\d{10}(?:\d{3}){0,3}(?:\.\d{1,9})?)"
_DAY_FIRST = r"(?P<day>\d{1,2})[ -]" + _MONTH + r"(?:[ -](?P<year>\d{4}))? " + _CLOCK + _ZONE
# Day and month cannot be told apart, so such a stamp is removed and not read.
_AMBIGUOUS = r"(?P<unread>\d\d[-/.]\d\d[-/.]\d{4},? {1,2}\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: [AP]M)?)" + _ZONE


def _leading(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern + _GAP, re.ASCII)


def _bracketed(pattern: str) -> re.Pattern[str]:
    return re.compile(r"\[" + pattern + r"\](?:[,:;|]?\s+|$)?", re.ASCII)


_LEADING_SYSLOG = _leading(_SYSLOG)
_LEADING_CTIME = _leading(_CTIME)
_LEADING_DIGITS = [_leading(p) for p in (_ISO, _EPOCH, _COMPACT, _DAY_FIRST, _AMBIGUOUS)]
_LEADING_BRACKET = [_bracketed(p) for p in (_CTIME, _ISO, _ACCESS, _EPOCH, _AMBIGUOUS)]
_VALUE = [re.compile(p, re.ASCII) for p in (_ISO, _EPOCH, _SYSLOG, _CTIME, _ACCESS)]


class Stamp(NamedTuple):
    """A line split after its timestamp."""

    time: float | None
    """Seconds since the epoch, or None when the line states no time that can be read."""
    rest: str
    """The line without its timestamp."""
    is_syslog: bool
    """True for the two spellings that syslog daemons use: ``Jun 14 15:16:01`` and RFC 3339."""


def split_time(line: str) -> Stamp:
    """Split a leading timestamp off; a line without one comes back whole."""
    first = line[:1]
    if "0" <= first <= "9":
        return _split(line, _LEADING_DIGITS)
    if "A" <= first <= "W":
        if (match := _LEADING_SYSLOG.match(line)) and (seconds := _seconds(match)) is not None:
            return Stamp(seconds, line[match.end() :], is_syslog=True)
        return _split(line, (_LEADING_CTIME,))
    if first == "[":
        return _split(line, _LEADING_BRACKET)
    return Stamp(None, line, is_syslog=False)


def parse_time(value: str) -> float | None:
    """The time that a field's value states, or None."""
    for pattern in _VALUE:
        if match := pattern.fullmatch(value):
            return _seconds(match)
    return None


def _split(line: str, patterns: list[re.Pattern[str]] | tuple[re.Pattern[str], ...]) -> Stamp:
    for pattern in patterns:
        if not (match := pattern.match(line)):
            continue
        found = match.groupdict()
        seconds = None if "unread" in found else _seconds(match)
        if seconds is None and "unread" not in found:
            continue  # digits in the shape of a time, such as month 13
        return Stamp(seconds, line[match.end() :], is_syslog=line[10:11] == "T" and "dash" in found)
    return Stamp(None, line, is_syslog=False)


def _seconds(match: re.Match[str]) -> float | None:
    """Epoch seconds of a match, None when it is no calendar time."""
    found = match.groupdict()
    if epoch := found.get("epoch"):
        return _epoch_seconds(epoch)
    month, day = found["month"], int(found["day"])
    month = _MONTHS.get(month) or int(month)
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    if hour > 23 or minute > 59 or second > 60:
        return None
    clock = hour * 3600.0 + minute * 60 + second - _zone_seconds(found.get("zone"))
    if fraction := found.get("fraction"):
        clock += int(fraction) / 10 ** len(fraction)
    if year := found.get("year"):
        midnight = _midnight(int(year), month, day)
    elif century_year := found.get("yy"):
        midnight = _midnight(2000 + int(century_year), month, day)
    else:
        return _without_year(month, day, clock)
    return None if midnight is None else midnight + clock


def _epoch_seconds(digits: str) -> float | None:
    """Seconds, milli-, micro- or nanoseconds by the number of digits; None outside 2000 to 2100."""
    whole = len(digits.partition(".")[0])
    seconds = float(digits) / 10 ** (whole - 10)
    return seconds if 946_684_800 <= seconds < 4_102_444_800 else None


def _zone_seconds(zone: str | None) -> int:
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -seconds if zone[0] == "-" else seconds


def _without_year(month: int, day: int, clock: float) -> float | None:
    """The latest such time that is not in the future.

    A sender whose clock or zone is ahead of ours by up to a day means now, not a year ago.
    """
    now = time.time()
    this_year = time.gmtime(now).tm_year
    # Eight years back reach a leap year from anywhere, 29 February across 2100 included.
    for year in range(this_year + 1, this_year - 9, -1):
        midnight = _midnight(year, month, day)
        if midnight is not None and midnight + clock <= now + _DAY:
            return min(midnight + clock, now)
    return None


@lru_cache(maxsize=4096)
def _midnight(year: int, month: int, day: int) -> float | None:
    """Epoch seconds at the start of a day, UTC; None when there is no such day."""
    if not (1900 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    seconds = timegm((year, month, day, 0, 0, 0))
    return float(seconds) if time.gmtime(seconds).tm_mday == day else None
