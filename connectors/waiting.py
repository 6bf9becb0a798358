"""Waiting: how long between two attempts, and until when.

Imports the standard library only; the Kafka and Redis connectors share it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

OnRetry = Callable[[str, float], None]
"""Called before each wait with one line about what failed (never a secret) and the seconds to wait."""


def backoff(initial: float = 0.1, maximum: float = 5.0, jitter: float = 0.2) -> Iterator[float]:
    """Yield waits in seconds without end: ``initial``, doubled each time up to ``maximum``.

    Each wait is drawn within ``± jitter`` of its nominal value (0 <= jitter < 1), so that workers that lost
    the same server do not come back in step.
    """
    if not 0 < initial <= maximum:
        raise ValueError(f"backoff needs 0 < initial <= maximum, got initial={initial}, maximum={maximum}")
    if not 0 <= jitter < 1:
        raise ValueError(f"jitter must be within 0 and 1, got {jitter}")
    wait = initial
    while True:
        yield wait * random.uniform(1 - jitter, 1 + jitter)
        wait = min(wait * 2, maximum)


class Deadline:
    """A point in time on the monotonic clock, ``seconds`` from now."""

    __slots__ = ("_at", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._at - time.monotonic())

    @property
    def expired(self) -> bool:
        """True once no time is left."""
        return self.remaining == 0.0


def retry(attempt: Callable[[float], str | None], deadline: Deadline, on_retry: OnRetry | None) -> str | None:
    """Call ``attempt(seconds_left)`` until it returns None (success) or the deadline passes.

    ``attempt`` returns one line that says what failed. It is called at least once, however short the
    deadline. Returns None after a success, else the last failure's line.
    """
    for wait in backoff():
        failure = attempt(deadline.remaining)
        if failure is None or deadline.remaining <= wait:
            return failure
        if on_retry is not None:
            on_retry(failure, wait)
        time.sleep(wait)
    raise AssertionError("backoff() has no end")


def reason_of(error: BaseException) -> str:
    """What went wrong, in one line."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {text}" if text and name not in text else text or name
