"""How long each stage of a batch takes: told to whoever counts seconds, and to the trace of the batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stream_processors.operations.tracing import Tracing


class StageClock:
    """Around each stage (``detection.stages.Stages``): its seconds go to ``observe``, a span into the trace."""

    def __init__(self, observe: Callable[[str, float], None], tracing: Tracing | None = None) -> None:
        self._observe, self._tracing = observe, tracing

    @contextmanager
    def __call__(self, name: str) -> Iterator[Callable[..., None]]:
        """Around a stage."""
        started = time.perf_counter()
        try:
            if self._tracing is None:
                yield _no_note
            else:
                with self._tracing.stage(name) as note:
                    yield note
        finally:
            self._observe(name, time.perf_counter() - started)

    def batch(
        self, at: Any, messages: Sequence[Any], end: int, fetched: tuple[int, int]
    ) -> AbstractContextManager[None]:
        """Around all that is done with a batch: messages of a topic's partition, ``end`` the offset after them.

        fetched: when that began and ended, nanoseconds since the epoch.
        """
        self._observe("fetch", (fetched[1] - fetched[0]) / 1e9)
        if self._tracing is None:
            return nullcontext()
        return self._tracing.batch(at.topic, at.partition, messages, end, fetched)


def _no_note(**about: object) -> None:
    pass
