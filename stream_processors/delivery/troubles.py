"""Partitions that can't go on: why, when each is tried again, and with how many lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiokafka import TopicPartition

from stream_processors.delivery.batches import name_of

log = logging.getLogger("secencoder.worker")

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds until a partition is tried again; doubled with each failure of another kind than a narrowed batch."""
CLEAN_BATCHES = 4
"""A narrowed partition takes twice as many lines again after this many batches without a failure."""


@dataclass(slots=True)
class Trouble:
    """What is wrong with one partition."""

    reason: str
    tries: int = 0
    until: float = 0.0
    """On the monotonic clock: not tried again before."""
    limit: int | None = None
    """Most lines of its next batches; None when it is not narrowed."""
    clean: int = 0
    """Batches in a row without a failure or a dead letter."""


class Troubles:
    """The partitions in trouble. A partition without an entry is well."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, blame: Callable[[str, str], None] | None = None
    ) -> None:
        self._clock, self._blame = clock, blame
        self._of: dict[TopicPartition, Trouble] = {}

    def add(self, at: TopicPartition, reason: str, *, narrow_to: int | None = None) -> Trouble:
        """Notes a failure: the partition waits, and with ``narrow_to`` takes only so many lines at a time.

        A batch that is being narrowed down is tried again soon; any other failure waits twice as long each time.
        """
        trouble = self._of.setdefault(at, Trouble(reason))
        trouble.reason, trouble.clean = reason, 0
        limit = None if narrow_to is None else max(1, narrow_to)
        narrower = limit is not None and (trouble.limit is None or limit < trouble.limit)
        trouble.limit = limit or trouble.limit
        trouble.tries = 1 if narrower else trouble.tries + 1
        wait = min(FIRST_WAIT * 2 ** (trouble.tries - 1), LONGEST_WAIT)
        trouble.until = self._clock() + wait
        if self._blame is not None:
            self._blame(name_of(at), reason)
        log.warning("%s: %s; tried again in %.1f s", name_of(at), reason, wait)
        return trouble

    def succeeded(self, at: TopicPartition, lines: int, dead_letters: int = 0) -> bool:
        """Notes a batch that was applied, with its lines; True when that was the end of a trouble.

        A narrowed partition widens step by step, as long as no lines are given up.
        """
        trouble = self._of.get(at)
        if trouble is None:
            return False
        trouble.tries = 0
        if trouble.limit is None:
            del self._of[at]
            return True
        trouble.clean = 0 if dead_letters else trouble.clean + 1
        if trouble.clean >= CLEAN_BATCHES:
            trouble.clean = 0
            trouble.limit *= 2
            if lines < trouble.limit // 2:  # the topic itself has no more: nothing is left to narrow
                del self._of[at]
                return True
        return False

    def keep(self, assigned: Iterable[TopicPartition]) -> None:
        """Forgets the partitions that are no longer ours."""
        for at in self._of.keys() - set(assigned):
            del self._of[at]

    def waits(self, at: TopicPartition) -> bool:
        """Whether it is too early to try the partition again."""
        trouble = self._of.get(at)
        return trouble is not None and self._clock() < trouble.until

    def limit(self, at: TopicPartition, lines: int) -> int:
        """How many of ``lines`` a batch of the partition may have."""
        trouble = self._of.get(at)
        return lines if trouble is None or trouble.limit is None else min(trouble.limit, lines)

    def tries(self, at: TopicPartition) -> int:
        """Failures in a row."""
        trouble = self._of.get(at)
        return 0 if trouble is None else trouble.tries

    def reason(self, at: TopicPartition) -> str | None:
        """What is wrong with the partition; None when it is well."""
        trouble = self._of.get(at)
        return None if trouble is None else trouble.reason
