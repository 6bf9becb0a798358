"""What the spans of values are: numbers, and what may name a thing. Compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel
from encoder_core.templates.match import TYPES

FEW_DIGITS = 4
TIME = np.uint8(1 + TYPES.index("time"))


@helper(inline=True)
def is_number(buffer: NDArray[np.uint8], begin: int, end: int) -> bool:
    """Whether a value is all digits."""
    place = begin
    while place < end and 48 <= buffer[place] <= 57:
        place += 1
    return place == end


@helper(inline=True)
def may_name(buffer: NDArray[np.uint8], begin: int, end: int, kind: np.uint8) -> bool:
    """Whether a value may name a thing: no time, no short number, not empty or a sign."""
    if kind == TIME or end - begin < 2:
        return False
    return end - begin > FEW_DIGITS or not is_number(buffer, begin, end)


@kernel
def naming(
    buffer: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64], types: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Which values may name a thing, (values,). types: as in ``LineBatch``."""
    found = np.empty(len(begins), dtype=np.bool_)
    for part in range(len(begins)):
        found[part] = may_name(buffer, begins[part], ends[part], types[part])
    return found
