"""Compiled: JSON's texts and numbers, written into an array of bytes."""

# ruff: noqa: PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.formats.words8 import eight, marked, put_eight

Array = NDArray[Any]

POWERS = 10.0 ** np.arange(16)
DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
LEAST_TOO_LARGE = 1e15
"""Every number of fewer digits is another double."""


@njit(cache=True, nogil=True)
def write(data: Array, to: int, source: Array, begin: int, end: int) -> int:
    """Writes bytes, and up to seven behind them that are to be written over; where they end."""
    for place in range(0, end - begin, 8):
        put_eight(data, to + place, eight(source, begin + place))
    return to + end - begin


@njit(cache=True, nogil=True)
def write_text(data: Array, to: int, at: int, end: int, digits: Array) -> int:
    """Writes text with the escapes that JSON needs; where it ends."""
    while at < end:
        if at + 8 <= end:
            word = eight(data, at)
            put_eight(data, to, word)
            found = marked(word)
            plain = 0 if found else 8
            while found:
                if found & np.uint64(0xFF):
                    break
                found >>= np.uint64(8)
                plain += 1
            at += plain
            to += plain
            if plain == 8:
                continue
        byte = data[at]
        at += 1
        if byte < 32:
            data[to], data[to + 1], data[to + 2], data[to + 3] = 92, 117, 48, 48
            data[to + 4], data[to + 5] = digits[byte >> 4], digits[byte & 15]
            to += 6
            continue
        if byte == 34 or byte == 92:
            data[to] = 92
            to += 1
        data[to] = byte
        to += 1
    return to


@njit(cache=True, nogil=True)
def write_number(data: Array, to: int, number: np.uint64, digits: Array) -> int:
    """Writes a number; where it ends."""
    ten = np.uint64(10)
    many, rest = 1, number // ten
    while rest > np.uint64(0):
        many += 1
        rest //= ten
    for place in range(to + many - 1, to - 1, -1):
        rest = number // ten
        data[place] = digits[number - rest * ten]
        number = rest
    return to + many


@njit(cache=True, nogil=True)
def write_real(data: Array, to: int, value: float, powers: Array, digits: Array) -> int:
    """Writes a number that has at most fifteen digits, as Python spells it where that has no exponent; where it ends, 0
    for any other number.
    """
    if value < 0:
        data[to] = 45
        to += 1
        value = -value
    for behind in range(len(powers)):
        scaled = np.rint(value * powers[behind])
        if not scaled < LEAST_TOO_LARGE:
            return 0
        if scaled / powers[behind] == value:
            number, ten = np.uint64(scaled), np.uint64(10)
            whole = number // np.uint64(powers[behind])
            to = write_number(data, to, whole, digits)
            data[to], data[to + 1] = 46, 48
            for place in range(to + behind, to, -1):
                rest = number // ten
                data[place] = digits[number - rest * ten]
                number = rest
            return to + 1 + max(behind, 1)
    return 0
