"""Compiled: JSON objects among bytes, each by its shape and the spans of its leaves.

The shape is a hash of all names and of the types of all values, in order; a leaf is a value that is no object and no
list. Only what strict JSON in its plainest form is gets a shape: numbers without exponents, names without escapes, no
halves of surrogate pairs, no NUL. The hash is keyed by numbers that are drawn when the process starts, so nobody can
make two shapes that look the same.
"""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915, PLR1714, SIM110 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

TEXT, ESCAPED, INTEGER, REAL, TRUE, FALSE, NULL = 1, 2, 3, 4, 5, 6, 7
"""What a leaf is: text, text with escapes in it, a number, a word."""
MOST_LEAVES = 200
"""Objects with more have no shape."""
MOST_LEVELS = 24
LONGEST_INTEGER, LONGEST_REAL = 18, 24
"""Characters of a number, its sign aside."""

KEY = np.array([secrets.randbits(64) | 1 for _ in range(3)], dtype=np.uint64)
"""What hashes are keyed by: a start and two odd factors."""
_PLAIN = np.array([byte >= 32 and byte not in b'"\\' and byte < 128 for byte in range(256)], dtype=np.bool_)
_BLANK = np.array([byte in b" \t\n\r" for byte in range(256)], dtype=np.bool_)
_SHORT_ESCAPE = np.array([byte in b'"\\/bfnrt' for byte in range(256)], dtype=np.bool_)


class Scan(NamedTuple):
    """Objects as they were scanned, n of them with m leaves together."""

    shapes: NDArray[np.uint64]
    """(n,); 0 of what has none."""
    wide: NDArray[np.bool_]
    """(n,): whether there are bytes beyond ASCII in it, which may be no UTF-8."""
    starts: NDArray[np.int64]
    """(n + 1,): where the leaves of each begin."""
    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    """(m,): where each leaf is, text without its quotes."""
    kinds: NDArray[np.uint8]
    """(m,)"""


@njit(cache=True, nogil=True)
def mixed(state: np.uint64, word: np.uint64, key: Array) -> np.uint64:
    """A keyed hash's next state."""
    state = (state ^ word) * key[1]
    state ^= state >> np.uint64(31)
    state *= key[2]
    return state ^ (state >> np.uint64(29))


@njit(cache=True, nogil=True)
def hashed(data: Array, begin: int, end: int, state: np.uint64, key: Array) -> np.uint64:
    """The state after so many bytes; their number is part of it."""
    word = np.uint64(0)
    at = begin
    while at < end:
        word = (word << np.uint64(8)) | np.uint64(data[at])
        at += 1
        if (at - begin) & 7 == 0:
            state = mixed(state, word, key)
            word = np.uint64(0)
    return mixed(state, (word << np.uint64(8)) ^ (np.uint64(end - begin) << np.uint64(56)), key)


@njit(cache=True, nogil=True)
def _text_end(data: Array, at: int, end: int, plain: Array, short: Array) -> tuple[int, bool, bool]:
    """Where a text ends that begins at a place, whether it has escapes, and bytes beyond ASCII; -1 for none."""
    escaped = False
    wide = False
    while at < end:
        byte = data[at]
        if plain[byte]:
            at += 1
        elif byte == 34:
            return at, escaped, wide
        elif byte >= 128:
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


@njit(cache=True, nogil=True)
def hex_digit(byte: int) -> int:
    """What a hexadecimal digit stands for; -1 for any other byte."""
    if 48 <= byte <= 57:
        return byte - 48
    if 97 <= byte <= 102:
        return byte - 87
    return byte - 55 if 65 <= byte <= 70 else -1


@njit(cache=True, nogil=True)
def _number_end(data: Array, at: int, end: int) -> tuple[int, int]:
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


@njit(cache=True, nogil=True)
def _is_word(data: Array, at: int, end: int, word: Array) -> bool:
    if at + len(word) > end:
        return False
    for place in range(len(word)):
        if data[at + place] != word[place]:
            return False
    return True


_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_NULL = np.frombuffer(b"null", np.uint8)


