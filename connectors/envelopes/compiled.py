"""Compiled: what stands around the lines of scanned objects, and the lines in them without their escapes."""

# ruff: noqa: SIM110 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.envelopes.collecting import Buffer
from connectors.formats.json_bytes import ESCAPED, KEY, REAL, TEXT, hashed, hex_digit, mixed
from connectors.formats.json_scan import Scan
from connectors.kernels import helper, kernel

Array = NDArray[Any]
LONGEST_REAL = 15
"""Digits of a number that a double has exactly."""

_SHORT = np.zeros(256, np.uint8)
for _escape, _byte in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
    _SHORT[_escape] = _byte


@kernel
def _contexts(
    data: Array,
    rows: Array,
    starts: Array,
    begins: Array,
    ends: Array,
    kinds: Array,
    masks: Array,
    mask_starts: Array,
    plans: Array,
    salts: Array,
    key: Array,
    found: Array,
) -> None:
    for place in range(len(rows)):
        row = rows[place]
        state = mixed(mixed(key[0], np.uint64(plans[place]), key), np.uint64(salts[place]), key)
        first = starts[row]
        at = mask_starts[plans[place]]
        for leaf in range(first, starts[row + 1]):
            if masks[at + leaf - first]:
                state = mixed(state, np.uint64(kinds[leaf]), key)
                state = hashed(data, begins[leaf], ends[leaf], state, key)
        found[place] = state


def contexts(
    data: NDArray[np.uint8],
    scan: Scan,
    rows: NDArray[np.int64],
    plans: NDArray[np.int64],
    salts: NDArray[np.int64],
    masks: NDArray[np.bool_],
    mask_starts: NDArray[np.int64],
) -> NDArray[np.uint64]:
    """Keyed hashes of all values that their envelopes look at, one a row.

    rows: of the scan. plans: of each, whose mask says by ``masks[mask_starts[plan] + leaf]`` which leaves count.
    salts: what else tells them apart.
    """
    found = np.empty(len(rows), np.uint64)
    leaves = scan.starts, scan.begins, scan.ends, scan.kinds
    _contexts(data, rows, *leaves, masks, mask_starts, plans, salts, KEY, found)
    return found


@helper
def _unescape(data: Array, at: int, end: int, to: int, short: Array) -> int:
    """Writes a text without its escapes behind a place of the same buffer; where it ends."""
    while at < end:
        byte = data[at]
        if byte != 92:
            data[to] = byte
            at += 1
            to += 1
            continue
        if data[at + 1] != 117:
            data[to] = short[data[at + 1]]
            at += 2
            to += 1
            continue
        code = 0
        for digit in range(at + 2, at + 6):
            code = code * 16 + hex_digit(data[digit])
        at += 6
        if code < 0x80:
            data[to] = code
            to += 1
        elif code < 0x800:
            data[to] = 0xC0 | (code >> 6)
            data[to + 1] = 0x80 | (code & 0x3F)
            to += 2
        else:
            data[to] = 0xE0 | (code >> 12)
            data[to + 1] = 0x80 | ((code >> 6) & 0x3F)
            data[to + 2] = 0x80 | (code & 0x3F)
            to += 3
    return to


@kernel
def _unescaped(
    data: Array,
    leaves: Array,
    begins: Array,
    ends: Array,
    kinds: Array,
    strips: Array,
    short: Array,
    to: int,
    found: tuple[Array, Array],
) -> int:
    for place in range(len(leaves)):
        leaf = leaves[place]
        first, last = int(begins[leaf]), int(ends[leaf])
        if kinds[leaf] == ESCAPED:
            first, last, to = to, _unescape(data, first, last, to, short), 0
            to = last
        while strips[place] and last > first and (data[last - 1] == 10 or data[last - 1] == 13):
            last -= 1
        found[0][place], found[1][place] = first, last
    return to


def unescaped(
    buffer: Buffer, scan: Scan, leaves: NDArray[np.int64], strips: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the texts of leaves begin and end, UTF-8 without escapes. strips: of which line ends are left out."""
    room = int((scan.ends[leaves].astype(np.int64) - scan.begins[leaves]).sum())
    data, found = buffer.room(room), (np.empty(len(leaves), np.int64), np.empty(len(leaves), np.int64))
    buffer.used = _unescaped(
        data, leaves, scan.begins, scan.ends, scan.kinds, strips, _SHORT, buffer.used, found
    )
    return found


@kernel
def _settled(
    data: Array,
    rows: Array,
    starts: Array,
    begins: Array,
    ends: Array,
    kinds: Array,
    short: Array,
    to: int,
    odd: Array,
) -> tuple[int, int]:
    found = 0
    for row in rows:
        for leaf in range(starts[row], starts[row + 1]):
            if kinds[leaf] == ESCAPED:
                last = _unescape(data, begins[leaf], ends[leaf], to, short)
                begins[leaf], ends[leaf], kinds[leaf] = to, last, TEXT
                to = last
            elif kinds[leaf] == REAL and is_odd(data, begins[leaf], ends[leaf]):
                odd[found] = leaf
                found += 1
    return to, found


def settle(buffer: Buffer, scan: Scan, rows: NDArray[np.int64]) -> None:
    """Makes the leaves of some rows what columns have: text without escapes, numbers as Python spells them."""
    size = int((scan.ends.astype(np.int64) - scan.begins).sum())
    odd = np.empty(len(scan.kinds), np.int64)
    data = buffer.room(size)
    buffer.used, count = _settled(
        data, rows, scan.starts, scan.begins, scan.ends, scan.kinds, _SHORT, buffer.used, odd
    )
    for leaf in odd[:count].tolist():
        text = str(float(data[scan.begins[leaf] : scan.ends[leaf]].tobytes())).encode()
        scan.begins[leaf] = buffer.add(text)
        scan.ends[leaf] = buffer.used


@helper
def is_odd(data: Array, begin: int, end: int) -> bool:
    """Whether Python may spell a number with a point in another way than it is."""
    at = begin + (data[begin] == 45)
    first = at
    while data[at] != 46:
        at += 1
    fraction = end - at - 1
    if end - first - 1 > LONGEST_REAL or (fraction > 1 and data[end - 1] == 48):
        return True
    if data[first] == 48 and fraction > 4:
        for near in range(at + 1, at + 5):
            if data[near] != 48:
                return False
        return True
    return False


@kernel
def headlines(data: Array, leaves: Array, begins: Array, ends: Array, kinds: Array, longest: int) -> Array:
    """Whether each text is its first line, without blanks around it: 1, or 0; 2 where it must be looked at closely."""
    found = np.empty(len(leaves), np.uint8)
    for place in range(len(leaves)):
        begin, end = begins[leaves[place]], ends[leaves[place]]
        if begin == end:
            found[place] = 0
            continue
        first, last = data[begin], data[end - 1]
        if kinds[leaves[place]] != TEXT or end - begin > longest or first >= 128 or last >= 128:
            found[place] = 2
        else:
            found[place] = first > 32 and last > 32
    return found
