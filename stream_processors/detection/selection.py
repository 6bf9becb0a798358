"""Greedy Max-Min: the k most diverse rows (paper section 4.1; Gonzalez 1985, farthest-point traversal)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EQUAL = 2e-3
"""Rows nearer than this are one: a row that was kept in float16 is not quite what it was."""


def max_min(vectors: NDArray[np.float32], k: int, centre: NDArray[np.float32] | None = None) -> list[int]:
    """Indices of up to k rows, most central first, each next one farthest from those taken.

    vectors: float32 (rows, dim). The first is the row nearest ``centre`` (dim,), by default the mean; then
    repeatedly the row whose smallest Euclidean distance to the taken rows is largest. Rows equal to a taken
    one are never added, so fewer than k come back when fewer distinct rows exist.
    """
    if vectors.ndim != 2:
        raise ValueError(f"vectors must be a 2D array, got shape {vectors.shape}")
    if len(vectors) == 0 or k < 1:
        return []
    centre = vectors.mean(axis=0) if centre is None else centre
    taken = [int(np.argmin(np.linalg.norm(vectors - centre, axis=1)))]
    distance = np.linalg.norm(vectors - vectors[taken[0]], axis=1)
    while len(taken) < k:
        farthest = int(np.argmax(distance))
        if distance[farthest] <= EQUAL:
            break
        taken.append(farthest)
        distance = np.minimum(distance, np.linalg.norm(vectors - vectors[farthest], axis=1))
    return taken


def distances(vectors: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances of rows, float32 (vectors, others)."""
    squares = (vectors**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * vectors @ others.T
    return np.sqrt(np.maximum(squares, 0))


def stand_for(vectors: NDArray[np.float32], kept: NDArray[np.float32]) -> NDArray[np.int64]:
    """Which of the kept rows each row is nearest to, (vectors,); of equally near ones the first."""
    return distances(vectors, kept).argmin(axis=1)
