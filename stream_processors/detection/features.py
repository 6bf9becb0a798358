"""What the forest sees of a line: how surprising its embedding, its structured values and its words are.

The paper's best detector joins structured columns with embeddings of the free text (section 5.1). A stream mixes
kinds of lines with different columns, and an axis-parallel forest over a raw embedding mostly isolates small but
ordinary kinds. So each part is turned into surprise first: the embedding into its distance to recent lines and the
rarity of its pattern, each column's value and each word into -log of its share so far.
``benchmarks/detection.py`` measures this against a forest over the embedding alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from math import log
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from connectors.records import LOGGER, SERVICE, Record

TOP = 3
"""Most surprising columns, and words, of a line that the forest gets, largest first."""
WIDTH = 2 * TOP + 2
EQUAL_FEATURES = 0.02
"""Features that differ by less are alike: those of equal lines creep by some thousandths as counts grow."""
GROUPS = 1_000
"""Columns and kinds of lines counted at most; what comes later is not counted."""
COLUMN_VALUES = 200
"""A column with more distinct values identifies things rather than describes them: it is not counted."""
WORDS = 2_000
"""Distinct words counted per kind of line; beyond, the rarest are forgotten."""
KEPT_WORDS = 1_500
"""Words left then, so that it is seldom done."""
MEMORY_LINES = 10_000
"""A line counts 1/e when its group has seen this many further lines, so that counts follow drift."""
GROWTH = 1 + 1 / MEMORY_LINES
FADED = 0.5
"""A value that counts less is no longer one of a column's distinct values."""
HEAVIEST = 2.0**64
"""Counts are divided by this power of two when a line counts more, every 440,000 lines: no ratio changes."""
TRUSTED_LINES = 50
"""A group's surprises count half when it has seen this many lines."""
TOGETHER = 25
"""Lines compared with the past at once: of a burst of new lines only these few count as new."""
TRUSTED_VECTORS = 100
"""Distances count half when this many lines have been seen."""
VALUE_CHARACTERS = 64
RECENT = 2_048
"""Embeddings of recent lines that a new one is compared with."""

Surprises = tuple[Sequence[float], Sequence[float]]
"""Of a line's columns and of its words, largest first."""

_WORD = re.compile(r"[A-Za-z0-9_.\-]+")
_VARIABLE = re.compile(r"\d{3}|\d.*\d.*\d")


@dataclass(slots=True)
class Group:
    """Value counts of one column, or word counts of one kind of line, in which older lines count less and less.

    Each line counts GROWTH times as much as the one before, which is the same as all counts shrinking at every line:
    nothing ever jumps, and of lines that keep coming in the same shares the surprises stay the same.
    """

    total: float = 0.0
    counts: dict[str, float] = field(default_factory=dict)
    weight: float = 1.0
    """What a line counts now; totals and counts are in units of it."""

    def surprises(self, values: Iterable[str]) -> list[float]:
        """Of each value -log of its share of lines so far, as a part of the most it could be: from 0 to 1.

        A young group is trusted less, so that the first lines of an ordinary kind do not stand out.
        """
        total, get, weight = self.total / self.weight, self.counts.get, self.weight
        most = log(total + 2)
        trust = total / (total + TRUSTED_LINES) / most
        return [(most - log(get(value, 0.0) / weight + 1)) * trust for value in values]

    def add(self, values: Iterable[str]) -> None:
        """Counts one line's values."""
        self.total += self.weight
        for value in values:
            self.counts[value] = self.counts.get(value, 0.0) + self.weight
        self.weight *= GROWTH
        if self.weight > HEAVIEST:
            self.total /= HEAVIEST
            self.counts = {value: count / HEAVIEST for value, count in self.counts.items()}
            self.weight /= HEAVIEST

    def state(self) -> tuple[float, dict[str, float]]:
        """Total and counts in lines, of which the next one counts 1; to a thousandth."""
        counts = {value: round(count / self.weight, 3) for value, count in self.counts.items()}
        return round(self.total / self.weight, 3), counts

    def forget_faded(self) -> None:
        """Drops values that were not seen for so long that they hardly count."""
        least = FADED * self.weight
        self.counts = {value: count for value, count in self.counts.items() if count >= least}

    def keep(self, limit: int) -> None:
        """Drops all but the ``limit`` most frequent values; what the others count stays as it is."""
        self.counts = dict(nlargest(limit, self.counts.items(), key=itemgetter(1)))


