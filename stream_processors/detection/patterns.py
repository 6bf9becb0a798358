"""Patterns: a line joins the nearest pattern within a threshold or founds one (leader clustering, Hartigan 1975).

A pattern's vector is its founder's and never moves, so that two partitions, or a restart, agree on what belongs
together. The number of patterns is bounded: the one unused for longest is forgotten.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TEMPLATE_CHARACTERS = 512
_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]*\d[0-9a-fA-F]*(?:[.:\-_][0-9a-fA-F]*\d[0-9a-fA-F]*)*")


def template_of(text: str) -> str:
    """The text's first characters with numbers, addresses and hex runs replaced by ``*``."""
    return _VARIABLE.sub("*", text[:TEMPLATE_CHARACTERS])


def pattern_id(text: str, model: str = "") -> str:
    """The id of the pattern that ``text`` founds: 16 hex digits of its template's and the model identity's hash.

    Founders that differ only in numbers get one id, so patterns of different partitions meet in the store; two models'
    patterns never do, since neither their vectors nor their counts go together.
    """
    founder = f"{model}\n{template_of(text)}".encode("utf-8", "replace")
    return hashlib.blake2b(founder, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where each line of a batch went."""

    rows: NDArray[np.int64]
    """Row of the pattern table, (lines,)."""
    rarity: NDArray[np.float32]
    """-log of the share of lines that the pattern had before the line, (lines,)."""
    ids: list[str]
    """Id of each line's pattern: a row may change hands within the batch when the table is full."""
    vectors: dict[str, NDArray[np.float32]]
    """Vector of each of these patterns, (dim,)."""


class PatternTable:
    """Bounded set of pattern vectors with counts."""

    def __init__(self, dim: int, *, threshold: float = 0.95, limit: int = 1_000, model: str = "") -> None:
        if not -1 <= threshold <= 1:
            raise ValueError(f"threshold is a cosine between -1 and 1, got {threshold}")
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self._threshold, self._limit, self._model = threshold, limit, model
        self.vectors = np.zeros((limit, dim), dtype=np.float32)
        self.ids: list[str] = []
        self.counts = np.zeros(limit, dtype=np.int64)
        self._used = np.zeros(limit, dtype=np.int64)
        self._clock = 0

    def __len__(self) -> int:
        return len(self.ids)

    def assign(self, vectors: NDArray[np.float32], texts: list[str]) -> Assignment:
        """Places unit vectors, float32 (lines, dim), in order; founders are named after their text."""
        rows = np.zeros(len(vectors), dtype=np.int64)
        rarity = np.zeros(len(vectors), dtype=np.float32)
        known = len(self)
        cosines = vectors @ self.vectors[:known].T  # patterns founded below get their own look
        founded: list[int] = []
        ids: list[str] = []
        named: dict[str, NDArray[np.float32]] = {}
        for line, vector in enumerate(vectors):
            row, cosine = self._nearest(vector, cosines[line], founded)
            total = int(self.counts[: len(self)].sum())
            if row < 0 or cosine < self._threshold:
                row = self._found(vector, texts[line])
                if row < known:
                    cosines[:, row] = -np.inf  # the forgotten pattern's place is taken by this one
                if row not in founded:
                    founded.append(row)
            rarity[line] = np.log((total + 2.0) / (self.counts[row] + 1.0))
            self.counts[row] += 1
            self._clock += 1
            self._used[row] = self._clock
            rows[line] = row
            ids.append(self.ids[row])
            if ids[-1] not in named:
                named[ids[-1]] = self.vectors[row].copy()
        return Assignment(rows, rarity, ids, named)

    def rarity(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rarity that each line would have if it were the next one, float32 (lines,); changes nothing."""
        known = len(self)
        counts = np.zeros(len(vectors), dtype=np.int64)
        if known:
            cosines = vectors @ self.vectors[:known].T
            nearest = cosines.argmax(axis=1)
            joins = cosines[np.arange(len(vectors)), nearest] >= self._threshold
            counts[joins] = self.counts[nearest[joins]]
        return np.log((self.counts[:known].sum() + 2.0) / (counts + 1.0)).astype(np.float32)

    def _nearest(
        self, vector: NDArray[np.float32], cosines: NDArray[np.float32], founded: list[int]
    ) -> tuple[int, float]:
        """Row and cosine of the nearest pattern; row -1 when there is none."""
        row, best = -1, -np.inf
        if len(cosines):
            row = int(np.argmax(cosines))
            best = float(cosines[row])
        if founded:
            new = self.vectors[founded] @ vector
            place = int(np.argmax(new))
            if new[place] > best:
                row, best = founded[place], float(new[place])
        return row, best

    def _found(self, vector: NDArray[np.float32], text: str) -> int:
        """The row of a new pattern: a free one, or that of the pattern unused for longest."""
        name = pattern_id(text, self._model)
        if len(self) < self._limit:
            row = len(self)
            self.ids.append(name)
        else:
            row = int(np.argmin(self._used))
            self.ids[row] = name
        self.vectors[row] = vector
        self.counts[row] = 0
        return row

    def state(self) -> dict[str, NDArray]:
        """Vectors, counts, recency and ids, in float16 where it does no harm."""
        size = len(self)
        return {
            "vectors": self.vectors[:size].astype(np.float16),
            "counts": self.counts[:size],
            "used": self._used[:size],
            "ids": np.frombuffer(bytes.fromhex("".join(self.ids)), dtype=np.uint8),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved table, the most recent patterns when it holds more than the limit now allows."""
        vectors = state["vectors"]
        if vectors.ndim != 2 or vectors.shape[1] != self.vectors.shape[1]:
            raise ValueError(f"pattern vectors must be (rows, {self.vectors.shape[1]}), got {vectors.shape}")
        kept = np.sort(np.argsort(state["used"])[-self._limit :])
        size = len(kept)
        names = state["ids"].tobytes()
        self.ids = [names[8 * row : 8 * row + 8].hex() for row in kept]
        self.vectors[:size] = vectors[kept]
        self.counts[:size] = state["counts"][kept]
        self._used[:size] = state["used"][kept]
        self._clock = int(self._used[:size].max(initial=0))
