"""What depends on a text alone, once for all partitions: its vector and its words, in rows of one bounded table.

A row is a template, or with ``encoder.input = line`` a distinct line. Rows are never given to another text: when the
table is full, a new one takes its place that begins with the rows used last, and batches made before keep the old one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder_core.vectors import unit_rows
from stream_processors.detection.wording import words_of_texts

ROWS = 16_384
"""Texts kept at most: 25 MB at 384 dimensions."""
FIRST_ROWS = 256
PLACEHOLDER = re.compile(r"<[a-z*]+>")
"""What stands in a template where something varies."""


class Entry(NamedTuple):
    """A text to be known by a row."""

    key: int
    """Its 64-bit hash, by which rows are found."""
    text: str
    """What the encoder reads."""
    template: int
    """Id of its template."""
    shape: str
    """Text of its template, whose words are counted."""


WordCounter = Callable[[str], tuple[int, int]]
"""Counts the words of a text, and those of them that the model does not know."""


def no_words(text: str) -> tuple[int, int]:
    """The counter of those who do not ask which words the model knows."""
    return 0, 0


class Rows:
    """The rows of a table. Those that were given out stay as they are; safe to read while others are added."""

    def __init__(self, dim: int, count_words: WordCounter = no_words) -> None:
        self._count_words = count_words
        self.keys = np.zeros(FIRST_ROWS, dtype=np.uint64)
        self.templates = np.zeros(FIRST_ROWS, dtype=np.uint64)
        """Ids of the rows' templates."""
        self.vectors = np.zeros((FIRST_ROWS, dim), dtype=np.float32)
        """Unit vectors; zero until they are computed."""
        self.known = np.zeros(FIRST_ROWS, dtype=bool)
        """Whether a row has its vector."""
        self.cut = np.zeros(FIRST_ROWS, dtype=bool)
        """Whether its text is longer than the encoder reads."""
        self.used = np.zeros(FIRST_ROWS, dtype=np.int64)
        self.word_starts = np.zeros(FIRST_ROWS + 1, dtype=np.int64)
        """A row's words are ``words[word_starts[row]:word_starts[row + 1]]``."""
        self.words = np.zeros(8 * FIRST_ROWS, dtype=np.uint64)
        """Hashes of the distinct words of templates, without their placeholders."""
        self.words_known = np.zeros((FIRST_ROWS, 2), dtype=np.int32)
        """Words of templates without their placeholders, and those of them that the model does not know."""
        self.texts: list[str] = []
        self.shapes: list[str] = []
        self.places: dict[int, int] = {}
        self.clock = 0

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, entry: Entry) -> int:
        """The new row of a text."""
        row = len(self.texts)
        if row == len(self.keys):
            self._widen()
        plain = PLACEHOLDER.sub(" ", entry.shape)
        _, words = words_of_texts([plain])
        begin = self.word_starts[row]
        end = begin + len(words)
        while end > len(self.words):
            self.words = np.concatenate([self.words, np.zeros_like(self.words)])
        self.words[begin:end], self.word_starts[row + 1] = words, end
        self.keys[row], self.templates[row] = entry.key, entry.template
        self.words_known[row] = self._count_words(plain)
        self.texts.append(entry.text)
        self.shapes.append(entry.shape)
        self.places[entry.key] = row
        return row

    def _widen(self) -> None:
        for name in ("keys", "templates", "vectors", "known", "cut", "used", "words_known"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
        more = np.zeros(len(self.texts), dtype=np.int64)
        self.word_starts = np.concatenate([self.word_starts, more])

    def entry(self, row: int) -> Entry:
        """What a row is of."""
        return Entry(int(self.keys[row]), self.texts[row], int(self.templates[row]), self.shapes[row])

    def missing(self, rows: NDArray[np.int32]) -> NDArray[np.int64]:
        """Those of the rows that have no vector, each once."""
        distinct = np.unique(rows)
        return distinct[~self.known[distinct]].astype(np.int64)


class TemplateTable:
    """The rows of a process; safe to use from many threads. ``limit``: rows kept at most.

    count_words: asked once for the template of each row.
    """

    def __init__(self, dim: int, *, limit: int = ROWS, count_words: WordCounter = no_words) -> None:
        if limit < 2:
            raise ValueError(f"limit must be at least 2, got {limit}")
        self.dim, self._limit, self._count_words = dim, limit, count_words
        self._rows = Rows(dim, count_words)
        self._lock = Lock()

    def place(
        self, keys: NDArray[np.uint64], entry: Callable[[int], Entry]
    ) -> tuple[Rows, NDArray[np.int32]]:
        """The rows of a batch, int32 (lines,), and the table that they are of.

        keys: of each line. entry: of a line, asked for those whose key has no row yet.
        """
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        with self._lock:
            rows = self._rows
            if len(rows) >= self._limit:
                rows = self._rows = self._renewed(rows)
            rows.clock += 1
            found = np.array([rows.places.get(key, -1) for key in distinct.tolist()], dtype=np.int32)
            for place in np.flatnonzero(found < 0).tolist():
                found[place] = rows.add(entry(int(first[place])))
            rows.used[found] = rows.clock
        return rows, found[inverse.reshape(-1)]

    def fill(
        self, rows: Rows, places: NDArray[np.int64], vectors: NDArray[np.float32], cut: NDArray[np.bool_]
    ) -> None:
        """Takes the vectors of rows, float32 (places, dim), and which of their texts were cut."""
        units = unit_rows(vectors)
        with self._lock:
            rows.vectors[places], rows.cut[places], rows.known[places] = units, cut, True

    def _renewed(self, old: Rows) -> Rows:
        """A table with the half of the rows that was used last."""
        rows = Rows(self.dim, self._count_words)
        rows.clock = old.clock
        for place in np.sort(np.argsort(old.used[: len(old)], kind="stable")[len(old) // 2 :]).tolist():
            row = rows.add(old.entry(place))
            for name in ("vectors", "known", "cut", "used"):
                getattr(rows, name)[row] = getattr(old, name)[place]
        return rows
