"""Two encoders in place of one: a quick static one for every line, the full one where it may matter.

Vectors of the static encoder approximate those of the full one. A line near to one that the full encoder has read, its
leader, is taken for ``full(leader) + static(line) - static(leader)``: what the approximation gets wrong is much the
same for both, and goes. So detection, patterns and queries live in the full encoder's space alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder_core.bundle import Bundle, BundleError
from encoder_core.encoder import Embedded, Encoder
from encoder_core.vectors import unit_rows

LEADERS = 2_048
"""Lines kept with both their vectors: twice a partition's patterns; 6 MB at 384 dimensions."""

Vectors = NDArray[np.float32]


class Matched(NamedTuple):
    """What the leaders say of a batch."""

    vectors: Vectors
    """Of the known lines, (lines, dim); those of the others still lack their founder's."""
    founders: list[int]
    """Lines that are near to no leader and to no founder before them."""
    follows: NDArray[np.int64]
    """Place in ``founders`` of the one each line is near to, (lines,); -1 for known lines."""


class Leaders:
    """Lines with a static and a full unit vector each; over the limit the one unused for longest goes."""

    def __init__(self, dim: int, *, similarity: float, limit: int = LEADERS) -> None:
        if not -1 <= similarity <= 1:
            raise ValueError(f"similarity is a cosine between -1 and 1, got {similarity}")
        self._static = np.zeros((limit, dim), dtype=np.float32)
        self._correction = np.zeros((limit, dim), dtype=np.float32)  # full - static
        self._used = np.zeros(limit, dtype=np.int64)
        self._similarity = similarity
        self._size = self._clock = 0

    def __len__(self) -> int:
        return self._size

    def match(self, static: Vectors) -> Matched:
        """The leader, or else the founder, near to each line, given by static unit vectors, float32 (lines, dim)."""
        vectors, unknown = static.copy(), np.arange(len(static))
        if self._size:
            cosines = static @ self._static[: self._size].T
            nearest = cosines.argmax(axis=1)
            known = cosines[np.arange(len(static)), nearest] >= self._similarity
            vectors[known] += self._correction[nearest[known]]
            self._clock += 1
            self._used[nearest[known]] = self._clock
            unknown = np.flatnonzero(~known)
        follows = np.full(len(static), -1, dtype=np.int64)
        founders: list[int] = []
        while len(unknown):
            near = static[unknown] @ static[unknown[0]] >= self._similarity
            near[0] = True  # also when rounding, or a zero vector, says otherwise
            follows[unknown[near]] = len(founders)
            founders.append(int(unknown[0]))
            unknown = unknown[~near]
        return Matched(vectors, founders, follows)

    def add(self, static: Vectors, full: Vectors) -> None:
        """Takes in lines with both unit vectors, the last ones when they are more than the limit."""
        limit = len(self._static)
        static, full = static[-limit:], full[-limit:]
        free = np.arange(self._size, min(self._size + len(static), limit))
        oldest = np.argsort(self._used[: self._size], kind="stable")[: len(static) - len(free)]
        rows = np.concatenate([free, oldest])
        self._clock += 1
        self._static[rows], self._correction[rows], self._used[rows] = static, full - static, self._clock
        self._size += len(free)


class Cascade:
    """An embedder of unit vectors in the full encoder's space: a line's own, or an approximation by a leader's.

    similarity: cosine of static vectors from which a line counts as known. Leaders
    are kept in memory, for all partitions together, as the encoders' caches are. Safe to use from many threads: no
    lock is held while an encoder works.
    """

    def __init__(
        self,
        static: Encoder,
        full: Encoder,
        *,
        similarity: float,
        limit: int = LEADERS,
    ) -> None:
        if static.dim != full.dim:
            raise BundleError(
                f"a cascade needs two encoders of one space, got {static.dim} and {full.dim} dimensions"
            )
        self.static, self.full = static, full
        self.leaders = Leaders(full.dim, similarity=similarity, limit=limit)
        self._lock = Lock()

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.full.dim

    @property
    def bundle(self) -> Bundle:
        """The bundle that the vectors are of."""
        return self.full.bundle

    def count_words(self, text: str) -> tuple[int, int]:
        """Words of a text, and those of them that the full encoder's tokenizer does not know."""
        return self.full.count_words(text)

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        """Vectors, and which lines were cut; raises what an encoder raises, and ValueError for what is not finite."""
        vectors, cut = self.static.embed_and_flag(lines)
        static = unit_rows(finite(vectors))
        with self._lock:
            vectors, founders, follows = self.leaders.match(static)
        if founders:
            full = unit_rows(finite(self.full.embed_and_flag([lines[row] for row in founders]).vectors))
            new = np.flatnonzero(follows >= 0)
            vectors[new] += (full - static[founders])[follows[new]]
            with self._lock:
                self.leaders.add(static[founders], full)
        return Embedded(unit_rows(vectors), cut)


def finite(vectors: Vectors) -> Vectors:
    """The vectors, or ValueError: one that is not finite would be near to everything, or to nothing."""
    if not np.isfinite(vectors).all():
        raise ValueError("the encoder returned a vector that is not finite")
    return vectors
