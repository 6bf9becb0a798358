"""Questions over a store: merged window samples, readable patterns, lag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.findings import Pattern, Template, WindowPart
from connectors.patterns import patterns_of
from connectors.store import Store
from stream_processors.detection.alignment import aligned
from stream_processors.detection.merging import Sample, merge

ALIGNED = 256
"""Templates of a pattern that its readable form is made of, at most."""


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


def patterns(
    store: Store, source: str, *, limit: int | None = None, only: str | None = None
) -> tuple[list[Pattern], int]:
    """Patterns, the most lines first, each with what its templates have in common; and how many there are in all.

    only: the id of one that alone is wanted.
    """
    templates = store.templates(source)
    found = [pattern for pattern in patterns_of(templates) if only in (None, pattern.id)]
    return readable(found[:limit], templates), len(found)


def readable(found: Sequence[Pattern], templates: Sequence[Template]) -> list[Pattern]:
    """The patterns with what their templates have in common."""
    texts = {template.id: template.text for template in templates if template.text}
    members = [sorted({texts[name] for name in p.members if name in texts}) for p in found]
    return [
        replace(pattern, template=aligned(of[:ALIGNED])) for pattern, of in zip(found, members, strict=True)
    ]


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
