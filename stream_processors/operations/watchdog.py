"""Which partitions are behind and do not move, for how long, and why. Pure: no I/O, the clock is handed in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

LONGEST_GAP = 10.0
"""Seconds that count between two looks at a partition, at most. So a process that was stopped, or slept with its
machine, does not find itself guilty when it wakes up. Look more often than this."""
NO_REASON = "no line was applied"
REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Stuck:
    """A partition that is behind and has not moved for ``seconds``; ``lag`` in lines, None when it isn't known."""

    name: str
    seconds: float
    lag: int | None
    reason: str

    def __str__(self) -> str:
        behind = "lag not known" if self.lag is None else f"{self.lag:,} behind"
        return f"{self.name}: {behind}, not moved for {self.seconds:.0f} s: {self.reason}"


@dataclass(slots=True)
class _Watched:
    """What is known of one partition."""

    looked_at: float
    position: int | None = None
    lag: int | None = None
    seconds: float = 0.0
    reason: str = NO_REASON

    @property
    def behind(self) -> bool:
        return self.lag is None or self.lag > 0


class Watchdog:
    """Watches partitions by name, e.g. ``logs/3``. Times are seconds of a monotonic clock.

    A partition is stuck when it is behind and its position has stayed the same for ``stall_seconds``, and expired
    when it has for ``exit_seconds`` (0 for never): then the process should end and let another one try.
    """

    def __init__(
        self,
        *,
        stall_seconds: float = 60.0,
        exit_seconds: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stall_seconds, self._exit_seconds, self._clock = stall_seconds, exit_seconds, clock
        self._watched: dict[str, _Watched] = {}

    def observe(self, name: str, position: int | None, lag: int | None) -> None:
        """Takes a partition's position and its lag in lines; call it every few seconds (LONGEST_GAP).

        The position is the applied offset, not where the consumer reads: a batch that is tried again and again moves
        the reader to and fro. None while there is none, which is no move. A lag of None is not known, because the
        partition cannot be opened, say, and counts as behind.
        """
        watched = self._look_at(name)
        watched.lag = lag
        if not watched.behind or position not in (None, watched.position):
            watched.seconds, watched.reason = 0.0, NO_REASON
        if position is not None:
            watched.position = position

    def blame(self, name: str, reason: str) -> None:
        """Keeps why a partition can't go on, until it moves: one line, with nothing of a log line in it.

        Enough by itself for a partition that could not be opened yet: its lag is not known then.
        """
        self._look_at(name).reason = " ".join(reason.split())[:REASON_CHARACTERS] or NO_REASON

    def keep(self, names: Iterable[str]) -> None:
        """Forgets all other partitions: they are no longer ours."""
        for name in self._watched.keys() - set(names):
            del self._watched[name]

    def stalled(self) -> dict[str, float]:
        """Every partition, and for how many seconds it has been behind without a move."""
        return {name: self._look_at(name).seconds for name in self._watched}

    def stuck(self) -> list[Stuck]:
        """The partitions that are behind and have not moved for ``stall_seconds``, by name."""
        return self._still_for(self._stall_seconds)

    def expired(self) -> list[Stuck]:
        """Those of them that have not moved for ``exit_seconds``: reasons to end the process."""
        return self._still_for(self._exit_seconds) if self._exit_seconds else []

    def _still_for(self, seconds: float) -> list[Stuck]:
        found = []
        for name in sorted(self._watched):
            watched = self._look_at(name)
            if watched.behind and watched.seconds >= seconds:
                found.append(Stuck(name, watched.seconds, watched.lag, watched.reason))
        return found

    def _look_at(self, name: str) -> _Watched:
        """The partition, made on first sight, with the time since the last look added."""
        now = self._clock()
        watched = self._watched.setdefault(name, _Watched(now))
        if watched.behind:
            watched.seconds += min(now - watched.looked_at, LONGEST_GAP)
        watched.looked_at = now
        return watched
