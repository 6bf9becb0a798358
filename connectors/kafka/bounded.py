"""A consumer that reads each partition up to an offset that is given, and no further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka.streaming import position_now


class BoundedConsumer(AIOKafkaConsumer):
    """Partitions without an end are not read at all. Their lag is that to their end."""

    ends: Mapping[TopicPartition, int] = {}

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Any]]:
        """What there is of one partition before its end; nothing is fetched behind it."""
        (at,) = partitions
        if (end := self.ends.get(at)) is None:
            return {}
        position = position_now(self, at)
        if position is not None and position >= end:
            if at not in self.paused():
                self.pause(at)
                self.seek(at, position)  # what was fetched ahead goes
            return {}
        found = await super().getmany(at, timeout_ms=timeout_ms, max_records=max_records)
        position = position_now(self, at)
        if position is not None and position > end:
            self.seek(at, end)
        kept = [record for record in found.get(at, ()) if record.offset < end]
        return {at: kept} if kept else {}

    def last_stable_offset(self, partition: TopicPartition) -> int:
        """The end that is given."""
        return self.ends.get(partition, 0)

    def highwater(self, partition: TopicPartition) -> int:
        """The same."""
        return self.ends.get(partition, 0)
