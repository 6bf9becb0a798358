"""The parts of lines that vary, as spans of one buffer: columns that are counted, and parameters of free text.

What a slot is: a counted column's is the hash of kind and name (``columns``); that of the n-th parameter, from 0, of a
free text is the hash of its template's id and n, ``joint(id, n)``, whatever kind of record the text is of. Of a line
come first its columns in their order, then the parameters of its texts in theirs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.formats.rows import Rows
from connectors.kernels import kernel
from stream_processors.detection.columns import Counted
from stream_processors.detection.hashing import joint
from stream_processors.detection.matches import Matches

Array = NDArray[Any]


class Spans(NamedTuple):
    """What varies in n lines, m parts in all."""

    starts: NDArray[np.int64]
    """Those of line ``i`` are from ``starts[i]`` to ``starts[i + 1]``, (n + 1,)."""
    slots: NDArray[np.uint64]
    """(m,)"""
    types: NDArray[np.uint8]
    """0: a column; else 1 + the placeholder's place among the names of types, (m,)."""
    begins: NDArray[np.int64]
    """Where each value begins in the buffer, (m,)."""
    ends: NDArray[np.int64]
    """Where each ends, (m,)."""
    text_begins: NDArray[np.int64]
    """Where the free text of each line begins, the first of several, (n,)."""
    text_ends: NDArray[np.int64]
    """Where it ends, (n,): where it begins for a line without."""


@kernel
def _fill(
    rows: tuple[Array, Array, Array],
    number_of: Array,
    counted: Counted,
    texts: tuple[Array, Array, Array, Array, Array, Array],
    found: tuple[Array, Array, Array, Array, Array],
) -> None:
    column_starts, column_begins, column_ends = rows
    _, first, places, column_slots = counted
    text_starts, ids, parameter_starts, parameter_types, parameter_begins, parameter_ends = texts
    starts, slots, types, begins, ends = found
    to = 0
    for line in range(len(number_of)):
        number = number_of[line]
        for place in range(first[number], first[number + 1]):
            at = column_starts[line] + places[place]
            slots[to], types[to] = column_slots[place], 0
            begins[to], ends[to] = column_begins[at], column_ends[at]
            to += 1
        for text in range(text_starts[line], text_starts[line + 1]):
            before = parameter_starts[text]
            for at in range(before, parameter_starts[text + 1]):
                slots[to] = joint(ids[text], np.uint64(at - before))
                types[to] = 1 + parameter_types[at]
                begins[to], ends[to] = parameter_begins[at], parameter_ends[at]
                to += 1
        starts[line + 1] = to


def spans_of(rows: Rows, number_of: NDArray[np.int64], counted: Counted, matches: Matches) -> Spans:
    """The columns and the parameters of lines, those of each together. number_of: of each line, what is counted."""
    texts, lines = matches.texts, len(number_of)
    parts = int(np.diff(counted.starts)[number_of].sum()) + len(texts.types)
    found = (
        np.zeros(lines + 1, np.int64),
        np.empty(parts, np.uint64),
        np.empty(parts, np.uint8),
        np.empty(parts, np.int64),
        np.empty(parts, np.int64),
    )
    about = texts.ids, texts.starts, texts.types, texts.begins, texts.ends
    _fill((rows.starts, rows.begins, rows.ends), number_of, counted, (matches.starts, *about), found)
    text_begins, text_ends = np.zeros((2, lines), np.int64)
    has_text = matches.starts[:-1] < matches.starts[1:]
    first = matches.starts[:-1][has_text]
    text_begins[has_text], text_ends[has_text] = texts.line_begins[first], texts.line_ends[first]
    return Spans(*found, text_begins, text_ends)
