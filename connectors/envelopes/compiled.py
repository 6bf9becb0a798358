"""Compiled: what stands around the lines of scanned objects, and the lines in them without their escapes."""

# ruff: noqa: C901 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.formats.json_bytes import ESCAPED, KEY, hashed, hex_digit, mixed
from connectors.formats.json_scan import Scan

Array = NDArray[Any]

_SHORT = np.zeros(256, np.uint8)
for _escape, _byte in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
    _SHORT[_escape] = _byte


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _unescaped(
    data: Array,
    leaves: Array,
    begins: Array,
    ends: Array,
    kinds: Array,
    strips: Array,
    short: Array,
    out: Array,
    out_ends: Array,
) -> None:
    to = 0
    for place in range(len(leaves)):
        leaf = leaves[place]
        at, end, first = begins[leaf], ends[leaf], to
        if kinds[leaf] != ESCAPED:
            while at < end:
                out[to] = data[at]
                at += 1
                to += 1
        while at < end:
            byte = data[at]
            if byte != 92:
                out[to] = byte
                at += 1
                to += 1
                continue
            if data[at + 1] != 117:
                out[to] = short[data[at + 1]]
                at += 2
                to += 1
                continue
            code = 0
            for digit in range(at + 2, at + 6):
                code = code * 16 + hex_digit(data[digit])
            at += 6
            if code < 0x80:
                out[to] = code
                to += 1
            elif code < 0x800:
                out[to] = 0xC0 | (code >> 6)
                out[to + 1] = 0x80 | (code & 0x3F)
                to += 2
            else:
                out[to] = 0xE0 | (code >> 12)
                out[to + 1] = 0x80 | ((code >> 6) & 0x3F)
                out[to + 2] = 0x80 | (code & 0x3F)
                to += 3
        if strips[place]:
            while to > first and (out[to - 1] == 10 or out[to - 1] == 13):
                to -= 1
        out_ends[place] = to


def unescaped(
    data: NDArray[np.uint8], scan: Scan, leaves: NDArray[np.int64], strips: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The texts of leaves after one another, UTF-8, and where each ends. strips: of which line ends are left out."""
    room = int((scan.ends[leaves].astype(np.int64) - scan.begins[leaves]).sum())
    out, ends = np.empty(room, np.uint8), np.empty(len(leaves), np.int64)
    _unescaped(data, leaves, scan.begins, scan.ends, scan.kinds, strips, _SHORT, out, ends)
    return out[: int(ends[-1]) if len(ends) else 0], ends
