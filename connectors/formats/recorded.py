"""Records that were read the plain way, as rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.formats.rows import Layouts, Rows
from connectors.records import Record

TEXTS = frozenset({"text", "raw", "rfc3164", "rfc5424"})
"""Formats whose lines are a message behind a header."""


def rows_of(records: Sequence[Record], layouts: Layouts) -> tuple[Rows, NDArray[np.uint8]]:
    """The rows of records, and the buffer of their spans. layouts: gives numbers to formats and names."""
    texts: list[str] = []
    numbers, counts, has_text = [], [], []
    for record in records:
        fields, given = record.fields, record.given
        names = tuple([name for name in fields if name not in given] if given else fields)
        numbers.append(layouts.number(record.format, names))
        counts.append(len(names))
        texts += [fields[name] for name in names] if given else fields.values()
        message = record.message
        if message is None and record.format in TEXTS:
            message = record.text
        has_text.append(bool(message) or record.format in TEXTS)
        texts.append(message or "")
    buffer, starts = _encoded(texts)
    lines = len(records)
    ends_of = np.cumsum(np.array(counts, np.int64) + 1)
    last = ends_of - 1
    is_column = np.ones(len(texts), np.bool_)
    is_column[last] = False
    there = np.array(has_text, np.bool_)
    return (
        Rows(
            np.array(numbers, np.int32),
            np.array([np.nan if record.time is None else record.time for record in records], np.float64),
            np.array([record.severity for record in records], np.uint8),
            np.where(there, starts[:-1][last], -1),
            np.where(there, starts[1:][last], -1),
            np.array([record.parse_error is not None for record in records], np.bool_),
            np.concatenate([np.zeros(1, np.int64), ends_of - np.arange(1, lines + 1)]),
            starts[:-1][is_column],
            starts[1:][is_column],
        ),
        buffer,
    )


def _encoded(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts behind one another in UTF-8, lone surrogates too, and where each starts and the last ends."""
    whole = "".join(texts)
    if whole.isascii():
        data, lengths = bytearray(whole.encode()), [*map(len, texts)]
    else:
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        data, lengths = bytearray().join(encoded), [*map(len, encoded)]
    return np.frombuffer(data, np.uint8), np.cumsum([0, *lengths], dtype=np.int64)
