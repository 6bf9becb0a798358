"""Questions over a store: merged window samples, similar patterns, lag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Pattern, WindowPart
from connectors.store import Store
from encoder_core.vectors import unit_rows
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
    """How far one partition's answers are behind its topic; ``applied`` is None if it was never applied."""

    source: str
    partition: int
    applied: int | None
    committed: int | None
    beginning: int
    end: int
    trouble: str | None = None
    """Why its worker can't go on; None while it can."""

    @property
    def lag(self) -> int:
        """Lines still to be applied, as far as offsets tell; below 0 for a topic that was made anew.

        Lines that retention removed are none of them, nor those before the committed offset where nothing was
        applied yet: a group that starts with the latest lines commits where it starts.
        """
        going_on_from = self.applied if self.applied is not None else self.committed or 0
        return self.end - max(going_on_from, self.beginning)


def partition_lags(
    source: str,
    applied: Mapping[int, int],
    committed: Mapping[int, int],
    beginnings: Mapping[int, int],
    ends: Mapping[int, int],
    troubles: Mapping[int, str] | None = None,
) -> list[PartitionLag]:
    """One row per partition of the topic, those that were never applied included."""
    troubles = troubles or {}
    return [
        PartitionLag(
            source,
            partition,
            applied.get(partition),
            committed.get(partition),
            beginnings[partition],
            end,
            troubles.get(partition),
        )
        for partition, end in sorted(ends.items())
    ]
