"""The words of texts as hashes. Compiled: one pass over the bytes of many texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel
from stream_processors.detection.hashing import FIRST_BASIS, joined_bytes, next_byte, scrambled

MOST_DIGITS = 2
"""What has more digits is rather a number, or names a thing: no word."""
MOST_WORDS = 256
"""Words of one text that are looked at."""


@helper
def _is_part(byte: int) -> bool:
    """Whether a byte is part of a word: letters, digits, all beyond ASCII, and ``_ . -``."""
    return (
        (97 <= byte <= 122) or (65 <= byte <= 90) or (48 <= byte <= 57) or byte >= 128 or byte in (45, 46, 95)
    )


@helper
def _words_of_span(
    buffer: NDArray[np.uint8], begin: int, end: int, found: NDArray[np.uint64], count: int
) -> int:
    """Adds the words of a span to the ``count`` distinct ones in ``found``; how many they are then."""
    if count == MOST_WORDS:
        return count
    digits, length, value = 0, 0, FIRST_BASIS
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


@kernel
def words_of_spans(
    buffer: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The distinct words of each of n lines: where its own begin, int64 (n + 1,), and hashes, uint64 (words,).

    starts: the spans of line ``i`` are those from ``starts[i]`` to ``starts[i + 1]``, (n + 1,).
    """
    lines = len(starts) - 1
    own = np.zeros(lines + 1, dtype=np.int64)
    words = np.empty(4 * lines + MOST_WORDS, dtype=np.uint64)
    for line in range(lines):
        at = own[line]
        if at + MOST_WORDS > len(words):
            larger = np.empty(2 * len(words) + MOST_WORDS, dtype=np.uint64)
            for place in range(at):
                larger[place] = words[place]
            words = larger
        count = 0
        for span in range(starts[line], starts[line + 1]):
            count = _words_of_span(buffer, begins[span], ends[span], words[at:], count)
        own[line + 1] = at + count
    return own, words[: own[-1]].copy()


def words_of_texts(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """As ``words_of_spans``, of texts."""
    return words_of_spans(*joined_bytes(texts), np.arange(len(texts) + 1))
