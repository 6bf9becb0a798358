"""What the partitions of one source taught each other, in memory: bounded, the oldest goes."""

from __future__ import annotations

from collections import deque

from connectors.decisions import BEGINNING, Lessons

MOST_LESSONS = 256
"""Steps of a source whose lessons are kept."""
MOST_TOLD, MOST_TOLD_BYTES = 64, 256 << 10
"""Steps that a step is told of at most, and the bytes of their lessons after which it is told no more of them."""


class SourceLessons:
    """Lessons in the order in which the store took them."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, int, bytes]] = deque(maxlen=MOST_LESSONS)
        self._position = 0

    def apply(self, partition: int, taught: bytes, heard: str) -> Lessons | None:
        """What a partition is told that has heard all up to a position; then takes what it teaches."""
        told, upto, size = [], int(heard or 0), 0
        later = [entry for entry in self._kept if entry[0] > upto]
        for position, teacher, lesson in later[:MOST_TOLD]:
            if size > MOST_TOLD_BYTES:
                break
            upto = position
            if teacher != partition or heard == BEGINNING:
                told.append(lesson)
                size += len(lesson)
        if taught:
            self._position += 1
            self._kept.append((self._position, partition, taught))
            if not later or upto == later[-1][0]:
                upto = self._position
        return Lessons(tuple(told), str(upto)) if heard else None
