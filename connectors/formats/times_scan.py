"""Compiled: the commonest spellings of times, to the same seconds as ``connectors.formats.times`` gives."""

# ruff: noqa: C901, PLR0911, PLR0912 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper

Array = NDArray[Any]

UNSURE, STATED, NONE = 0, 1, 2
"""Of a text: the plain way must say what it is, a time, surely none."""
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_POWERS = 10.0 ** np.arange(23)
_EXACT = 1 << 53
_EPOCHS = 946_684_800.0, 4_102_444_800.0
_BILLION = 1_000_000_000
_FIRST_EXACT, _LAST_EXACT = 1 << 30, 1 << 31
"""Seconds between which a double has 22 bits for fractions."""


@helper
def digits_at(data: Array, at: int, count: int) -> int:
    """The number that so many digits make; -1 where there are others than digits."""
    number = 0
    for place in range(at, at + count):
        digit = data[place] - 48
        if digit < 0 or digit > 9:
            return -1
        number = number * 10 + digit
    return number


@helper
def minute_seconds(year: int, month: int, day: int, hour: int, minute: int) -> float:
    """Seconds since the epoch of a minute in UTC; nan when the calendar has no such one."""
    if year < 1900 or year > 9998 or month < 1 or month > 12 or day < 1:
        return np.nan
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > _DAYS[month] + (1 if leap and month == 2 else 0):
        return np.nan
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return np.nan
    shifted = year if month > 2 else year - 1
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return float(days * 86_400 + hour * 3_600 + minute * 60)


@helper
def of_nanoseconds(number: int) -> float:
    """A number of nanoseconds as seconds, the double that is nearest; nan for one that is not from 2004 to 2038."""
    whole = number // _BILLION
    if whole < _FIRST_EXACT or whole >= _LAST_EXACT:
        return np.nan
    scaled = (number - whole * _BILLION) << 22
    part = scaled // _BILLION
    twice = 2 * (scaled - part * _BILLION)
    if twice > _BILLION or (twice == _BILLION and part & 1):
        part += 1
    return float(whole) + float(part) / 4_194_304.0


@helper
def stamp(data: Array, begin: int, end: int, is_utc: bool) -> tuple[int, float]:
    """What a text states, UNSURE, STATED or NONE, and its time, in seconds since the epoch.

    is_utc: whether a time without a zone is one of UTC; it is UNSURE otherwise.
    """
    size = end - begin
    if size == 0:
        return NONE, np.nan
    if size < 10 or data[begin] < 48 or data[begin] > 57:
        return UNSURE, np.nan
    if data[begin + 4] == 45:
        return _iso(data, begin, end, is_utc)
    return _epoch(data, begin, end)


@helper
def _iso(data: Array, begin: int, end: int, is_utc: bool) -> tuple[int, float]:
    """``2026-11-25T10:00:00.123Z``, with a blank for T, a comma, an offset or no zone."""
    if end - begin < 19 or data[begin + 7] != 45 or data[begin + 13] != 58 or data[begin + 16] != 58:
        return UNSURE, np.nan
    if data[begin + 10] != 84 and data[begin + 10] != 32:
        return UNSURE, np.nan
    year, month, day = digits_at(data, begin, 4), digits_at(data, begin + 5, 2), digits_at(data, begin + 8, 2)
    hour, minute = digits_at(data, begin + 11, 2), digits_at(data, begin + 14, 2)
    second = digits_at(data, begin + 17, 2)
    if year < 0 or second < 0 or second > 59:
        return UNSURE, np.nan
    seconds = minute_seconds(year, month, day, hour, minute)
    if np.isnan(seconds):
        return UNSURE, np.nan
    at = begin + 19
    if at < end and (data[at] == 46 or data[at] == 44):
        at += 1
        first = at
        while at < end and 48 <= data[at] <= 57 and at - first < 9:
            second = second * 10 + data[at] - 48
            at += 1
        if at == first:
            return UNSURE, np.nan
        seconds += second / _POWERS[at - first]
    else:
        seconds += second
    if at == end:
        return (STATED if is_utc else UNSURE), seconds
    if data[at] == 90:
        return (STATED if at + 1 == end else UNSURE), seconds
    if data[at] != 43 and data[at] != 45:
        return UNSURE, np.nan
    size = end - at
    if size == 6 and data[at + 3] == 58:
        hour, minute = digits_at(data, at + 1, 2), digits_at(data, at + 4, 2)
    elif size == 5:
        hour, minute = digits_at(data, at + 1, 2), digits_at(data, at + 3, 2)
    else:
        return UNSURE, np.nan
    if hour < 0 or minute < 0:
        return UNSURE, np.nan
    zone = float(hour * 3_600 + minute * 60)
    return STATED, seconds + zone if data[at] == 45 else seconds - zone


@helper
def _epoch(data: Array, begin: int, end: int) -> tuple[int, float]:
    """Ten, 13, 16 or 19 digits, and a fraction behind a point."""
    at, number = begin, 0
    while at < end and 48 <= data[at] <= 57 and at - begin < 19:
        number = number * 10 + data[at] - 48
        at += 1
    count = at - begin
    if count not in (10, 13, 16, 19) or data[begin] > 56:
        return UNSURE, np.nan
    value = float(number)
    if at < end:
        if data[at] != 46:
            return UNSURE, np.nan
        at += 1
        first = at
        while at < end and 48 <= data[at] <= 57 and at - first < 9 and number < _EXACT // 10:
            number = number * 10 + data[at] - 48
            at += 1
        if at == first or at < end:
            return UNSURE, np.nan
        value = number / _POWERS[at - first]
    seconds = value / _POWERS[count - 10]
    return (STATED if _EPOCHS[0] <= seconds < _EPOCHS[1] else UNSURE), seconds
