"""The least recently used vectors by text, in bounded memory that is counted as the process sees it."""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST_KEY = 256
"""Characters of a text kept as it is. A longer one is known by its hash, so that an entry has a bounded size."""
ENTRY_BYTES = 208
"""Measured: what an OrderedDict takes for an entry besides key and value, with the allocator's rounding."""

Key = str | bytes
Vector = NDArray[np.float32]


def key_of(text: str) -> Key:
    """The text, or 16 bytes of BLAKE2b of a long one: two texts share them once in 2**64 texts."""
    if len(text) <= LONGEST_KEY:
        return text
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Entry(NamedTuple):
    """A vector, not to be written to, and whether its line was longer than the encoder reads."""

    vector: Vector
    cut: bool


def size_of(key: Key, vector: Vector) -> int:
    """Bytes that an entry takes in memory."""
    return sys.getsizeof(key) + sys.getsizeof(vector) + ENTRY_BYTES


class VectorCache:
    """Vectors by text, bounded in bytes (0 keeps nothing); over the limit the least recently used go.

    hits, misses: of ``get``, since the beginning. evictions: entries that went. bytes: of all entries.
    """

    def __init__(self, limit: int) -> None:
        self._vectors: OrderedDict[Key, Entry] = OrderedDict()
        self._limit = limit
        self.hits = self.misses = self.evictions = self.bytes = 0

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, text: str) -> Entry | None:
        """The entry of a text seen before, now the most recent one."""
        key = key_of(text)
        entry = self._vectors.get(key)
        if entry is None:
            self.misses += 1
        else:
            self.hits += 1
            self._vectors.move_to_end(key)
        return entry

    def put(self, text: str, vector: Vector, cut: bool = False) -> None:
        """Keeps a copy of a text's vector and forgets the oldest ones over the limit."""
        key = key_of(text)
        if (old := self._vectors.pop(key, None)) is not None:
            self.bytes -= size_of(key, old.vector)
        self._vectors[key] = kept = Entry(vector.copy(), cut)
        self.bytes += size_of(key, kept.vector)
        while self.bytes > self._limit:
            oldest, old = self._vectors.popitem(last=False)
            self.bytes -= size_of(oldest, old.vector)
            self.evictions += 1
