"""Compiled: the times that envelopes state, to the same seconds as ``stamps.seconds`` and ``otlp_batch`` give."""

# ruff: noqa: C901, PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.formats.json_bytes import ESCAPED, INTEGER, REAL, TEXT
from connectors.formats.times_scan import STATED, of_nanoseconds, stamp
from connectors.kernels import helper, kernel

Array = NDArray[Any]

_FIRST, _LAST = 946_684_800, 4_102_444_800
"""2000 to 2100."""
_POWERS = 10.0 ** np.arange(23)
_NANOSECONDS = 19
"""Digits."""


@helper
def _number(data: Array, begin: int, end: int) -> tuple[int, int]:
    """The digits of a number without its point, and how many are behind that; -1 for what is no such number."""
    number, behind, point = 0, 0, False
    if end - begin > _NANOSECONDS + 1:
        return -1, 0
    for at in range(begin, end):
        byte = data[at]
        if byte == 46 and not point:
            point = True
            continue
        if byte < 48 or byte > 57:
            return -1, 0
        number = number * 10 + byte - 48
        behind += point
    return number, behind


@kernel
def stated_times(
    data: Array, leaves: Array, begins: Array, ends: Array, kinds: Array, counts: Array
) -> NDArray[np.float64]:
    """The times of leaves; nan for those that the plain way must read.

    counts: whether text is a number of nanoseconds, (leaves,).
    """
    found = np.full(len(leaves), np.nan)
    for place in range(len(leaves)):
        leaf = leaves[place]
        begin, end, kind = begins[leaf], ends[leaf], kinds[leaf]
        if kind == ESCAPED:
            continue
        if kind == TEXT and not counts[place]:
            what, seconds = stamp(data, begin, end, True)
            if what == STATED:
                found[place] = seconds
            continue
        if kind != TEXT and kind != INTEGER and kind != REAL:
            continue
        number, behind = _number(data, begin, end)
        if number <= 0:
            continue
        if behind == 0 and end - begin == _NANOSECONDS:
            found[place] = of_nanoseconds(number)
        elif kind != TEXT and number < 1 << 53:
            value = number / _POWERS[behind]
            for power in range(0, 7, 3):
                if _FIRST * _POWERS[power] <= value < _LAST * _POWERS[power]:
                    found[place] = value / _POWERS[power]
                    break
    return found
