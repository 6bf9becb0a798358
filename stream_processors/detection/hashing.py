"""64-bit hashes of texts, the same on every machine and in every process. Compiled, for use inside compiled loops.

FNV-1a over the UTF-8 bytes, then MurmurHash3's last step, so that any bits of it may choose a place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel

FIRST_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_GOLDEN, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(33)


@helper(inline=True)
def scrambled(value: np.uint64) -> np.uint64:
    """A one-to-one function whose every bit depends on all bits of the value."""
    value = (value ^ (value >> _HALF)) * _FIRST
    value = (value ^ (value >> _HALF)) * _SECOND
    return value ^ (value >> _HALF)


@kernel(inline=True)
def joint(left: np.uint64, right: np.uint64) -> np.uint64:
    """The hash of a pair of hashes, in this order; never 0."""
    found = scrambled(left * _GOLDEN + right)
    return found if found != np.uint64(0) else FIRST_BASIS


@kernel
def joint_all(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hash of each pair of two arrays, uint64 (n,)."""
    found = np.empty(len(left), dtype=np.uint64)
    for row in range(len(left)):
        found[row] = joint(left[row], right[row])
    return found


@helper(inline=True)
def next_byte(value: np.uint64, byte: np.uint8) -> np.uint64:
    """The unfinished hash with one more byte; ``scrambled`` finishes it, ``FIRST_BASIS`` is that of nothing."""
    return (value ^ np.uint64(byte)) * _PRIME


@helper
def hash_bytes(buffer: NDArray[np.uint8], begin: int, end: int) -> np.uint64:
    """The hash of a span of bytes."""
    value = FIRST_BASIS
    for place in range(begin, end):
        value = next_byte(value, buffer[place])
    return scrambled(value)


@kernel
def hash_spans(
    buffer: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """The hashes of spans of one buffer, uint64 (spans,)."""
    found = np.empty(len(begins), dtype=np.uint64)
    for row in range(len(begins)):
        found[row] = hash_bytes(buffer, begins[row], ends[row])
    return found


def joined_bytes(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Texts as spans of one buffer of UTF-8; lone surrogates are texts as well."""
    whole = "".join(texts)
    if whole.isascii():
        data, lengths = whole.encode(), list(map(len, texts))
    else:
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        data, lengths = b"".join(encoded), list(map(len, encoded))
    ends = np.cumsum(lengths, dtype=np.int64)
    return np.frombuffer(data or b"\0", dtype=np.uint8), ends - np.array(lengths, dtype=np.int64), ends


def hash_texts(texts: Sequence[str]) -> NDArray[np.uint64]:
    """The hashes of texts, uint64 (texts,)."""
    return hash_spans(*joined_bytes(texts))
