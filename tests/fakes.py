"""Small deterministic stand-ins that several tests share."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Changes
from connectors.records import Line, Record
from encoder_core.encoder import Embedded
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.embedding import embed_rows
from stream_processors.detection.table import Entry, TemplateTable


class TrigramEmbedder:
    """An embedder without a model: the unit vector of a line's hashed character trigrams.

    longest: characters from which on it says that a line is cut.
    """

    def __init__(self, dim: int = 64, *, longest: int = 1 << 30) -> None:
        self.dim, self.longest = dim, longest

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        cut = np.array([len(line) > self.longest for line in lines], dtype=bool)
        return Embedded(self.embed(lines), cut)

    def embed(self, lines: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(lines), self.dim), dtype=np.float32)
        for row, line in zip(vectors, lines, strict=True):
            text = f"^{line}$$"
            for start in range(len(text) - 2):
                row[zlib.crc32(text[start : start + 3].encode("utf-8", "replace")) % self.dim] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def make_line(offset: int, text: str, *, timestamp: float = 0.0, **fields: str) -> Line:
    """A parsed line of text."""
    record = Record(text=text, format="logfmt" if fields else "raw", fields=fields)
    return Line(offset=offset, timestamp=timestamp, record=record, value=text.encode())


def make_lines(texts: Iterable[str], *, first: int = 0) -> list[Line]:
    """Parsed lines with consecutive offsets, one a second."""
    return [make_line(first + n, text, timestamp=float(first + n)) for n, text in enumerate(texts)]


def batch_of(
    lines: Sequence[Line], embedder: TrigramEmbedder | None = None, table: TemplateTable | None = None
) -> LineBatch:
    """Lines as a batch whose texts have their vectors."""
    embedder = embedder or TrigramEmbedder()
    table = table or TemplateTable(embedder.dim)
    batch = LineBatch.of(lines, table)
    assert not embed_rows(batch.rows, batch.rows.missing(batch.templates), table, embedder)
    return batch


def batch_with(
    vectors: NDArray[np.float32],
    times: Sequence[float],
    texts: Sequence[str],
    places: Sequence[tuple[int, int]],
) -> LineBatch:
    """A batch of lines, each with a unit vector of its own, that are no templates."""
    table = TemplateTable(vectors.shape[1])
    lines = [
        Line(offset, time, Record(text, "raw"), value=text.encode(), index=index)
        for (offset, index), time, text in zip(places, times, texts, strict=True)
    ]
    batch = LineBatch.of(lines, table)
    keys = np.arange(len(lines), dtype=np.uint64) + np.uint64(zlib.crc32(vectors.tobytes())) * np.uint64(
        1 << 20
    )
    rows, templates = table.place(keys, lambda n: Entry(int(keys[n]), texts[n], n, ""))
    table.fill(rows, templates.astype(np.int64), vectors, np.zeros(len(lines), dtype=bool))
    return replace(batch, rows=rows, templates=templates)


def changes_of(lines: Sequence[Line], *, expected: int | None = None, source: str = "logs") -> Changes:
    """The empty changes of a batch of partition 0."""
    return Changes(source, 0, expected=expected, end=lines[-1].offset + 1)


def unit(vectors: NDArray) -> NDArray[np.float32]:
    """Rows scaled to length 1."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
