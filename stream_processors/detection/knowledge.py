"""What a partition knows of a source's templates: the pattern of each, and what the store was told of it.

The store's decisions hold. What is known comes back from it when a partition is opened, so a snapshot has none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.decisions import News, SourceApplied
from connectors.findings import Findings, Merge, Template
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.patternbook import Decisions, Known, PatternBook
from stream_processors.detection.slots import summaries
from stream_processors.detection.texts import display_text, encodable

LAST_MINUTE = (1 << 31) - 1
MINUTE = 60


class Kinds:
    """The templates of a batch, in the order of their first lines.

    names: ids. numbers: the same, uint64 (templates,). rows: a row of the table of each. first: place of its first
    line. of: place among them of each line's, int64 (lines,).
    """

    def __init__(self, batch: LineBatch) -> None:
        distinct = batch.distinct
        ids, first, of = np.unique(
            batch.rows.templates[distinct.rows], return_index=True, return_inverse=True
        )
        order = np.argsort(first)
        ranks = np.empty_like(order)
        ranks[order] = np.arange(len(order))
        self.numbers = ids[order]
        self.names: Sequence[str] = [f"{number:016x}" for number in self.numbers.tolist()]
        self.rows: Sequence[int] = distinct.rows[first[order]].tolist()
        self.first: Sequence[int] = distinct.first[first[order]].tolist()
        self.of: NDArray[np.int64] = ranks[of.reshape(-1)][distinct.of]


class Knowledge:
    """Patterns of one source's templates, of one model's vectors.

    merged: told of every pattern that becomes part of another one, as numbers.
    """

    def __init__(self, model: str, merged: Callable[[int, int], None]) -> None:
        self._model, self._merged = model, merged
        self._book = PatternBook()
        self._lines: dict[str, int] = {}
        """Lines of each template that the store was told of."""
        self._merges: list[Merge] = []
        self._seen = 0

    @property
    def pending(self) -> bool:
        """Whether there are merges that the store was not told of."""
        return bool(self._merges)

    def patterns(self, batch: LineBatch, kinds: Kinds) -> NDArray[np.uint64]:
        """The pattern of each template of a batch, uint64 (templates,); decides those of new ones."""
        rows = batch.rows
        known = [
            Known(name, rows.shapes[row], rows.vectors[row], seen_at(batch.times[first]))
            for name, row, first in zip(kinds.names, kinds.rows, kinds.first, strict=True)
        ]
        decisions = self._take(self._book.add(known))
        return np.array([int(decisions.patterns[name], 16) for name in kinds.names], dtype=np.uint64)

    def readable(self, template: int) -> str:
        """A template as people read it: its pattern; empty for one that was forgotten."""
        try:
            return self._book.readable(self._book.pattern_of(f"{template:016x}"))
        except KeyError:
            return ""

    def changes(
        self, batch: LineBatch, kinds: Kinds, patterns: NDArray[np.uint64], findings: Findings
    ) -> None:
        """Adds to ``findings`` what a step's lines change of their templates, whose ``patterns`` are given."""
        counts = np.bincount(kinds.of, minlength=len(kinds.names))
        order = np.argsort(kinds.of, kind="stable")
        times = np.nan_to_num(batch.times[order], posinf=0.0, neginf=0.0)
        begins = np.cumsum(counts) - counts
        least, most = np.minimum.reduceat(times, begins), np.maximum.reduceat(times, begins)
        minutes = minutes_of(batch.times, kinds.of, len(kinds.names))
        for place, name in enumerate(kinds.names):
            before, count = self._lines.get(name), int(counts[place])
            self._lines[name] = (before or 0) + count
            row, first = kinds.rows[place], kinds.first[place]
            new = before is None
            findings.templates.append(
                Template(
                    id=name,
                    text=encodable(batch.rows.shapes[row]) if new else "",
                    pattern=f"{patterns[place]:016x}" if new else "",
                    count=count,
                    first_seen=float(least[place]),
                    last_seen=float(most[place]),
                    example=display_text(batch.line(first)) if new else "",
                    vector=batch.rows.vectors[row].astype("<f2").tobytes() if new else b"",
                    model=self._model if new else "",
                    minutes=minutes[place],
                    parameters=summaries(batch.parameters(first)) if doubled(before or 0, count) else (),
                )
            )

    def tell(self, findings: Findings) -> None:
        """Adds to ``findings`` the merges that the store does not know, and asks for what others decided."""
        findings.merges += self._merges
        findings.seen = self._seen
        self._merges = []

    def adopt(self, applied: SourceApplied) -> None:
        """Takes what the store decided in a step."""
        for name in applied.missing:
            self._lines.pop(name, None)
        if applied.patterns:
            self._take(self._book.adopt([], applied.patterns))
        if applied.news is not None:
            self.learn(applied.news)

    def learn(self, news: News) -> None:
        """Takes what was decided by others, or before."""
        self._seen = max(self._seen, news.seen)
        known = [Known(one.id, one.text, None, one.first_seen) for one in news.templates]
        patterns = {one.id: one.pattern for one in news.templates}
        merges = [(merge.pattern, merge.into) for merge in news.merges]
        if not known and not merges:
            return
        self._take(self._book.adopt(known, patterns, merges))
        for one in news.templates:
            if one.model == self._model:
                self._lines.setdefault(one.id, 1)
        for pattern, into in merges:
            self._merged(int(pattern, 16), int(into, 16))

    def _take(self, decisions: Decisions) -> Decisions:
        """Notes merges for the store, and forgets with the book which templates the store was told of."""
        for merge in decisions.merges:
            self._merges.append(Merge(merge.pattern, merge.into, merge.time, merge.reason))
            self._merged(int(merge.pattern, 16), int(merge.into, 16))
        if len(self._lines) > 2 * max(len(self._book), 1):
            self._lines = {name: lines for name, lines in self._lines.items() if self._knows(name)}
        return decisions

    def _knows(self, name: str) -> bool:
        try:
            self._book.pattern_of(name)
        except KeyError:
            return False
        return True


def seen_at(time: float) -> float:
    """A line's time, 0 for one that is no number."""
    return float(time) if np.isfinite(time) else 0.0


def doubled(before: int, more: int) -> bool:
    """Whether a count passes a power of two: of a template with many lines few are looked at for its parameters."""
    return before.bit_length() != (before + more).bit_length()


def minutes_of(
    times: NDArray[np.float64], of: NDArray[np.int64], templates: int
) -> Sequence[tuple[tuple[int, int], ...]]:
    """Of each template the minutes of its lines since the epoch, and how many lines each has; 0 without a time."""
    minutes = np.clip(np.nan_to_num(times, posinf=0.0, neginf=0.0) // MINUTE, 0, LAST_MINUTE).astype(np.int64)
    pairs, counts = np.unique((of << 32) | minutes, return_counts=True)
    found: list[list[tuple[int, int]]] = [[] for _ in range(templates)]
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        found[pair >> 32].append((pair & LAST_MINUTE, count))
    return [tuple(one) for one in found]
