"""Compiled: JSON objects among bytes, each by its shape and the spans of its leaves.

The shape is a hash of all names and of the types of all values, in order; a leaf is a value that is no object and no
list. Only what strict JSON in its plainest form is gets a shape: numbers without exponents, names without escapes, no
halves of surrogate pairs, no NUL. The hash is keyed by numbers that are drawn when the process starts, so nobody can
make two shapes that look the same.
"""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915, PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.formats.json_bytes import (
    ESCAPED,
    FALSE,
    KEY,
    NULL,
    TEXT,
    TRUE,
    Array,
    hashed,
    is_word,
    mixed,
    number_end,
    text_end,
)
from connectors.kernels import helper, kernel

MOST_LEAVES = 200
"""Objects with more have no shape."""
MOST_LEVELS = 24

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


_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_NULL = np.frombuffer(b"null", np.uint8)


@helper
def _scan_one(
    data: Array,
    begin: int,
    end: int,
    key: Array,
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
            stop, escaped, beyond = text_end(data, at + 1, end, short)
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
            stop, escaped, beyond = text_end(data, at + 1, end, short)
            if stop < 0:
                return none, wide, 0
            wide = wide or beyond
            begins[place] = at + 1
            ends[place] = stop
            kinds[place] = ESCAPED if escaped else TEXT
            at = stop + 1
            state = mixed(state, np.uint64(1), key)
        elif byte == 45 or 48 <= byte <= 57:
            stop, kind = number_end(data, at, end)
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
            if not is_word(data, at, end, word):
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


@kernel
def _scan(
    data: Array,
    begins: Array,
    ends: Array,
    key: Array,
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
            data, begin, end, key, blank, short, stack, leaf_begins, leaf_ends, kinds, first
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
    _scan(data, begins, ends, KEY, _BLANK, _SHORT_ESCAPE, tuple(scan))
    leaves = int(scan.starts[-1])
    return Scan(*scan[:3], *(part[:leaves].copy() for part in scan[3:]))
