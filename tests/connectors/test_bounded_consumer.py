"""Where a consumer ends that has an end; the real one is in ``tests/integration/test_replay.py``."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka.bounded import BoundedConsumer

AT, OTHER = TopicPartition("logs", 0), TopicPartition("logs", 1)


class Consumer(BoundedConsumer):
    """Three messages are fetched at a time, of offsets that are even; it stands after them."""

    def __init__(self, end: int, position: int) -> None:
        self.ends = {AT: end}
        self.stands, self.stopped = {AT: position, OTHER: position}, set()
        self.fetched = 0

    def __del__(self) -> None:
        """There is nothing to close."""

    async def position(self, partition: TopicPartition) -> int:
        return self.stands[partition]

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.stands[partition] = offset

    def pause(self, *partitions: TopicPartition) -> None:
        self.stopped |= set(partitions)

    def paused(self) -> set[TopicPartition]:
        return self.stopped


@pytest.fixture(autouse=True)
def fetching(monkeypatch):
    async def getmany(self, at: TopicPartition, **_: object) -> dict:
        self.fetched += 1
        start = self.stands[at] + self.stands[at] % 2
        self.stands[at] = start + 6
        return {at: [SimpleNamespace(offset=start + more) for more in (0, 2, 4)]}

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", getmany)


@pytest.mark.parametrize(
    ("end", "position", "offsets", "stands"),
    [
        (10, 0, [0, 2, 4, 6, 8], 10),
        (9, 0, [0, 2, 4, 6, 8], 9),
        (12, 0, [0, 2, 4, 6, 8, 10], 12),
        (4, 4, [], 4),
        (
            4,
            7,
            [],
            7,
        ),  # retention removed all there was to read: what is left out is counted by whoever reads
    ],
)
def test_a_partition_is_read_up_to_its_end_and_the_consumer_then_stands_there(end, position, offsets, stands):
    async def case() -> None:
        consumer = Consumer(end, position)
        found = []
        for _ in range(6):
            found += [one.offset for one in (await consumer.getmany(AT)).get(AT, ())]
        assert (found, consumer.stands[AT], consumer.stopped) == (offsets, stands, {AT})
        assert consumer.fetched <= 2
        assert (consumer.highwater(AT), consumer.last_stable_offset(AT)) == (end, end)

    asyncio.run(case())


def test_a_partition_without_an_end_is_not_read():
    async def case() -> None:
        consumer = Consumer(10, 3)
        assert await consumer.getmany(OTHER) == {}
        assert (consumer.stands[OTHER], consumer.highwater(OTHER), consumer.fetched) == (3, 0, 0)

    asyncio.run(case())
