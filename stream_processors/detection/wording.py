"""The words of texts as hashes. Compiled: one pass over the bytes of many texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream_processors.detection.hashing import FIRST_BASIS, joined_bytes, next_byte, scrambled

MOST_DIGITS = 2
"""What has more digits is rather a number, or names a thing: no word."""
MOST_WORDS = 256
"""Words of one text that are looked at."""


@njit(cache=True, nogil=True)
def _is_part(byte: int) -> bool:
    """Whether a byte is part of a word: letters, digits, all beyond ASCII, and ``_ . -``."""
    return (
        (97 <= byte <= 122) or (65 <= byte <= 90) or (48 <= byte <= 57) or byte >= 128 or byte in (45, 46, 95)
    )


@njit(cache=True, nogil=True)
def _words_of_span(buffer: NDArray[np.uint8], begin: int, end: int, found: NDArray[np.uint64]) -> int:
    """Puts the distinct words of a span into ``found``; how many they are."""
    count, digits, length, value = 0, 0, 0, FIRST_BASIS
    for place in range(begin, end + 1):
        if place < end and _is_part(buffer[place]):
            byte = buffer[place]
            digits += 48 <= byte <= 57
            length += 1
            value = next_byte(value, byte)
            continue
        if length and digits <= MOST_DIGITS:
            word, known = scrambled(value), False
            for other in range(count):
                known |= found[other] == word
            if not known:
                found[count] = word
                count += 1
                if count == MOST_WORDS:
                    return count
        digits, length, value = 0, 0, FIRST_BASIS
    return count


@njit(cache=True, nogil=True)
def words_of_spans(
    buffer: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The distinct words of each span: where its own begin, int64 (spans + 1,), and hashes, uint64 (words,)."""
    starts = np.zeros(len(begins) + 1, dtype=np.int64)
    words = np.empty(4 * len(begins) + MOST_WORDS, dtype=np.uint64)
    for span in range(len(begins)):
        at = starts[span]
        if at + MOST_WORDS > len(words):
            larger = np.empty(2 * len(words) + MOST_WORDS, dtype=np.uint64)
            larger[:at] = words[:at]
            words = larger
        starts[span + 1] = at + _words_of_span(buffer, begins[span], ends[span], words[at:])
    return starts, words[: starts[-1]].copy()


def words_of_texts(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """As ``words_of_spans``, of texts."""
    return words_of_spans(*joined_bytes(texts))
