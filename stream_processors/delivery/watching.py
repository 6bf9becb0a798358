"""Watching: does the store still have what was applied, is the topic still the same, does every partition move?"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

import redis
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from connectors import kafka
from connectors.kafka import KafkaSettings
from connectors.store import NewerKeys, Occupied, Store
from stream_processors.delivery.batches import Partition, name_of
from stream_processors.delivery.fetching import Fetcher
from stream_processors.delivery.troubles import Troubles

log = logging.getLogger("secencoder.worker")

WATCH_SECONDS = 5.0
"""Between two looks, whether or not lines come."""


class Watcher:
    """Compares open partitions with the store and the topic; what differs is closed, and opened anew."""

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        kafka_settings: KafkaSettings,
        consumer: AIOKafkaConsumer,
        group: str,
    ) -> None:
        self._store, self._fetcher, self._kafka, self._consumer = store, fetcher, kafka_settings, consumer
        self._group = group
        self._told: dict[TopicPartition, str | None] = {}

    async def look(self) -> None:
        """One look. A server that does not answer is seen to elsewhere."""
        sources = sorted({at.topic for at in self._fetcher.partitions})
        for source in sources:
            await self._look_at_store(source)
        if sources:
            await self._look_at_topics(sources)

    async def tell(self, troubles: Troubles) -> None:
        """Notes in the store which of our partitions can't go on and why, once for each reason."""
        assigned = self._consumer.assignment()
        self._told = {at: reason for at, reason in self._told.items() if at in assigned}
        for at in assigned:
            reason = troubles.reason(at)
            if at not in self._told or self._told[at] != reason:
                await asyncio.to_thread(self._store.blame, at.topic, at.partition, reason)
                self._told[at] = reason

    def _of(self, source: str) -> list[Partition]:
        return [partition for at, partition in self._fetcher.partitions.items() if at.topic == source]

    async def _look_at_store(self, source: str) -> None:
        """A store that lost its tail while no line came would else be noticed with the next one."""
        before = [
            (partition, partition.applied) for partition in self._of(source) if not partition.unfinished
        ]
        try:
            await asyncio.to_thread(self._store.claim, source, self._group, time.time())
            found = await asyncio.to_thread(self._store.applied, source)
        except (Occupied, NewerKeys) as not_ours:
            self._reopen(self._of(source), str(not_ours))
            return
        except (redis.RedisError, RuntimeError):
            return
        changed = [
            partition
            for partition, applied in before
            if partition.applied == applied
            and not partition.unfinished
            and found.get(partition.at.partition) != applied
        ]
        self._reopen(changed, "the store's applied offset is another one than was applied")

    async def _look_at_topics(self, sources: list[str]) -> None:
        try:
            ids = await asyncio.to_thread(kafka.topic_ids, self._kafka, sources)
        except (KafkaError, kafka.BrokerUnreachable):
            return
        for source in sources:
            now = ids.get(source)
            anew = [p for p in self._of(source) if None not in (p.topic_id, now) and p.topic_id != now]
            self._reopen(anew, "the topic was made anew")

    def _reopen(self, partitions: Iterable[Partition], why: str) -> None:
        for partition in partitions:
            if self._fetcher.owns(partition):
                log.warning("%s: %s; reopening the partition", partition.name, why)
                self._fetcher.close(partition)

    def lags(self) -> dict[str, tuple[int | None, int | None]]:
        """Every assigned partition's applied offset, and how far it is behind what the brokers said last.

        Control records and offsets without lines are no lag: offsets are compared, not counts of lines. A partition
        that is not open is behind by nobody knows how much.
        """
        found: dict[str, tuple[int | None, int | None]] = {}
        for at in self._fetcher.unopened:
            found[name_of(at)] = None, None
        for at, partition in list(self._fetcher.partitions.items()):
            if at not in self._consumer.assignment():
                continue
            end = self._consumer.last_stable_offset(at)
            if end is None or end < 0:
                end = self._consumer.highwater(at) or 0
            found[partition.name] = partition.applied, max(0, end - (partition.applied or 0))
        return found
