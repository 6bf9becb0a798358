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


def _put_eight(typing_context: Any, data: Any, at: Any, word: Any) -> Any:
    signature = types.void(data, at, types.uint64)

    def store(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = builder.gep(array.data, [place])
        builder.store(arguments[2], builder.bitcast(pointer, ir.IntType(64).as_pointer())).align = 1
        return context.get_dummy_value()

    return signature, store


put_eight: Any = intrinsic(_put_eight)
"""``put_eight(data, at, word)``: puts eight bytes in a uint8 array (n,), which must have room for all."""


@helper
def marked(word: np.uint64) -> np.uint64:
    """Which of eight bytes are quotes, backslashes, control characters or beyond ASCII: the highest bit of each is set.
    Right up to the first such byte; none is set where there is none.
    """
    quotes, slashes = word ^ _QUOTES, word ^ _SLASHES
    found = (quotes - _ONES) & ~quotes | (slashes - _ONES) & ~slashes | (word - _BLANKS) & ~word | word
    return found & _HIGH  # a borrow makes wrong ones above the lowest only


@helper
def plain_until(data: NDArray[np.uint8], at: int, end: int) -> int:
    """Where the first quote, backslash, control character or byte beyond ASCII is, from a place on; else ``end``."""
    while at + 8 <= end:
        found = marked(eight(data, at))
        if found != np.uint64(0):
            while found & np.uint64(0xFF) == np.uint64(0):
                found >>= np.uint64(8)
                at += 1
            return at
        at += 8
    while at < end and 32 <= data[at] < 128 and data[at] != 34 and data[at] != 92:
        at += 1
    return at
