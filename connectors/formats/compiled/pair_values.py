"""Compiled: what the values of pairs say of their lines."""

# ruff: noqa: C901 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any

from connectors.formats.compiled.alphabet import CLASS, DIGIT, NOT_SURE, fingerprint, level_of, run_of
from connectors.formats.compiled.found import (
    CODE,
    DIGITS,
    MINUTE,
    NUMBER,
    OFFSET,
    SEVERITY,
    TEXT_BEGIN,
    TEXT_END,
    UNKNOWN,
)
from connectors.formats.compiled.moments import iso_time
from connectors.formats.json_bytes import Array, hex_digit
from connectors.formats.pair_shapes import FIRST_MESSAGE, HEXED, LEVEL, TIME
from connectors.kernels import helper, kernel

_EARLIEST, _LATEST = 946_684_800, 4_102_444_800
_LONGEST = 19


@helper
def _epoch(data: Array, begin: int, end: int, found: Array) -> bool:
    """Notes digits whose number tells the unit; False for any other text."""
    digits = run_of(data, begin, min(end, begin + _LONGEST), DIGIT) - begin
    if begin + digits != end or digits < 10 or (digits - 10) % 3 != 0:
        return False
    number = 0
    for place in range(begin, end):
        number = number * 10 + (data[place] - 48)
    found[MINUTE], found[NUMBER], found[DIGITS], found[OFFSET] = 0, number, digits - 10, 0
    whole = number // 10 ** (digits - 10)
    return _EARLIEST <= whole < _LATEST - 1


@helper
def _time(data: Array, begin: int, end: int, found: Array) -> bool:
    """Notes the time that a value states; False when that is not sure."""
    if begin < end and CLASS[data[begin]] & DIGIT:
        return iso_time(data, begin, end, found) == end or _epoch(data, begin, end, found)
    return False


@helper
def _unhexed(data: Array, begin: int, end: int, extra: Array, used: int) -> int:
    """Writes what a value in hex stands for behind what is used; its end, ``used`` for a value that is not in hex, -1
    for bytes beyond ASCII.
    """
    if end - begin < 4 or (end - begin) & 1:
        return used
    for at in range(begin, end):
        if not (CLASS[data[at]] & DIGIT or 65 <= data[at] <= 70):
            return used
    for at in range(begin, end, 2):
        byte = hex_digit(data[at]) << 4 | hex_digit(data[at + 1])
        if byte > 127:
            return -1
        extra[used] = byte if byte else 32
        used += 1
    return used


def _kernel(fingerprint: int) -> Any:
    @kernel
    def read_values(
        data: Array,
        lines: Array,
        shapes: Array,
        role_starts: Array,
        roles: Array,
        starts: Array,
        spans: Array,
        extra: Array,
        used: int,
        found: Array,
    ) -> int:
        """Adds what their values say to lines of pairs; one of which something is not sure becomes UNKNOWN. What is
        not spelled out is written to ``extra`` from ``used`` on; its first byte counts as the one behind the data.
        Returns how much of it is used.
        """
        assert fingerprint >= 0
        for place in range(len(lines)):
            line = lines[place]
            first, role = starts[line], role_starts[shapes[place]]
            for column in range(first, starts[line + 1]):
                kind = roles[role + column - first]
                if kind == 0:
                    continue
                begin, end = spans[column, 0], spans[column, 1]
                sure = True
                if kind == HEXED:
                    stop = _unhexed(data, begin, end, extra, used)
                    sure = stop >= 0
                    if stop > used:
                        spans[column, 0], spans[column, 1] = len(data) + used, len(data) + stop
                        used = stop
                elif kind == TIME:
                    sure = _time(data, begin, end, found[line])
                elif kind == LEVEL:
                    severity = level_of(data, begin, end)
                    sure = 0 < severity < NOT_SURE
                    found[line, SEVERITY] = severity
                elif begin < end and (kind == FIRST_MESSAGE or found[line, TEXT_BEGIN] < 0):
                    found[line, TEXT_BEGIN], found[line, TEXT_END] = begin, end
                if not sure:
                    found[line, CODE] = UNKNOWN
                    break
        return used

    return read_values


read_values = _kernel(fingerprint())