@njit(cache=True, nogil=True)
def _scan_one(
    data: Array,
    begin: int,
    end: int,
    key: Array,
    plain: Array,
    blank: Array,
    short: Array,
    stack: Array,
    begins: Array,
    ends: Array,
    kinds: Array,
    first: int,
) -> tuple[np.uint64, bool, int]:
    """The shape of one object, 0 for none; whether it is wide; the number of its leaves."""
    state = key[0]
    at = begin
    depth = 0
    leaves = 0
    wide = False
    # What is to come: 0 a value, 1 a name or the end, 2 a name, 3 a comma or the end, 4 a value or the end.
    expected = 0
    none = np.uint64(0)
    while True:
        while at < end and blank[data[at]]:
            at += 1
        if at >= end:
            return none, wide, 0
        byte = data[at]
        if expected == 3:
            if byte == 44:
                at += 1
                expected = 2 if stack[depth] == 123 else 0
                continue
            if byte != stack[depth] + 2:  # } of {, ] of [
                return none, wide, 0
        if (expected == 1 and byte == 125) or (expected == 4 and byte == 93) or expected == 3:
            state = mixed(state, np.uint64(byte), key)
            at += 1
            depth -= 1
            if depth == 0:
                break
            expected = 3
            continue
        if expected == 1 or expected == 2:
            if byte != 34:
                return none, wide, 0
            stop, escaped, beyond = _text_end(data, at + 1, end, plain, short)
            if stop < 0 or escaped:
                return none, wide, 0
            wide = wide or beyond
            state = hashed(data, at + 1, stop, state, key)
            at = stop + 1
            while at < end and blank[data[at]]:
                at += 1
            if at >= end or data[at] != 58:
                return none, wide, 0
            at += 1
            expected = 0
            continue
        if byte == 123 or byte == 91:
            depth += 1
            if depth > MOST_LEVELS:
                return none, wide, 0
            stack[depth] = byte
            state = mixed(state, np.uint64(byte), key)
            at += 1
            expected = 1 if byte == 123 else 4
            continue
        if leaves >= MOST_LEAVES or depth == 0:
            return none, wide, 0
        place = first + leaves
        leaves += 1
        begins[place] = at
        if byte == 34:
            stop, escaped, beyond = _text_end(data, at + 1, end, plain, short)
            if stop < 0:
                return none, wide, 0
            wide = wide or beyond
            begins[place] = at + 1
            ends[place] = stop
            kinds[place] = ESCAPED if escaped else TEXT
            at = stop + 1
            state = mixed(state, np.uint64(1), key)
        elif byte == 45 or 48 <= byte <= 57:
            stop, kind = _number_end(data, at, end)
            if stop < 0:
                return none, wide, 0
            ends[place] = stop
            kinds[place] = kind
            at = stop
            state = mixed(state, np.uint64(kind), key)
        else:
            word, kind = _NULL, NULL
            if byte == 116:
                word, kind = _TRUE, TRUE
            elif byte == 102:
                word, kind = _FALSE, FALSE
            if not _is_word(data, at, end, word):
                return none, wide, 0
            at += len(word)
            ends[place] = at
            kinds[place] = kind
            state = mixed(state, np.uint64(NULL if kind == NULL else TRUE), key)
        expected = 3
    while at < end and blank[data[at]]:
        at += 1
    if at < end:
        return none, wide, 0
    return state | np.uint64(1), wide, leaves


@njit(cache=True, nogil=True)
def _scan(
    data: Array,
    begins: Array,
    ends: Array,
    key: Array,
    plain: Array,
    blank: Array,
    short: Array,
    scan: tuple[Array, ...],
) -> None:
    stack = np.zeros(MOST_LEVELS + 1, dtype=np.uint8)
    shapes, wide, starts, leaf_begins, leaf_ends, kinds = scan
    first = 0
    for row in range(len(begins)):
        starts[row] = first
        begin, end = begins[row], ends[row]
        if end - begin < 2 or data[begin] != 123 or data[begin + 1] != 34:
            continue
        if first + MOST_LEAVES > len(kinds):
            continue
        shape, beyond, leaves = _scan_one(
            data, begin, end, key, plain, blank, short, stack, leaf_begins, leaf_ends, kinds, first
        )
        shapes[row] = shape
        wide[row] = beyond
        first += leaves
    starts[len(begins)] = first


def scanned(data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> Scan:
    """Scans values of bytes. begins, ends: (n,), where each is in ``data``. At most 2 GiB of data."""
    rows, room = len(begins), int((ends - begins).sum()) // 4 + MOST_LEAVES + 1
    scan = Scan(
        np.zeros(rows, np.uint64),
        np.zeros(rows, np.bool_),
        np.zeros(rows + 1, np.int64),
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.uint8),
    )
    _scan(data, begins, ends, KEY, _PLAIN, _BLANK, _SHORT_ESCAPE, tuple(scan))
    leaves = int(scan.starts[-1])
    return Scan(*scan[:3], *(part[:leaves].copy() for part in scan[3:]))
