"""Tumbling windows cut to their most diverse lines, and the merge of partitions' shares.

A partition keeps k candidates a window, chosen by Max-Min from its candidates so far and the lines of the new
batch. Farthest-point selections are composable core-sets for this objective (Indyk et al., 2014), so Max-Min over
the union of the partitions' candidates keeps a constant-factor guarantee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from connectors.records import WindowPart
from stream_processors.selection import max_min

OPEN_WINDOWS = 4
"""Windows a partition keeps open: lines that come later than that are counted in none."""
TEXT_CHARACTERS = 2_000
"""Characters of a sampled line kept in the store."""


@dataclass(slots=True)
class OpenWindow:
    """One partition's running share of a window."""

    total: NDArray[np.float32]
    count: int = 0
    offsets: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))


class WindowSampler:
    """The open windows of one partition."""

    def __init__(self, dim: int, *, seconds: int = 60, k: int = 10) -> None:
        if seconds < 1 or k < 1:
            raise ValueError(f"seconds and k must be at least 1, got {seconds} and {k}")
        self._dim, self._seconds, self._k = dim, seconds, k
        self._open: dict[int, OpenWindow] = {}
        self._closed: int | None = None

    def add(
        self,
        timestamps: NDArray[np.float64],
        vectors: NDArray[np.float32],
        texts: Sequence[str],
        offsets: Sequence[int],
    ) -> list[int]:
        """Takes lines with unit vectors, float32 (lines, dim); returns the starts of the windows that changed."""
        starts = (timestamps // self._seconds).astype(np.int64) * self._seconds
        changed = []
        for start in np.unique(starts).tolist():
            rows = np.flatnonzero(starts == start)
            if start not in self._open:
                if len(self._open) >= OPEN_WINDOWS and start < min(self._open):
                    continue
                if self._closed is not None and start <= self._closed:
                    continue  # opened again, it would overwrite the store's larger count
                self._open[start] = OpenWindow(np.zeros(self._dim, dtype=np.float32))
            self._extend(self._open[start], rows, vectors, texts, offsets)
            changed.append(start)
        for start in sorted(self._open)[:-OPEN_WINDOWS]:
            if start not in changed:
                del self._open[start]
                self._closed = start if self._closed is None else max(start, self._closed)
        return changed

    def _extend(
        self,
        window: OpenWindow,
        rows: NDArray[np.int64],
        vectors: NDArray[np.float32],
        texts: Sequence[str],
        offsets: Sequence[int],
    ) -> None:
        window.count += len(rows)
        window.total = window.total + vectors[rows].sum(axis=0)
        kept = window.vectors.reshape(-1, self._dim)
        pool = np.concatenate([kept, vectors[rows]])
        pool_texts = window.texts + [texts[row][:TEXT_CHARACTERS] for row in rows]
        pool_offsets = window.offsets + [offsets[row] for row in rows]
        chosen = max_min(pool, self._k, window.total / np.float32(window.count))
        window.vectors = pool[chosen]
        window.texts = [pool_texts[index] for index in chosen]
        window.offsets = [pool_offsets[index] for index in chosen]

    def part(self, start: int, partition: int) -> WindowPart:
        """An open window as the store keeps it."""
        window = self._open[start]
        return WindowPart(
            start=start,
            partition=partition,
            count=window.count,
            total=window.total.astype("<f4").tobytes(),
            offsets=tuple(window.offsets),
            texts=tuple(window.texts),
            vectors=window.vectors.astype("<f2").tobytes(),
        )

    def restore(self, parts: Sequence[WindowPart]) -> None:
        """Goes on with windows as the store keeps them."""
        for part in sorted(parts, key=lambda part: part.start)[-OPEN_WINDOWS:]:
            vectors = np.frombuffer(part.vectors, dtype="<f2").astype(np.float32).reshape(-1, self._dim)
            self._open[part.start] = OpenWindow(
                total=np.frombuffer(part.total, dtype="<f4").copy(),
                count=part.count,
                offsets=list(part.offsets),
                texts=list(part.texts),
                vectors=vectors,
            )


@dataclass(frozen=True, slots=True)
class Sample:
    """The merged answer for one window: ``lines`` are (partition, offset, text), most central first."""

    start: int
    count: int
    lines: tuple[tuple[int, int, str], ...]


def merge(parts: Sequence[WindowPart], k: int) -> Sample:
    """Max-Min over the union of the partitions' candidates of one window."""
    if not parts:
        raise ValueError("a window needs at least one partition's part")
    count = sum(part.count for part in parts)
    lines = [
        (part.partition, offset, text)
        for part in parts
        for offset, text in zip(part.offsets, part.texts, strict=True)
    ]
    total = np.sum([np.frombuffer(part.total, dtype="<f4") for part in parts], axis=0)
    vectors = np.concatenate([np.frombuffer(part.vectors, dtype="<f2") for part in parts])
    chosen = max_min(vectors.astype(np.float32).reshape(-1, len(total)), k, total / np.float32(max(count, 1)))
    return Sample(parts[0].start, count, tuple(lines[index] for index in chosen))
