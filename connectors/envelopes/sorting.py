"""Compiled: what messages, and texts that envelopes held, are at first sight."""

# ruff: noqa: C901, PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.envelopes.split import BEGINS
from connectors.formats.json_bytes import is_word
from connectors.kernels import kernel

Array = NDArray[Any]
_SEVERAL = np.frombuffer(BEGINS, np.uint8)

PLAIN, OBJECT, LINE, MARKED, SEVERAL = range(5)
"""Left to the plain way; an object; a line for sure; a line unless an envelope of text, whose mark it has, takes it; an
object that may hold several lines."""


class Signs(NamedTuple):
    """What tells at first sight that an envelope must be asked."""

    firsts: NDArray[np.bool_]
    """Of each byte, whether an envelope of bytes begins with it, (256,)."""
    places: NDArray[np.int64]
    """Where the marks of texts are, (marks,)."""
    marks: NDArray[np.uint8]
    """All marks behind one another."""
    mark_starts: NDArray[np.int64]
    """(marks + 1,)"""

    @classmethod
    def of(cls, firsts: Iterable[bytes], marks: Iterable[tuple[int, str]]) -> Signs:
        """From the first bytes and marks that envelopes state."""
        found = np.zeros(256, np.bool_)
        found[[first[0] for first in firsts if first]] = True
        places = [(place, mark.encode()) for place, mark in marks]
        return cls(
            found,
            np.array([place for place, _ in places], np.int64),
            np.frombuffer(b"".join(mark for _, mark in places) or b"\0", np.uint8),
            np.cumsum([0, *(len(mark) for _, mark in places)], dtype=np.int64),
        )


@kernel
def _kinds(
    data: Array,
    begins: Array,
    ends: Array,
    alone: bool,
    firsts: Array,
    places: Array,
    marks: Array,
    mark_starts: Array,
    begins_several: Array,
    found: Array,
) -> None:
    for row in range(len(begins)):
        begin, end = begins[row], ends[row]
        if end == begin:
            continue
        first = data[begin]
        if first == 123 and end > begin + 1 and data[begin + 1] == 34:
            found[row] = SEVERAL if alone and is_word(data, begin, end, begins_several) else OBJECT
            continue
        if first == 123 or first == 91 or first == 34 or (alone and firsts[first]):
            continue
        good = True
        for at in range(begin, end):
            byte = data[at]
            if byte == 0 or (alone and (byte < 32 or byte > 126)):
                good = False
                break
        if not good:
            continue
        found[row] = LINE
        for mark in range(len(places)):
            at = begin + places[mark]
            size = mark_starts[mark + 1] - mark_starts[mark]
            if at + size > end and size > 0:
                continue
            same = True
            for near in range(size):
                same = same and data[at + near] == marks[mark_starts[mark] + near]
            if same:
                found[row] = MARKED


def kinds_of(
    data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64], signs: Signs, *, alone: bool
) -> NDArray[np.uint8]:
    """PLAIN, OBJECT, LINE or MARKED of each span. alone: whether no envelope held it, so that it may be no text."""
    found = np.zeros(len(begins), np.uint8)
    _kinds(data, begins, ends, alone, *signs, _SEVERAL, found)
    return found
