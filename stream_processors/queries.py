"""Questions over a store: merged window samples, similar patterns, lag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.records import Pattern, WindowPart
from connectors.store import Store
from stream_processors.detection.selection import unit_rows
from stream_processors.detection.windows import Sample, merge


def samples(store: Store, source: str, *, windows: int = 1, k: int = 10) -> list[Sample]:
    """The latest windows of a source that have lines, each cut to its k most diverse ones over all partitions.

    Of a window that two models have parts of, only those of the newest count: vectors of two are not comparable.
    """
    newest = store.stats(source).model
    found: list[Sample] = []
    for start in store.windows(source):
        if len(found) == windows:
            break
        if parts := of_one_model(store.window(source, start), newest):
            found.append(merge(parts, k))
    return found


def of_one_model(parts: Sequence[WindowPart], newest: str) -> list[WindowPart]:
    """The parts of the model ``newest``, else of the one that opened a part last; those without lines left out."""
    filled = [part for part in parts if part.count > 0]
    if not filled:
        return []
    last = max(filled, key=lambda part: (part.model == newest, part.opened))
    return [part for part in filled if (part.model, len(part.total)) == (last.model, len(last.total))]


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern and its cosine to what was asked for."""

    pattern: Pattern
    cosine: float


def similar(
    store: Store, source: str, vector: NDArray[np.float32], *, model: str, limit: int = 10
) -> list[Match]:
    """Patterns nearest in meaning to an embedded line, (dim,); patterns of another model are left out."""
    size = 2 * len(vector)
    patterns = [
        pattern
        for pattern in store.patterns(source)
        if pattern.model == model and len(pattern.vector) == size
    ]
    if not patterns:
        return []
    vectors = np.stack([np.frombuffer(pattern.vector, dtype="<f2") for pattern in patterns])
    cosines = unit_rows(vectors) @ unit_rows(vector)
    order = np.argsort(-cosines, kind="stable")[:limit]
    return [Match(patterns[index], float(cosines[index])) for index in order]


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far one partition's answers are behind its topic."""

    source: str
    partition: int
    applied: int | None
    committed: int | None
    end: int

    @property
    def lag(self) -> int:
        """Lines not yet applied to the store, as far as offsets tell."""
        return self.end - (self.applied or 0)


def partition_lags(
    source: str, applied: dict[int, int], committed: dict[int, int], ends: dict[int, int]
) -> Sequence[PartitionLag]:
    """One row per partition of the topic."""
    return [
        PartitionLag(source, partition, applied.get(partition), committed.get(partition), end)
        for partition, end in sorted(ends.items())
    ]
