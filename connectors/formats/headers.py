"""Header lines: those that name the columns of the lines after them (W3C's ``#Fields``, Zeek's ``#fields``)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from connectors.formats.pairs import MAX_FIELDS

MAX_NAMES = 4_096
"""Longest list of names of one header line, in characters; a longer one is not remembered."""
MAX_WORD = 128
"""Longest value of another header line that is remembered (``#Date``, ``#path``), in characters."""
MAX_WORDS = 16


class Header(NamedTuple):
    """The columns of a table."""

    names: tuple[str, ...]
    words: Mapping[str, str]
    """What the header lines before the names said, e.g. ``{"path": "conn"}``."""


class HeaderLines:
    """The columns of each stream of lines, the latest ones, by kind of table and number of columns.

    Several tables may come in one stream: a row belongs to the latest table with as many columns.
    """

    LIMIT = 1_000
    """Tables that are remembered, the ones named last; as many streams of lines that are about to be named."""

    def __init__(self) -> None:
        self._named: dict[tuple[str, str, int], Header] = {}
        self._words: dict[tuple[str, str], dict[str, str]] = {}
        self._tables: Counter[tuple[str, str]] = Counter()

    def has(self, stream: str, kind: str) -> bool:
        """Whether any table of this kind was named in the stream: the quick question before a line is split."""
        return (stream, kind) in self._tables

    @property
    def streams(self) -> frozenset[str]:
        """Those in which a table was named."""
        return frozenset(stream for stream, _ in self._tables)

    def note(self, stream: str, kind: str, word: str, value: str) -> None:
        """Notes what a header line says that names no columns; it holds for those that are named next."""
        words = self._words.pop((stream, kind), {})
        self._words[stream, kind] = words
        if word in words or len(words) < MAX_WORDS:
            words[word] = value[:MAX_WORD]
        if len(self._words) > self.LIMIT:
            del self._words[next(iter(self._words))]

    def word(self, stream: str, kind: str, word: str, default: str = "") -> str:
        """What was noted last."""
        words = self._words.get((stream, kind))
        return words.get(word, default) if words else default

    def name(self, stream: str, kind: str, names: tuple[str, ...]) -> None:
        """Notes the names of the columns of the rows that follow."""
        if len(names) <= MAX_FIELDS and sum(map(len, names)) <= MAX_NAMES:
            self._set((stream, kind, len(names)), Header(names, dict(self._words.get((stream, kind), {}))))

    def named(self, stream: str, kind: str, count: int) -> Header | None:
        """The table named last that has as many columns; None when none was."""
        return self._named.get((stream, kind, count))

    def state(self) -> bytes:
        """All of it, as JSON."""
        named = [[*key, header.names, header.words] for key, header in self._named.items()]
        words = [[*key, said] for key, said in self._words.items()]
        return json.dumps({"named": named, "words": words}).encode()

    def restore(self, state: bytes) -> None:
        """Takes up what ``state`` gave."""
        saved = json.loads(state)
        self._named = {
            (stream, kind, count): Header(tuple(names), words)
            for stream, kind, count, names, words in saved["named"]
        }
        self._words = {(stream, kind): words for stream, kind, words in saved["words"]}
        self._tables = Counter((stream, kind) for stream, kind, _ in self._named)

    def _set(self, key: tuple[str, str, int], header: Header) -> None:
        if self._named.pop(key, None) is None:
            self._tables[key[:2]] += 1
        self._named[key] = header
        if len(self._named) > self.LIMIT:
            oldest = next(iter(self._named))
            del self._named[oldest]
            self._tables[oldest[:2]] -= 1
            if not self._tables[oldest[:2]]:
                del self._tables[oldest[:2]]
