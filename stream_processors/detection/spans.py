"""The parts of lines that vary, as spans of one buffer: columns that are counted, and parameters of free text.

What a slot is: a counted column's is the hash of kind and name (``columns``); that of the n-th parameter, from 0, of a
free text is the hash of its template's id and n, ``joint(id, n)``, whatever kind of record the text is of. Of a line
come first its columns in their order, then the parameters of its texts in theirs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.records import Record
from encoder_core.templates import Templates
from stream_processors.detection.columns import CountedColumns, counted_names
from stream_processors.detection.hashing import joint
from stream_processors.detection.matches import Matches, match_records


class Spans(NamedTuple):
    """What varies in n lines, m parts in all."""

    starts: NDArray[np.int64]
    """Those of line ``i`` are from ``starts[i]`` to ``starts[i + 1]``, (n + 1,)."""
    slots: NDArray[np.uint64]
    """(m,)"""
    types: NDArray[np.uint8]
    """0: a column; else 1 + the placeholder's place among the names of types, (m,)."""
    buffer: NDArray[np.uint8]
    """All values in UTF-8, and what stands between them."""
    begins: NDArray[np.int64]
    """Where each value begins in it, (m,)."""
    ends: NDArray[np.int64]
    """Where each ends, (m,)."""
    text_begins: NDArray[np.int64]
    """Where the free text of each line begins, the first of several, (n,)."""
    text_ends: NDArray[np.int64]
    """Where it ends, (n,): where it begins for a line without."""


@njit(cache=True, nogil=True)
def slots_of(ids: NDArray[np.uint64], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The slots of the parameters of n texts, uint64 (parameters,). ids: of their templates, (n,); starts: (n + 1,)."""
    slots = np.empty(starts[len(ids)], dtype=np.uint64)
    for text in range(len(ids)):
        for place in range(starts[text], starts[text + 1]):
            slots[place] = joint(ids[text], np.uint64(place - starts[text]))
    return slots


def spans_of(columns: CountedColumns, matches: Matches) -> Spans:
    """The columns and the parameters of the same records, those of each together."""
    texts = matches.texts
    parameters, columns_before = texts.starts[matches.starts], columns.starts
    lines = np.arange(len(matches))
    # A part's place is its own among its like, and behind those of the other sort up to its line's.
    column_at = np.arange(len(columns.slots)) + parameters[np.repeat(lines, np.diff(columns_before))]
    parameter_at = np.arange(len(texts.types)) + columns_before[np.repeat(lines, np.diff(parameters)) + 1]

    def merged(of_columns: NDArray, of_parameters: NDArray) -> NDArray:
        both = np.empty(len(column_at) + len(parameter_at), dtype=of_parameters.dtype)
        both[column_at], both[parameter_at] = of_columns, of_parameters
        return both

    size = len(columns.buffer)
    text_begins = np.zeros(len(matches), dtype=np.int64)
    text_ends = np.zeros(len(matches), dtype=np.int64)
    has_text = matches.starts[:-1] < matches.starts[1:]
    first = matches.starts[:-1][has_text]
    text_begins[has_text], text_ends[has_text] = (
        texts.line_begins[first] + size,
        texts.line_ends[first] + size,
    )
    return Spans(
        columns_before + parameters,
        merged(columns.slots, slots_of(texts.ids, texts.starts)),
        merged(np.zeros(len(column_at), dtype=np.uint8), texts.types + np.uint8(1)),
        np.concatenate([columns.buffer, texts.buffer]),
        merged(columns.begins, texts.begins + size),
        merged(columns.ends, texts.ends + size),
        text_begins,
        text_ends,
    )


def slot_names(record: Record, templates: Templates) -> list[str]:
    """Names of the parts of a record that vary, in their order: those of columns, then numbers of its parameters."""
    texts = match_records([record], templates).texts
    numbers = [str(slot) for count in np.diff(texts.starts).tolist() for slot in range(count)]
    return [*counted_names(record), *numbers]
