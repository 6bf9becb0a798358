"""Compiled: times in the commonest spellings.

A time is its minute, packed into one number (``minute_key``), and the seconds within it, a number and the power of ten
that it is divided by. Whoever knows the clock says when the minute was: few are distinct.
"""

from __future__ import annotations

import numpy as np

from connectors.formats.clock import MONTHS, UTC, Clock
from connectors.formats.compiled.alphabet import (
    CLASS,
    DIGIT,
    IS_MONTH,
    IS_ZONE,
    LOWER,
    UPPER,
    run_of,
    triple_of,
    two_digits,
)
from connectors.formats.compiled.found import DIGITS, MINUTE, NUMBER, OFFSET
from connectors.formats.json_bytes import Array
from connectors.kernels import helper

SLASH, DASH = np.int64(47), np.int64(45)


def epoch_seconds(key: int, clock: Clock) -> float:
    """When a minute was, nan when there is no such one. clock: of minutes without a zone."""
    rest, zoned = divmod(key, 2)
    rest, minute = divmod(rest, 64)
    rest, hour = divmod(rest, 32)
    rest, day = divmod(rest, 32)
    year, month = divmod(rest, 16)
    clock = UTC if zoned else clock
    if year:
        seconds = clock.seconds(year, month, day, hour, minute)
    else:
        seconds = clock.minute(f"{MONTHS[month - 1]} {day:2} {hour:02}:{minute:02}", "bDYhm")
    return np.nan if seconds is None else seconds


@helper
def _clock_at(data: Array, at: int, end: int, day: int, found: Array) -> int:
    """Notes the minute and seconds of ``10:00:00``, which may have a fraction. day: year, month and day as one number.
    Where it ends, -1 for none.
    """
    hour, minute = two_digits(data, at, end), two_digits(data, at + 3, end)
    number = two_digits(data, at + 6, end)
    if not (
        0 <= hour < 24 and 0 <= minute < 60 and 0 <= number < 60 and data[at + 2] == 58 and data[at + 5] == 58
    ):
        return -1
    at += 8
    digits = 0
    if at < end and (data[at] == 46 or data[at] == 44):
        stop = run_of(data, at + 1, end, DIGIT)
        digits = stop - at - 1
        if digits < 1 or digits > 9:
            return -1
        for place in range(at + 1, stop):
            number = number * 10 + (data[place] - 48)
        at = stop
    found[MINUTE] = ((day * 32 + hour) * 64 + minute) * 2
    found[NUMBER], found[DIGITS], found[OFFSET] = number, digits, 0
    return at


@helper
def month_at(data: Array, at: int, end: int) -> int:
    """The number of a month's name as times spell it, 0 for none."""
    triple = triple_of(data, at, end)
    if not triple & IS_MONTH:
        return 0
    if not (CLASS[data[at]] & UPPER and CLASS[data[at + 1]] & LOWER and CLASS[data[at + 2]] & LOWER):
        return 0
    return triple & 15


@helper
def zone_at(data: Array, at: int, end: int, found: Array) -> int:
    """Notes ``Z``, ``+0100`` or ``+01:00``; where it ends, -1 for none."""
    found[MINUTE] |= 1
    if at < end and data[at] == 90:
        return at + 1
    if at + 5 > end or (data[at] != 43 and data[at] != 45):
        return -1
    colon = 1 if data[at + 3] == 58 else 0
    hours, minutes = two_digits(data, at + 1, end), two_digits(data, at + 3 + colon, end)
    if hours < 0 or minutes < 0:
        return -1
    found[OFFSET] = (hours * 3600 + minutes * 60) * (1 if data[at] == 43 else -1)
    return at + 5 + colon


@helper
def may_be_zone(data: Array, at: int, end: int) -> bool:
    """Whether what stands a blank behind a time may be its zone."""
    if at >= end or data[at] == 43 or data[at] == 45 or data[at] == 90:
        return True
    if not triple_of(data, at, end) & IS_ZONE:
        return False
    return bool(CLASS[data[at]] & UPPER and CLASS[data[at + 1]] & UPPER and CLASS[data[at + 2]] & UPPER)


@helper
def syslog_time(data: Array, at: int, end: int, found: Array) -> int:
    """Notes ``Nov 25 10:00:00`` before a blank; where it ends, -1 for none."""
    month = month_at(data, at, end)
    if month == 0 or at + 16 > end or data[at + 3] != 32 or data[at + 6] != 32 or data[at + 15] != 32:
        return -1
    day = two_digits(data, at + 4, end)
    if data[at + 4] == 32 and CLASS[data[at + 5]] & DIGIT:
        day = np.int64(data[at + 5]) - 48
    stop = _clock_at(data, at + 7, end, month * 32 + day, found)
    return -1 if stop != at + 15 or not 1 <= day <= 31 else stop


@helper
def iso_time(data: Array, at: int, end: int, found: Array) -> int:
    """Notes ``2026-11-25 10:00:00,123`` or ``2026-11-25T10:00:00.123Z`` and the like, before a blank or the end; where
    it ends, -1 for none.
    """
    if (
        at + 19 > end
        or data[at + 4] != 45
        or data[at + 7] != 45
        or (data[at + 10] != 32 and data[at + 10] != 84)
    ):
        return -1
    year = two_digits(data, at, end) * 100 + two_digits(data, at + 2, end)
    month, day = two_digits(data, at + 5, end), two_digits(data, at + 8, end)
    stop = _clock_at(data, at + 11, end, (year * 16 + month) * 32 + day, found)
    if stop < 0 or year < 1900 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return -1
    if stop < end and data[stop] != 32:
        stop = zone_at(data, stop, end, found)
        return -1 if stop < end and data[stop] != 32 else stop
    return -1 if stop < end and may_be_zone(data, stop + 1, end) else stop


@helper
def day_first_time(data: Array, at: int, end: int, mark: int, found: Array) -> int:
    """Notes ``25-Nov-2026 10:00:00.123`` or ``25/Nov/2026:10:00:00``, by the mark between day and month; where it ends,
    -1 for none.
    """
    day, month = two_digits(data, at, end), month_at(data, at + 3, end)
    year = two_digits(data, at + 7, end) * 100 + two_digits(data, at + 9, end)
    if year < 1900 or month == 0 or not 1 <= day <= 31 or data[at + 2] != mark or data[at + 6] != mark:
        return -1
    if data[at + 11] != (32 if mark == DASH else 58):
        return -1
    return _clock_at(data, at + 12, end, (year * 16 + month) * 32 + day, found)
