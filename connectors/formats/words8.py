"""Compiled: eight bytes at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from connectors.kernels import helper

_ONES, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _SLASHES = _ONES * np.uint64(34), _ONES * np.uint64(92)
_BLANKS = _ONES * np.uint64(32)


def _eight(typing_context: Any, data: Any, at: Any) -> Any:
    signature = types.uint64(data, at)

    def load(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = builder.gep(array.data, [place])
        word = builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return signature, load


eight: Any = intrinsic(_eight)
"""``eight(data, at)``: the eight bytes of a uint8 array (n,) from a place on as uint64; all must be there."""


@helper
def plain_until(data: NDArray[np.uint8], at: int, end: int) -> int:
    """Where the first quote, backslash, control character or byte beyond ASCII is, from a place on; else ``end``."""
    while at + 8 <= end:
        word = eight(data, at)
        quotes, slashes = word ^ _QUOTES, word ^ _SLASHES
        found = (quotes - _ONES) & ~quotes | (slashes - _ONES) & ~slashes | (word - _BLANKS) & ~word | word
        found &= _HIGH
        if found != np.uint64(0):
            # The lowest mark is right; a borrow makes wrong ones above it only.
            while found & np.uint64(0xFF) == np.uint64(0):
                found >>= np.uint64(8)
                at += 1
            return at
        at += 8
    while at < end and 32 <= data[at] < 128 and data[at] != 34 and data[at] != 92:
        at += 1
    return at
