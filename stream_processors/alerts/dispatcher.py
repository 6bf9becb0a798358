"""Sends what stands in the outboxes to the sinks: at least once, in order, each sink at its own pace."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from connectors.alerts import Told
from connectors.findings import topic_of
from connectors.sinks.alerts import Sink, SinkDown, SinkRefused
from connectors.waiting import backoff

log = logging.getLogger("secencoder.worker")

PAGE = 100
"""Entries that are read at once."""
LONGEST_WAIT = 60.0
"""Seconds between two tries of a sink that is down."""


class Outboxes(Protocol):
    """The part of the store that is asked; methods are those of ``connectors.store.Store``."""

    def sources(self) -> list[str]:
        """All sources."""

    def outbox(self, source: str, *, after: int = 0, limit: int = 100) -> list[Told]:
        """Entries after a position."""

    def sent(self, source: str) -> dict[str, int]:
        """Sink to position."""

    def acknowledge(self, source: str, sink: str, before: int, position: int) -> bool:
        """Moves a sink's position."""


class Dispatcher:
    """One for the sources that this worker owns; another worker's sources have theirs.

    A position moves when the sink has the entry. Who died in between sends it again: its key is the same. Of two
    workers that think they own a source only one can move its position; the other one stops at that entry.
    """

    def __init__(
        self,
        store: Outboxes,
        sinks: Sequence[Sink],
        owned: Callable[[], Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``owned``: the topics whose outboxes are this worker's."""
        self._store, self._sinks, self._owned, self._clock = store, sinks, owned, clock
        self._waits = {sink.name: backoff(1.0, LONGEST_WAIT) for sink in sinks}
        self._not_before = {sink.name: 0.0 for sink in sinks}

    async def round(self) -> int:
        """Sends what there is, to all sinks at once; returns how many entries were sent."""
        topics = set(self._owned())
        if not self._sinks or not topics:
            return 0
        sources = await asyncio.to_thread(self._store.sources)
        owned = [source for source in sources if topic_of(source) in topics]
        return sum(await asyncio.gather(*(self._serve(sink, owned) for sink in self._sinks)))

    async def stop(self) -> None:
        """Disconnects the sinks."""
        for sink in self._sinks:
            await sink.stop()

    async def _serve(self, sink: Sink, sources: Sequence[str]) -> int:
        """One sink; down, it is left alone for a while."""
        if self._clock() < self._not_before[sink.name]:
            return 0
        sent = 0
        try:
            for source in sources:
                sent += await self._send(sink, source)
        except SinkDown as down:
            wait = next(self._waits[sink.name])
            self._not_before[sink.name] = self._clock() + wait
            log.warning("alerts wait: %s; next try in %.0f s", down, wait)
        return sent

    async def _send(self, sink: Sink, source: str) -> int:
        """What a source has for a sink."""
        position = (await asyncio.to_thread(self._store.sent, source)).get(sink.name, 0)
        sent = 0
        while entries := await asyncio.to_thread(self._store.outbox, source, after=position, limit=PAGE):
            if position and entries[0].before > position:
                log.error(
                    "%s: alerts left the outbox before %s had them (retention.outbox)", source, sink.name
                )
            for told in entries:
                try:
                    await sink.send(source, told)
                except SinkRefused as refused:
                    log.error("%s: alert %s is not sent: %s", source, told.alert.id, refused)
                moved = await asyncio.to_thread(
                    self._store.acknowledge, source, sink.name, position, told.position
                )
                if not moved:
                    return sent
                position, sent = told.position, sent + 1
                self._waits[sink.name] = backoff(1.0, LONGEST_WAIT)
        return sent