class SurpriseCounts:
    """Online counts of columns' values and of words; bounded groups, bounded values."""

    def __init__(self) -> None:
        self._groups: dict[str, Group | None] = {}  # None: an identifier, not counted

    def surprises(self, record: Record) -> Surprises:
        """Surprise of each counted column and of each word, largest first; then counts the line in."""
        given = record.given
        service = "" if SERVICE in given else record.fields.get(SERVICE, "")[:VALUE_CHARACTERS]
        kind = f"{record.format}/{service}"
        columns = []
        for column, value in record.fields.items():
            if column in given or column == LOGGER:  # where in a program: its kinds of lines tell that
                continue
            name = f"{kind}/{column[:VALUE_CHARACTERS]}"
            if (group := self._group(name)) is None:
                continue
            short = value[:VALUE_CHARACTERS]
            columns += group.surprises([short])
            group.add([short])
            if len(group.counts) > COLUMN_VALUES:
                group.forget_faded()
                if len(group.counts) > COLUMN_VALUES:
                    self._groups[name] = None
        words: list[float] = []
        if (group := self._group(kind)) is not None:
            words_found = (word[:VALUE_CHARACTERS] for word in _WORD.findall(record.text))
            found = {word for word in words_found if not _VARIABLE.search(word)}
            words = group.surprises(found)
            group.add(found)
            if len(group.counts) > WORDS:
                group.keep(KEPT_WORDS)
        return sorted(columns, reverse=True), sorted(words, reverse=True)

    def _group(self, name: str) -> Group | None:
        if name not in self._groups:
            if len(self._groups) >= GROUPS:
                return None
            self._groups[name] = Group()
        return self._groups[name]

    def state(self) -> dict[str, NDArray[np.uint8]]:
        """The counts as JSON bytes."""
        groups = {name: group and group.state() for name, group in self._groups.items()}
        return {"json": np.frombuffer(json.dumps(groups).encode(), dtype=np.uint8)}

    def restore(self, state: dict[str, NDArray[np.uint8]]) -> None:
        """Takes up saved counts."""
        groups = json.loads(state["json"].tobytes())
        self._groups = {name: group and Group(*group) for name, group in groups.items()}


class RecentVectors:
    """Unit vectors of the latest lines, and how far new ones are from their nearest among them."""

    def __init__(self, dim: int) -> None:
        self._vectors = np.zeros((RECENT, dim), dtype=np.float32)
        self._seen = 0

    def distances(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each line's distance to the lines before it, which it then joins, float32 (lines,)."""
        found = np.zeros(len(vectors), dtype=np.float32)
        for start in range(0, len(vectors), TOGETHER):
            part = vectors[start : start + TOGETHER]
            found[start : start + TOGETHER] = self.distance(part)
            self.add(part)
        return found

    def distance(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """1 - cosine to the nearest of them, less while few are known, float32 (lines,)."""
        known = self._vectors[: min(self._seen, RECENT)]
        if not len(known):
            return np.zeros(len(vectors), dtype=np.float32)
        trust = np.float32(self._seen / (self._seen + TRUSTED_VECTORS))
        return np.maximum(1 - (vectors @ known.T).max(axis=1), 0) * trust

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Remembers lines in place of the oldest ones."""
        vectors = vectors[-RECENT:]
        places = (self._seen + np.arange(len(vectors))) % RECENT
        self._vectors[places] = vectors
        self._seen += len(vectors)

    def state(self) -> dict[str, NDArray[np.float16]]:
        """The remembered vectors, float16 (lines, dim), oldest first."""
        oldest = self._seen % RECENT if self._seen > RECENT else 0
        known = np.roll(self._vectors, -oldest, axis=0)[: min(self._seen, RECENT)]
        return {"vectors": known.astype(np.float16)}

    def restore(self, state: dict[str, NDArray[np.float16]]) -> None:
        """Takes up saved vectors."""
        self._seen = 0
        self.add(state["vectors"].astype(np.float32))


def feature_rows(
    distance: NDArray[np.float32],
    rarity: NDArray[np.float32],
    surprises: Sequence[Surprises],
) -> NDArray[np.float32]:
    """The forest's input, float32 (lines, WIDTH).

    distance: to recent lines. rarity: of each line's pattern. surprises: of its columns and of its words.
    """
    rows = np.zeros((len(distance), WIDTH), dtype=np.float32)
    rows[:, 0] = distance
    rows[:, 1] = rarity
    for row, (columns, words) in zip(rows, surprises, strict=True):
        row[2 : 2 + len(columns[:TOP])] = columns[:TOP]
        row[2 + TOP : 2 + TOP + len(words[:TOP])] = words[:TOP]
    return rows
