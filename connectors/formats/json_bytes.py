"""Compiled: hashes of bytes, and where the values of JSON end."""

# ruff: noqa: C901, PLR0911, SIM110 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.formats.words8 import eight, plain_until
from connectors.kernels import helper

Array = NDArray[Any]

TEXT, ESCAPED, INTEGER, REAL, TRUE, FALSE, NULL = 1, 2, 3, 4, 5, 6, 7
"""What a leaf is: text, text with escapes in it, a number, a word."""
LONGEST_INTEGER, LONGEST_REAL = 18, 24
"""Characters of a number, its sign aside."""

KEY = np.array([secrets.randbits(64) | 1 for _ in range(3)], dtype=np.uint64)
"""What hashes are keyed by: a start and two odd factors."""


@helper
def mixed(state: np.uint64, word: np.uint64, key: Array) -> np.uint64:
    """A keyed hash's next state."""
    state = (state ^ word) * key[1]
    state ^= state >> np.uint64(31)
    state *= key[2]
    return state ^ (state >> np.uint64(29))


@helper
def hashed(data: Array, begin: int, end: int, state: np.uint64, key: Array) -> np.uint64:
    """The state after so many bytes; their number is part of it."""
    at = begin
    while at + 8 <= end:
        state = mixed(state, eight(data, at), key)
        at += 8
    word = np.uint64(0)
    while at < end:
        word = (word << np.uint64(8)) | np.uint64(data[at])
        at += 1
    return mixed(state, word ^ (np.uint64(end - begin) << np.uint64(56)), key)


@helper
def text_end(data: Array, at: int, end: int, short: Array) -> tuple[int, bool, bool]:
    """Where a text ends that begins at a place, whether it has escapes, and bytes beyond ASCII; -1 for none."""
    escaped = False
    wide = False
    while at < end:
        at = plain_until(data, at, end)
        if at == end:
            break
        byte = data[at]
        if byte == 34:
            return at, escaped, wide
        if byte >= 128:
            wide = True
            at += 1
        elif byte == 92:
            escaped = True
            if at + 1 >= end:
                return -1, escaped, wide
            if short[data[at + 1]]:
                at += 2
                continue
            if data[at + 1] != 117 or at + 6 > end:
                return -1, escaped, wide
            code = 0
            for place in range(at + 2, at + 6):
                digit = hex_digit(data[place])
                if digit < 0:
                    return -1, escaped, wide
                code = code * 16 + digit
            if code == 0 or 0xD800 <= code < 0xE000:
                return -1, escaped, wide
            at += 6
        else:
            return -1, escaped, wide
    return -1, escaped, wide


@helper
def hex_digit(byte: int) -> int:
    """What a hexadecimal digit stands for; -1 for any other byte."""
    if 48 <= byte <= 57:
        return byte - 48
    if 97 <= byte <= 102:
        return byte - 87
    return byte - 55 if 65 <= byte <= 70 else -1


@helper
def number_end(data: Array, at: int, end: int) -> tuple[int, int]:
    """Where a number ends and which kind it is; -1 for what is none or takes more care."""
    begin = at
    if data[at] == 45:
        at += 1
    first = at
    while at < end and 48 <= data[at] <= 57:
        at += 1
    digits = at - first
    if digits == 0 or (digits > 1 and data[first] == 48):
        return -1, INTEGER
    if at < end and data[at] == 46:
        at += 1
        point = at
        while at < end and 48 <= data[at] <= 57:
            at += 1
        if at == point or at - first > LONGEST_REAL or (at < end and (data[at] | 32) == 101):
            return -1, REAL
        return at, REAL
    if digits > LONGEST_INTEGER or (at < end and (data[at] | 32) == 101):
        return -1, INTEGER
    if data[begin] == 45 and data[first] == 48:
        return -1, INTEGER
    return at, INTEGER


@helper
def is_word(data: Array, at: int, end: int, word: Array) -> bool:
    """Whether a word, (n,) bytes, is at a place."""
    if at + len(word) > end:
        return False
    for place in range(len(word)):
        if data[at + place] != word[place]:
            return False
    return True
