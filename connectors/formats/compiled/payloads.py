"""Compiled: whether a message is plain text for sure, and begins with no header of its own."""

# ruff: noqa: PLR0911, PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from connectors.formats.compiled.alphabet import (
    BEGINS_HEADER,
    CLASS,
    DIGIT,
    IS_DAY,
    IS_MONTH,
    LOWER,
    NOT_SURE,
    UPPER,
    WORD,
    is_upper_here,
    level_of,
    run_of,
    triple_of,
)
from connectors.formats.compiled.found import SEVERITY
from connectors.formats.json_bytes import Array
from connectors.kernels import helper

HEADER_WITHIN = 160
"""Bytes in which the header of a network's device ends."""


@helper
def is_printable(data: Array, begin: int, end: int) -> bool:
    """Whether a line is printable ASCII without what is left of an escape sequence or may be a device's message."""
    others = 0
    signs = 0
    for place in range(begin, end):
        byte = data[place]
        others |= (byte < 32) | (byte > 126)
        signs |= (byte == 35) | (byte == 37)
    if others:
        return False
    if signs:
        for place in range(begin, end - 1):
            byte, after = data[place], data[place + 1]
            if byte == 37 and CLASS[after] & UPPER and place - begin < HEADER_WITHIN:
                return False
            if byte == 35 and after == 48 and data[min(place + 2, end - 1)] == 51:
                return False
    return True


@helper
def is_text(data: Array, begin: int, end: int) -> bool:
    """Whether a message is no payload of another format."""
    if begin >= end:
        return False
    first = data[begin]
    if first == 32 or first == 123 or first == 37 or first == 60:
        return False
    if first == 67 and begin + 4 <= end and data[begin + 3] == 58:  # CEF:
        return False
    if first == 76 and begin + 5 <= end and data[begin + 4] == 58:  # LEEF:
        return False
    if CLASS[first] & WORD or first == 64:
        place = begin + 1
        while place < end and (CLASS[data[place]] & WORD or 45 <= data[place] <= 47 or data[place] == 64):
            place += 1
        if place < end and data[place] == 61:
            return False
    for place in range(begin, end - 2):
        if data[place] == 93 and data[place + 1] == 32 and data[place + 2] == 34:  # ] "
            return False
    return True


@helper
def plain_word(data: Array, begin: int, end: int) -> int:
    """Where the word ends that text begins with, when it is no part of a header for sure: it has small letters and is
    no day or month; -1 for any other text.
    """
    stop = run_of(data, begin, end, UPPER | LOWER)
    if stop - begin < 2 or is_upper_here(data, begin, stop) or level_of(data, begin, stop) == NOT_SURE:
        return -1
    if stop - begin == 3 and triple_of(data, begin, end) & (IS_MONTH | IS_DAY):
        return -1
    after = stop
    if after < end and data[after] == 58:
        after += 1
    if after == end:
        return stop if after == stop else -1
    if data[after] != 32 or after + 1 == end:
        return -1
    following = data[after + 1]
    return stop if CLASS[following] & WORD or following in (34, 39, 40, 47, 60) else -1


@helper
def has_no_header(data: Array, begin: int, end: int, found: Array) -> bool:
    """Whether a message has no header of its own; notes the severity that it begins with, as in ``error: no file``."""
    first = data[begin]
    if not CLASS[first] & (UPPER | LOWER):
        return not (CLASS[first] & DIGIT) and first not in (91, 40, 45, 35)
    after = data[begin + 1] if begin + 1 < end else 0
    behind_letter = bool(CLASS[after] & DIGIT) or after in (47, 32)
    if not behind_letter and not triple_of(data, begin, end) & BEGINS_HEADER:
        return True
    stop = plain_word(data, begin, end)
    if stop >= 0 and stop < end and data[stop] == 58:
        severity = level_of(data, begin, stop)
        if severity and stop - begin > 2:
            found[SEVERITY] = severity
    return stop >= 0


@helper
def after_uptime(data: Array, begin: int, end: int) -> int:
    """Where a message of a kernel goes on behind ``[ 7.000001] ``; its begin when there is no such thing; -1 when that
    is not sure.
    """
    if data[begin] != 91:
        return begin
    at = begin + 1
    while at < end and data[at] == 32:
        at += 1
    point = run_of(data, at, end, DIGIT)
    stop = run_of(data, point + 1, end, DIGIT)
    if not 0 < point - at < 10 or point >= end or data[point] != 46 or stop == point + 1 or stop + 2 >= end:
        return -1
    if data[stop] != 93 or data[stop + 1] != 32 or plain_word(data, stop + 2, end) < 0:
        return -1
    return stop + 2
