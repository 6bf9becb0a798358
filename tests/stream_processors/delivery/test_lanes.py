"""Which lane a batch takes, and when its turn comes; the real consumer is in ``tests/integration/test_lanes.py``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition

from connectors.memory import MemoryStore
from stream_processors.delivery.batches import LONG_BYTES, Batch, Partition
from stream_processors.delivery.fetching import Fetcher
from stream_processors.delivery.service import StreamService
from stream_processors.detection.pipeline import Pipeline
from stream_processors.settings import Settings

FIRST, SECOND = TopicPartition("logs", 0), TopicPartition("logs", 1)
SHORT, LONG = b"a short line", b"x" * (LONG_BYTES + 1)


def messages(*values: bytes | None) -> list:
    """Messages of consecutive offsets."""
    return [SimpleNamespace(offset=offset, value=value) for offset, value in enumerate(values)]


class FakeConsumer:
    """The partitions that are paused."""

    def __init__(self) -> None:
        self.stopped: set[TopicPartition] = set()

    def paused(self) -> set[TopicPartition]:
        return set(self.stopped)

    def pause(self, at: TopicPartition) -> None:
        self.stopped.add(at)

    def resume(self, at: TopicPartition) -> None:
        self.stopped.remove(at)


class Recorder(StreamService):
    """A service that takes note of the batches it is to handle."""

    def __init__(self, embedder, max_tokens: int = 4_096) -> None:
        settings = Settings.model_validate({"encoder": {"max_tokens": max_tokens}})
        super().__init__(settings, Pipeline(embedder), MemoryStore(), dim=embedder.dim, model="m")
        self.consumer = FakeConsumer()
        self.fetcher = Fetcher(
            self.consumer, self.troubles, self.open, self.queue, batch_lines=500, unchanged=None
        )
        self.channel, self.long_channel = asyncio.Queue(), asyncio.Queue()
        self.handled: list[Batch] = []
        self.handler = SimpleNamespace(handle=self.handle)

    def assign(self, at: TopicPartition) -> Partition:
        """A partition that was just opened."""
        self.fetcher.partitions[at] = partition = Partition(at, None, None, position=0)
        return partition

    async def handle(self, batch: Batch) -> None:
        self.handled.append(batch)
        await asyncio.sleep(0)


def run(case: Callable[[], Coroutine]) -> None:
    asyncio.run(case())


@pytest.fixture
def service(embedder):
    return Recorder(embedder)


@pytest.mark.parametrize(
    ("values", "max_tokens", "long"),
    [
        ([SHORT, None, b""], 48_000, False),
        ([SHORT, b"x" * LONG_BYTES], 48_000, False),
        ([SHORT, LONG, SHORT], 48_000, True),
        ([SHORT, LONG, SHORT], 1_025, True),
        ([SHORT, LONG, SHORT], 1_024, False),
        ([LONG * 1_000], 128, False),
    ],
)
def test_a_batch_is_long_when_the_encoder_may_read_a_long_line_of_it(values, max_tokens, long):
    assert Batch(None, messages(*values), len(values)).long(max_tokens) is long


def test_with_the_default_settings_every_batch_takes_the_one_lane(embedder):
    async def case() -> None:
        service = Recorder(embedder, Settings().encoder.max_tokens)
        await service.queue(service.assign(FIRST).next_batch(messages(LONG), 1))
        assert (service.channel.qsize(), service.long_channel.qsize()) == (1, 0)
        assert not service.consumer.paused()

    run(case)


def test_a_long_batch_pauses_its_partition_and_waits_for_the_one_before(service):
    async def case() -> None:
        partition = service.assign(FIRST)
        earlier, long = partition.next_batch(messages(SHORT), 1), partition.next_batch(messages(LONG), 1)
        await service.queue(earlier)
        await service.queue(long)
        assert service.consumer.paused() == {FIRST}
        waiting = asyncio.create_task(service.take(await service.long_channel.get()))
        await asyncio.sleep(0.01)
        assert service.handled == []
        await service.take(await service.channel.get())
        assert service.consumer.paused() == {FIRST}, "the long batch is still to come"
        await waiting
        assert service.handled == [earlier, long]
        assert not service.consumer.paused()

    run(case)


def test_a_long_batch_waits_for_no_other_partition(service):
    async def case() -> None:
        await service.queue(service.assign(FIRST).next_batch(messages(SHORT), 1))
        long = service.assign(SECOND).next_batch(messages(LONG), 1)
        await service.queue(long)
        await asyncio.wait_for(service.take(await service.long_channel.get()), 10)
        assert service.handled == [long]

    run(case)


def test_a_batch_that_fails_lets_the_next_one_have_its_turn(service, monkeypatch):
    async def failing(batch: Batch) -> None:
        raise RuntimeError("failed")

    async def case() -> None:
        partition = service.assign(FIRST)
        earlier, long = partition.next_batch(messages(SHORT), 1), partition.next_batch(messages(LONG), 1)
        await service.queue(long)
        with monkeypatch.context() as patch:
            patch.setattr(service.handler, "handle", failing)
            with pytest.raises(RuntimeError):
                await service.take(earlier)
        await asyncio.wait_for(service.take(long), 10)
        assert service.handled == [long]

    run(case)


def test_a_stale_long_batch_does_not_resume_a_partition_that_was_reopened_and_paused_again(service):
    async def case() -> None:
        stale = service.assign(FIRST).next_batch(messages(LONG), 1)
        await service.queue(stale)
        await service.queue(service.assign(FIRST).next_batch(messages(LONG), 1))
        await service.take(stale)
        assert service.consumer.paused() == {FIRST}

    run(case)


def test_two_partitions_are_handled_at_once_and_the_batches_of_each_in_order(service):
    going = {FIRST: 0, SECOND: 0}
    most: list[int] = []

    async def handle(batch: Batch) -> None:
        at = batch.partition.at
        going[at] += 1
        most.append(sum(going.values()))
        assert going[at] == 1, "the one before it is not done"
        await asyncio.sleep(0.01 if batch.end % 2 else 0)
        going[at] -= 1
        service.handled.append(batch)

    async def case() -> None:
        service.handler = SimpleNamespace(handle=handle)
        partitions = [service.assign(FIRST), service.assign(SECOND)]
        batches = [partitions[at % 2].next_batch(messages(SHORT), 1 + at // 2) for at in range(12)]
        for batch in batches:
            await service.begin(batch)
        await asyncio.gather(*(batch.done.wait() for batch in batches))
        assert max(most) == 2
        for partition in partitions:
            ends = [batch.end for batch in service.handled if batch.partition is partition]
            assert ends == sorted(ends)

    run(case)
