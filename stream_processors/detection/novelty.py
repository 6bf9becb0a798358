"""How far a template is from all that were there before it."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream_processors.detection.batch import LineBatch

TEMPLATES = 2_048
"""Texts that a new one is compared with: those seen last."""
TRUSTED_LINES = 100
"""Distances count half when this many lines have been seen."""
NEW_LINES = 25
"""Of a text that keeps coming, so many lines count as new, less and less."""


@njit(cache=True, nogil=True)
def worn(
    places: NDArray[np.int64],
    distances: NDArray[np.float32],
    lines: NDArray[np.int64],
    found: NDArray[np.float32],
) -> None:
    """Of each line the distance of its text, less for each line of it before, float32 (lines,); counts them in."""
    for line in range(len(places)):
        place = places[line]
        found[line] = distances[place] * max(0.0, 1.0 - lines[place] / NEW_LINES)
        lines[place] += 1


class RecentTemplates:
    """Unit vectors of the texts seen last, and how far each was from those before it."""

    def __init__(self, dim: int, *, limit: int = TEMPLATES) -> None:
        self._limit = limit
        self._vectors = np.zeros((0, dim), dtype=np.float32)
        self._keys = np.zeros(0, dtype=np.uint64)
        self._distances = np.zeros(0, dtype=np.float32)
        self._lines = np.zeros(0, dtype=np.int64)
        self._used = np.zeros(0, dtype=np.int64)
        self._places: dict[int, int] = {}
        self._seen = 0

    def distances(self, batch: LineBatch) -> NDArray[np.float32]:
        """1 - cosine of each line's text to the nearest one before it, less while few lines are known, (lines,).

        It is that of the text's first line, and wears off as more come.
        """
        distinct, first, of, _ = batch.distinct
        keys = batch.rows.keys[distinct].tolist()
        places = np.array([self._places.get(key, -1) for key in keys], dtype=np.int64)
        new = np.flatnonzero(places < 0)
        if len(new):
            places[new] = self._found(distinct[new], first[new], batch)
        found = np.empty(len(batch), dtype=np.float32)
        worn(places[of], self._distances, self._lines, found)
        self._used[places] = np.arange(self._seen, self._seen + len(places))
        self._seen += len(batch)
        self._shrink()
        return found

    def _found(
        self, templates: NDArray[np.int32], first: NDArray[np.int64], batch: LineBatch
    ) -> NDArray[np.int64]:
        """The places of new texts, given by the rows of the batch in the order of their first lines."""
        rows, known = batch.rows, len(self._keys)
        vectors, keys = rows.vectors[templates], rows.keys[templates]
        nearest = np.full(len(vectors), -1, dtype=np.float32)
        if known:
            nearest = (vectors @ self._vectors.T).max(axis=1)
        among = np.tril(vectors @ vectors.T + 2, -1) - 2  # -2 where the other one comes later
        nearest = np.maximum(nearest, among.max(axis=1))
        if not known:
            nearest[0] = 1  # the very first text is nothing new
        seen = self._seen + first
        trust = (seen / (seen + TRUSTED_LINES)).astype(np.float32)
        self._vectors = np.concatenate([self._vectors, vectors])
        self._keys = np.concatenate([self._keys, keys])
        self._distances = np.concatenate([self._distances, np.maximum(1 - nearest, 0) * trust])
        self._lines = np.concatenate([self._lines, np.zeros(len(vectors), dtype=np.int64)])
        self._used = np.concatenate([self._used, seen])
        places = np.arange(known, known + len(vectors))
        self._places.update(zip(keys.tolist(), places.tolist(), strict=True))
        return places

    def _shrink(self) -> None:
        """Forgets the texts unused for longest, an eighth more than has to go so that it is seldom done."""
        if len(self._keys) > self._limit:
            self._keep(np.sort(np.argsort(self._used, kind="stable")[-self._limit * 7 // 8 :]))

    def _keep(self, places: NDArray[np.int64]) -> None:
        for name in ("_vectors", "_keys", "_distances", "_lines", "_used"):
            setattr(self, name, getattr(self, name)[places])
        self._places = {key: place for place, key in enumerate(self._keys.tolist())}

    def state(self) -> dict[str, NDArray]:
        """The texts' hashes, vectors in float16, distances, lines and recency."""
        return {
            "vectors": self._vectors.astype(np.float16),
            "keys": self._keys,
            "distances": self._distances,
            "lines": self._lines,
            "used": self._used,
            "seen": np.array([self._seen]),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved texts."""
        vectors = state["vectors"].astype(np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self._vectors.shape[1]:
            raise ValueError(f"vectors must be (rows, {self._vectors.shape[1]}), got {vectors.shape}")
        self._vectors, self._keys, self._distances = vectors, state["keys"], state["distances"].copy()
        self._lines, self._used = state["lines"].copy(), state["used"].copy()
        self._seen = int(state["seen"][0])
        self._keep(np.arange(len(vectors)))
        self._shrink()
