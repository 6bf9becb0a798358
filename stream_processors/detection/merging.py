"""Parts of windows put together: Max-Min over what partitions, or windows, kept each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connectors.findings import WindowPart
from stream_processors.detection.selection import max_min, stand_for
from stream_processors.detection.windows import vectors_of


@dataclass(frozen=True, slots=True)
class Sample:
    """The merged answer for one window, or several."""

    start: int
    count: int
    lines: tuple[tuple[int, int, int, str], ...]
    """(partition, offset, index, text) of each, the most central first."""
    stands_for: tuple[int, ...] = ()
    """How many lines each one is nearest to; they sum to ``count``. 0 where it is not known."""
    templates: tuple[str, ...] = ()
    """Id of each one's template; empty where it is not known."""
    late: int = 0
    """Lines, of ``count``, that came when their partition had closed the window already."""


def merge(parts: Sequence[WindowPart], k: int) -> Sample:
    """Max-Min over the union of the parts' candidates; all of one model, of any number of partitions and windows."""
    if not parts:
        raise ValueError("a window needs at least one part")
    count = sum(part.count for part in parts)
    lines: list[tuple[int, int, int, str]] = []
    weights: list[int] = []
    templates: list[str] = []
    for part in parts:
        lines += [
            (part.partition, offset, index, text)
            for (offset, index), text in zip(part.places, part.texts, strict=True)
        ]
        weights += part.weights or [0] * len(part.texts)  # older versions kept neither
        templates += part.templates or [""] * len(part.texts)
    total = np.sum([np.frombuffer(part.total, dtype="<f4") for part in parts], axis=0)
    vectors = np.concatenate([vectors_of(part) for part in parts])
    chosen = max_min(vectors, k, total / np.float32(max(count, 1)))
    stands_for = np.zeros(len(chosen), dtype=np.int64)
    if chosen:
        np.add.at(stands_for, stand_for(vectors, vectors[chosen]), np.array(weights, dtype=np.int64))
    return Sample(
        start=min(part.start for part in parts),
        count=count,
        lines=tuple(lines[at] for at in chosen),
        stands_for=tuple(stands_for.tolist()),
        templates=tuple(templates[at] for at in chosen),
        late=late(parts),
    )


def late(parts: Sequence[WindowPart]) -> int:
    """Lines of parts that their partition opened after another one of the same window."""
    first: dict[tuple[int, int], int] = {}
    for part in parts:
        window = part.start, part.partition
        first[window] = min(first.get(window, part.opened), part.opened)
    return sum(part.count for part in parts if part.opened > first[part.start, part.partition])
