"""Sends what stands in the outboxes to a sink: at least once, in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
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
    """One for each sink, so that none waits for another, and for the sources that this worker owns.

    A position moves when the sink has the entry. Who died in between sends it again: its key is the same. Of two
    workers that think they own a source only one can move its position; the other one stops at that entry.

    sent, refused: alerts that the sink took, or takes never. failures: tries that it did not take.
    """

    def __init__(
        self,
        store: Outboxes,
        sink: Sink,
        owned: Callable[[], Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``owned``: the topics whose outboxes are this worker's."""
        self._store, self._sink, self._owned, self._clock = store, sink, owned, clock
        self._waits, self._not_before = backoff(1.0, LONGEST_WAIT), 0.0
        self.name, self.sent, self.refused, self.failures = sink.name, 0, 0, 0
        self._positions: dict[str, int] = {}
        self._failing_since: float | None = None

    @property
    def positions(self) -> dict[str, int]:
        """Topic to the position of the latest alert of its sources that the sink has had, as far as is known."""
        found: dict[str, int] = {}
        for source, position in self._positions.items():
            found[topic_of(source)] = max(position, found.get(topic_of(source), 0))
        return found

    @property
    def waiting_seconds(self) -> float:
        """How long it has been trying the same alert; 0 while the sink takes what comes."""
        return 0.0 if self._failing_since is None else self._clock() - self._failing_since

    async def round(self) -> int:
        """Sends what there is; returns how many entries were sent. A sink that is down is left alone for a while."""
        topics = set(self._owned())
        if not topics:
            self._positions, self._failing_since = {}, None
        if not topics or self._clock() < self._not_before:
            return 0
        sources = await asyncio.to_thread(self._store.sources)
        ours = [source for source in sources if topic_of(source) in topics]
        self._positions = {source: self._positions.get(source, 0) for source in ours}
        sent = 0
        try:
            for source in ours:
                sent += await self._send(source)
        except SinkDown as down:
            self.failures += 1
            if self._failing_since is None:
                self._failing_since = self._clock()
            wait = next(self._waits)
            self._not_before = self._clock() + wait
            log.warning("alerts wait: %s; next try in %.0f s", down, wait)
        return sent

    async def stop(self) -> None:
        """Disconnects the sink."""
        await self._sink.stop()

    async def _send(self, source: str) -> int:
        """What a source has for the sink."""
        sink = self._sink
        position = (await asyncio.to_thread(self._store.sent, source)).get(sink.name, 0)
        self._positions[source], sent = position, 0
        while entries := await asyncio.to_thread(self._store.outbox, source, after=position, limit=PAGE):
            if position and entries[0].before > position:
                log.error(
                    "%s: alerts left the outbox before %s had them (retention.outbox)", source, sink.name
                )
            for told in entries:
                try:
                    await sink.send(source, told)
                    self.sent += 1
                except SinkRefused as refused:
                    self.refused += 1
                    log.error("%s: alert %s is not sent: %s", source, told.alert.id, refused)
                self._failing_since = None
                moved = await asyncio.to_thread(
                    self._store.acknowledge, source, sink.name, position, told.position
                )
                if not moved:
                    return sent
                self._positions[source] = position = told.position
                sent += 1
                self._waits = backoff(1.0, LONGEST_WAIT)
        return sent
