"""Tumbling windows cut to their most diverse lines; ``merging`` puts partitions' shares together.

A partition keeps 2 k candidates a window, chosen by Max-Min from its candidates so far and the lines of the new
batch whose text is new in the window; each knows how many lines it is nearest to. Farthest-point selections are
composable core-sets for this objective (Indyk et al., 2014), so Max-Min over the union of the partitions' candidates
keeps a constant-factor guarantee; ``benchmarks/samples`` measures how near it comes.

Every line counts in exactly one window, however stray the times: a window that comes again after it was closed is
opened as a further part, told apart by the offset of the line that opened it, and parts are merged when read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from connectors.findings import WindowPart
from stream_processors.detection.selection import EQUAL, distances, max_min, stand_for

if TYPE_CHECKING:
    from stream_processors.detection.batch import LineBatch

SPARE = 2
"""Candidates kept for each line that is asked for: what looks near now may be far apart from what comes later."""
OPEN_WINDOWS = 4
"""Windows a partition keeps open between batches: those touched last, of equally recent ones those of most lines."""
NEW_WINDOWS = 64
"""Windows that one batch may open, those of its most lines; lines of its others count in the nearest one, so that
times without order cost a bounded step of the store."""
CONSIDERED = 16_384
"""Texts that a window remembers to have considered; when there are more, it considers them again."""
TEXT_CHARACTERS = 2_000
"""Characters of a sampled line kept in the store."""
LAST_SECOND = 253_402_300_799
"""The end of the year 9999; times beyond, and before its negative, count as then."""


@dataclass(slots=True)
class OpenWindow:
    """One partition's running share of a window."""

    opened: int
    """Offset of the line that opened it."""
    total: NDArray[np.float32]
    vectors: NDArray[np.float32]
    """Unit vectors of the kept lines, (lines, dim)."""
    weights: NDArray[np.int64]
    """How many lines each of them is nearest to, (lines,)."""
    touched: int = 0
    """The last offset of the latest batch that it had lines in."""
    count: int = 0
    places: list[tuple[int, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    considered: set[int] = field(default_factory=set)
    """Hashes of the texts that were candidates."""
    told: set[tuple[int, int]] = field(default_factory=set)
    """Places of the lines that the store was told of last."""


class WindowSampler:
    """The open windows of one partition, of vectors of one model."""

    def __init__(
        self, dim: int, *, seconds: int = 60, k: int = 10, partition: int = 0, model: str = ""
    ) -> None:
        if seconds < 1 or k < 1:
            raise ValueError(f"seconds and k must be at least 1, got {seconds} and {k}")
        self._dim, self._seconds, self._k = dim, seconds, k
        self._partition, self._model = partition, model
        self._open: dict[int, OpenWindow] = {}

    def add(self, batch: LineBatch, show: Callable[[int], str]) -> list[WindowPart]:
        """Takes the lines of a batch; returns the parts that changed, as changes, by start.

        show: the text of a line's place, asked for the kept ones only.
        """
        if not len(batch):
            return []
        starts = self._placed(self._starts(batch.times))
        changed = []
        for start in np.unique(starts).tolist():
            places = np.flatnonzero(starts == start)
            if start not in self._open:
                self._open[start] = OpenWindow(
                    opened=int(batch.offsets[places[0]]),
                    total=np.zeros(self._dim, dtype=np.float32),
                    vectors=np.empty((0, self._dim), dtype=np.float32),
                    weights=np.empty(0, dtype=np.int64),
                )
            self._extend(self._open[start], places, batch, show)
            changed.append(self._part(start))
        self._close(int(batch.offsets[-1]))
        return changed

    def _starts(self, timestamps: NDArray[np.float64]) -> NDArray[np.int64]:
        """The start of each line's own window; a time that is no number counts as 0."""
        times = np.clip(np.nan_to_num(timestamps), -LAST_SECOND, LAST_SECOND)
        return (times // self._seconds).astype(np.int64) * self._seconds

    def _placed(self, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The start of the window that each line counts in: its own, unless the batch would open too many."""
        distinct, counts = np.unique(starts, return_counts=True)
        new = ~np.isin(distinct, list(self._open))
        if new.sum() <= NEW_WINDOWS:
            return starts
        by_lines = np.lexsort((distinct[new], counts[new]))  # of equal counts the latest come last
        allowed = np.union1d(distinct[new][by_lines[-NEW_WINDOWS:]], list(self._open)).astype(np.int64)
        after = np.searchsorted(allowed, starts).clip(max=len(allowed) - 1)
        before = (after - 1).clip(min=0)
        return np.where(starts - allowed[before] <= allowed[after] - starts, allowed[before], allowed[after])

    def _close(self, last: int = -1) -> None:
        """Forgets all but the windows touched last. A stray time can therefore not close the stream's own.

        last: offset of a message whose lines may go on: a part that it opened could not be told from a further one.
        """
        order = sorted(self._open, key=lambda start: (self._open[start].touched, self._open[start].count))
        for start in order[:-OPEN_WINDOWS]:
            if self._open[start].opened != last:
                del self._open[start]

    def _extend(
        self, window: OpenWindow, places: NDArray[np.int64], batch: LineBatch, show: Callable[[int], str]
    ) -> None:
        table = batch.rows
        rows, first, counts = np.unique(batch.templates[places], return_index=True, return_counts=True)
        window.count += len(places)
        window.touched = int(batch.offsets[-1])
        window.total = window.total + counts.astype(np.float32) @ table.vectors[rows]
        new = self._not_considered(window, table.keys[rows])
        if len(window.vectors) and len(new):  # a restored window knows its lines by their vectors alone
            new = new[distances(table.vectors[rows[new]], window.vectors).min(axis=1) > EQUAL]
        if len(new):
            new = new[np.argsort(first[new], kind="stable")]
            self._choose(window, rows[new], places[first[new]], batch, show)
        nearest = stand_for(table.vectors[rows], window.vectors)
        np.add.at(window.weights, nearest, counts)

    def _choose(
        self,
        window: OpenWindow,
        rows: NDArray[np.int32],
        lines: NDArray[np.int64],
        batch: LineBatch,
        show: Callable[[int], str],
    ) -> None:
        """Chooses the candidates anew, with texts that are new in the window: their rows and their first lines."""
        table, known = batch.rows, len(window.texts)
        pool = np.concatenate([window.vectors, table.vectors[rows]])
        chosen = max_min(pool, SPARE * self._k, window.total / np.float32(window.count))
        weights = np.zeros(len(chosen), dtype=np.int64)
        np.add.at(weights, stand_for(window.vectors, pool[chosen]), window.weights)
        window.vectors, window.weights = pool[chosen], weights
        came = [(at, int(lines[at - known]), int(rows[at - known])) for at in chosen if at >= known]
        texts = {at: show(line)[:TEXT_CHARACTERS] for at, line, _ in came}
        kept = {at: (int(batch.offsets[line]), int(batch.indexes[line])) for at, line, _ in came}
        templates = {at: f"{int(table.templates[row]):016x}" for at, _, row in came}
        window.texts = [texts[at] if at in texts else window.texts[at] for at in chosen]
        window.places = [kept[at] if at in kept else window.places[at] for at in chosen]
        window.templates = [templates[at] if at in templates else window.templates[at] for at in chosen]

    def _not_considered(self, window: OpenWindow, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Places of the texts that were no candidates of the window yet, and now are."""
        hashes = keys.tolist()
        new = [place for place, key in enumerate(hashes) if key not in window.considered]
        if len(window.considered) + len(new) > CONSIDERED:
            window.considered.clear()
        window.considered.update(hashes)
        return np.array(new, dtype=np.int64)

    def _part(self, start: int) -> WindowPart:
        """What the store is told of a window: of lines that it has, neither text nor vector."""
        window = self._open[start]
        new = [at for at, place in enumerate(window.places) if place not in window.told]
        gone = window.told.difference(window.places)
        window.told = set(window.places)
        return WindowPart(
            start=start,
            partition=self._partition,
            count=window.count,
            total=window.total.astype("<f4").tobytes(),
            places=tuple(window.places),
            texts=tuple(window.texts[at] for at in new),
            vectors=window.vectors[new].astype("<f2").tobytes(),
            opened=window.opened,
            model=self._model,
            weights=tuple(window.weights.tolist()),
            templates=tuple(window.templates),
            new=tuple(new),
            gone=tuple(sorted(gone)),
        )

    def restore(self, parts: Iterable[WindowPart]) -> None:
        """Goes on with windows as the store keeps them; those of others, and of other models, are set aside.

        May be called once for each window. Of several parts of one window the one opened last goes on.
        """
        for part in filter(self._ours, parts):
            known = self._open.get(part.start)
            if known is None or known.opened < part.opened:
                self._open[part.start] = OpenWindow(
                    opened=part.opened,
                    total=np.frombuffer(part.total, dtype="<f4").copy(),
                    vectors=vectors_of(part),
                    weights=np.array(part.weights, dtype=np.int64),
                    touched=max(part.opened, *(offset for offset, _ in part.places)),
                    count=part.count,
                    places=list(part.places),
                    texts=list(part.texts),
                    templates=list(part.templates),
                )
        self._close()

    def _ours(self, part: WindowPart) -> bool:
        """Whether a part is this partition's, of this model, and whole."""
        lines = len(part.places)
        return (
            (part.partition, part.model) == (self._partition, self._model)
            and len(part.total) == 4 * self._dim
            and len(part.vectors) == 2 * self._dim * lines
            and len(part.texts) == len(part.weights) == len(part.templates) == lines > 0
        )


def vectors_of(part: WindowPart) -> NDArray[np.float32]:
    """The vectors of a part's lines, (lines, dim)."""
    return np.frombuffer(part.vectors, dtype="<f2").astype(np.float32).reshape(-1, len(part.total) // 4)
