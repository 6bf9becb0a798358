"""How rare the template of a line is, and the pattern that it belongs to: one never seen is the rarest."""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import kernel
from stream_processors.detection.counting import count_in
from stream_processors.detection.detectors.counts import Counts, lines_counted
from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises
from stream_processors.detection.detectors.sharing import SharedCounts, Taught
from stream_processors.detection.hashing import joint

SLOW = 2.0
"""The first lines of a template teach less: as many as this count half."""
TEMPLATES, PATTERNS = np.uint64(0x8D58AC26AFE12E47), np.uint64(0xB2F3D1C5A7964E81)


@kernel
def rarity(before: float, total: float) -> float:
    """-log of a share, before the line is counted in."""
    return log((total + 2.0) / (before * before / (before + SLOW) + 1.0))


@kernel
def count_lines(
    begin: int,
    entries: NDArray,
    taken: NDArray[np.int64],
    clock: int,
    templates: NDArray[np.uint64],
    patterns: NDArray[np.uint64],
    found: NDArray[np.float32],
) -> int:
    """Scores and counts lines from ``begin`` on, until the table is to grow: float32 (lines,)."""
    for line in range(begin, len(templates)):
        if taken[1] > taken[3]:
            return line
        now = clock + line
        total = lines_counted(now)
        template = count_in(entries, taken, joint(TEMPLATES, templates[line]), now, now)
        pattern = count_in(entries, taken, joint(PATTERNS, patterns[line]), now, now)
        found[line] = 0.5 * (rarity(template, total) + rarity(pattern, total))
    return len(templates)


@kernel
def joined(group: np.uint64, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Keys as they are counted in a group, uint64 (keys,)."""
    found = np.empty(len(keys), dtype=np.uint64)
    for place in range(len(keys)):
        found[place] = joint(group, keys[place])
    return found


class Rare:
    """-log of the share of lines that a template has had, and its pattern, the mean of both.

    A template whose pattern is well known is half as surprising as one that is like nothing before.
    """

    name = "rare"

    def __init__(self) -> None:
        self._counts = Counts()
        self._shared = SharedCounts(self._counts)

    def observe(self, seen: Seen) -> Surprises:
        """Scores each line with what came before it, and learns it."""
        counts, done = self._counts, 0
        found = np.zeros(len(seen), dtype=np.float32)
        while done < len(seen):
            counts.room()
            done = count_lines(
                done, counts.entries, counts.taken, counts.lines, seen.templates, seen.patterns, found
            )
        counts.lines += len(seen)
        for group, of in ((TEMPLATES, seen.templates), (PATTERNS, seen.patterns)):
            keys, times = np.unique(of, return_counts=True)
            self._shared.note(joined(group, keys), times)
        self._shared.lines += len(seen)
        return Surprises(found, np.full(len(seen), NO_CAUSE))

    def merge(self, pattern: int, into: int) -> None:
        """Counts the lines that a pattern has had as another one's."""
        self._counts.move(*(np.uint64(joint(PATTERNS, np.uint64(one))) for one in (pattern, into)))

    def unlearn(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Takes back lines of those templates and patterns."""
        for place in places.tolist():
            self._counts.take_back(self._keys(seen, place))
            self._shared.note(self._keys(seen, place), -1)

    def taught(self) -> Taught:
        """Lines of each template and pattern since the last call."""
        return self._shared.taught()

    def absorb(self, taught: Taught) -> None:
        """Counts lines of other partitions."""
        self._shared.absorb(taught)

    def explain(self, seen: Seen, place: int) -> Reason:
        """How many lines the template and its pattern have had."""
        template, pattern = (max(0.0, count - 1) for count in self._counts.of(self._keys(seen, place)))
        lines = self._counts.lines
        numbers: dict[str, float | str] = {
            "template_lines": round(template),
            "pattern_lines": round(pattern),
            "lines": lines,
        }
        known = f"its pattern in {round(pattern):,}" if round(pattern) else "nor its pattern"
        text = (
            f"template seen in {round(template):,} of {lines:,} lines, {known}"
            if round(template)
            else f"template never seen in {lines:,} lines, {known}"
        )
        total = lines_counted(lines)
        score = 0.5 * (rarity(template, total) + rarity(pattern, total))
        return Reason(self.name, score, text, numbers)

    @staticmethod
    def _keys(seen: Seen, place: int) -> NDArray[np.uint64]:
        pairs = ((TEMPLATES, seen.templates[place]), (PATTERNS, seen.patterns[place]))
        return np.array([joint(group, one) for group, one in pairs], dtype=np.uint64)

    def state(self) -> dict[str, NDArray]:
        """The counts."""
        return self._counts.state()

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved counts."""
        self._counts.restore(state)
