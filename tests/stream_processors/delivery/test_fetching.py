"""What leaves the consumer, partition by partition; the real one is in ``tests/integration`` and ``tests/faults``."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, IllegalStateError

from stream_processors.delivery.batches import Batch, Partition
from stream_processors.delivery.fetching import Assignment, Fetcher
from stream_processors.delivery.troubles import Troubles

GOOD, BAD, OTHER = (TopicPartition("logs", number) for number in range(3))


class FakeConsumer:
    """Messages by partition; an exception in their place is raised. Offsets without messages are None."""

    def __init__(self, **logs: list) -> None:
        self.logs = {TopicPartition("logs", int(number[1:])): log for number, log in logs.items()}
        self.positions = dict.fromkeys(self.logs, 0)
        self.asked: list[int] = []

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self.logs)

    def paused(self) -> set[TopicPartition]:
        return set()

    async def getmany(self, at: TopicPartition, *, timeout_ms: int, max_records: int) -> dict:
        self.asked.append(max_records)
        if at not in self.logs:
            raise IllegalStateError("not assigned")
        found = []
        while self.positions[at] < len(self.logs[at]) and len(found) < max_records:
            value = self.logs[at][self.positions[at]]
            if isinstance(value, Exception):
                raise value
            if value is not None:
                found.append(SimpleNamespace(offset=self.positions[at], value=value))
            self.positions[at] += 1
        return {at: found} if found else {}

    async def position(self, at: TopicPartition) -> int:
        return self.positions[at]


class Desk:
    """A fetcher, what it queued, and how partitions are opened."""

    def __init__(self, consumer: FakeConsumer, *, applied: int | None = None, batch_lines: int = 500) -> None:
        self.now = 0.0
        self.consumer, self.applied = consumer, applied
        self.troubles = Troubles(lambda: self.now)
        self.queued: list[Batch] = []
        self.failures: dict[TopicPartition, Exception] = {}
        self.unchanged = True
        self.fetcher = Fetcher(
            consumer,
            self.troubles,
            self.open,
            self.queue,
            batch_lines=batch_lines,
            unchanged=self.is_unchanged,
        )

    async def open(self, at: TopicPartition) -> Partition:
        if at in self.failures:
            raise self.failures[at]
        return Partition(at, None, self.applied, position=self.consumer.positions[at])

    async def is_unchanged(self, partition: Partition) -> bool:
        return self.unchanged

    async def queue(self, batch: Batch) -> None:
        self.queued.append(batch)

    async def rounds(self, count: int = 3) -> None:
        for _ in range(count):
            await self.fetcher.round()

    def offsets(self, at: TopicPartition) -> list[int]:
        return [m.offset for batch in self.queued if batch.partition.at == at for m in batch.messages]


def test_a_partition_that_cannot_be_read_takes_nothing_from_the_others():
    async def case() -> None:
        desk = Desk(FakeConsumer(_0=[b"a", b"b"], _1=[CorruptRecordException("Invalid CRC")], _2=[b"c"]))
        await desk.rounds()
        assert (desk.offsets(GOOD), desk.offsets(BAD), desk.offsets(OTHER)) == ([0, 1], [], [0])
        assert "Invalid CRC" in desk.troubles.reason(BAD)
        assert desk.troubles.reason(GOOD) is None
        desk.consumer.logs[BAD] = [b"mended"]
        desk.consumer.logs[OTHER].append(b"d")
        await desk.rounds()
        assert desk.offsets(BAD) == [], "it is not tried again at once"
        desk.now += 60
        await desk.rounds()
        assert (desk.offsets(BAD), desk.offsets(OTHER)) == ([0], [0, 1])

    asyncio.run(case())


def test_the_lines_before_the_damage_are_read_although_the_consumer_loses_them_with_its_error():
    async def case() -> None:
        damaged = [*[b"x"] * 100, CorruptRecordException("Invalid CRC")]
        desk = Desk(FakeConsumer(_0=damaged))
        for _ in range(60):
            await desk.rounds(1)
            for batch in desk.queued:
                batch.partition.applied, batch.partition.unfinished = batch.end, 0
                desk.applied = batch.end
            desk.consumer.positions[GOOD] = desk.applied or 0
            desk.now += 60
        assert desk.offsets(GOOD) == list(range(100))
        assert "can't be read at 100" in desk.troubles.reason(GOOD)

    asyncio.run(case())


def test_what_was_handed_out_takes_effect_although_the_next_line_cannot_be_read():
    async def case() -> None:
        desk = Desk(FakeConsumer(_0=[b"a"]))
        await desk.rounds()
        desk.consumer.logs[GOOD].append(CorruptRecordException("Invalid CRC"))
        await desk.rounds()
        (batch,) = desk.queued
        assert desk.fetcher.owns(batch.partition), "its batch is still on its way"
        batch.partition.unfinished = 0
        await desk.rounds()
        assert not desk.fetcher.owns(batch.partition)

    asyncio.run(case())


def test_damage_among_lines_that_are_only_learnt_again_is_passed_over():
    async def case() -> None:
        consumer = FakeConsumer(_0=[CorruptRecordException("Invalid CRC"), b"a", b"b", b"new"])
        consumer.seek = consumer.positions.__setitem__
        desk = Desk(consumer, applied=3)
        await desk.rounds(6)
        assert desk.offsets(GOOD) == [3]

    asyncio.run(case())


def test_a_partition_that_cannot_be_opened_does_not_hold_up_the_others():
    async def case() -> None:
        desk = Desk(FakeConsumer(_0=[b"a"], _1=[b"b"]))
        desk.failures[BAD] = RuntimeError("NOPERM this user has no permissions")
        await desk.rounds()
        assert (desk.offsets(GOOD), desk.offsets(BAD)) == ([0], [])
        assert "NOPERM" in desk.troubles.reason(BAD)
        assert desk.fetcher.unopened == {BAD}
        desk.failures.clear()
        desk.now += 60
        await desk.rounds()
        assert desk.offsets(BAD) == [0]

    asyncio.run(case())


def test_offsets_without_lines_are_handed_on_so_that_they_are_never_lag():
    async def case() -> None:
        desk = Desk(FakeConsumer(_0=[b"a", None, None]))
        await desk.rounds()
        desk.consumer.logs[GOOD] += [None]
        await desk.rounds()
        assert [(len(batch.messages), batch.end) for batch in desk.queued] == [(1, 3), (0, 4)]

    asyncio.run(case())


def test_a_partition_opened_past_its_applied_offset_says_so_once_although_no_line_comes():
    async def case() -> None:
        consumer = FakeConsumer(_0=[])
        consumer.positions[GOOD] = 7
        desk = Desk(consumer, applied=4)
        await desk.rounds()
        assert [(len(batch.messages), batch.end) for batch in desk.queued] == [(0, 7)]

    asyncio.run(case())


@pytest.mark.parametrize(("applied", "most"), [(None, 2), (0, 2), (3, 3), (600, 500)])
def test_only_lines_after_the_applied_offset_are_narrowed(applied, most):
    async def case() -> None:
        desk = Desk(FakeConsumer(_0=[b"x"] * 1_000), applied=applied)
        desk.troubles.add(GOOD, "failed", narrow_to=2)
        desk.now += 60
        await desk.fetcher.round()
        await desk.fetcher.round()
        assert desk.consumer.asked[0] == most

    asyncio.run(case())


def test_a_stale_batch_does_not_close_the_partition_that_was_reopened_since():
    async def case() -> None:
        desk = Desk(FakeConsumer(_0=[b"a"]))
        await desk.rounds()
        (stale,) = desk.queued
        desk.fetcher.close(stale.partition)
        await desk.rounds()
        reopened = desk.fetcher.partitions[GOOD]
        desk.fetcher.close(stale.partition)
        assert desk.fetcher.partitions[GOOD] is reopened is not stale.partition

    asyncio.run(case())


def test_a_partition_taken_away_while_it_is_opened_is_not_ours():
    async def case() -> None:
        desk = Desk(FakeConsumer(_0=[b"a"]))
        opened = asyncio.Event()
        assignment = Assignment(lambda begins: desk.fetcher.rebalance(begins=begins))

        async def slowly(at: TopicPartition) -> Partition:
            await opened.wait()
            return Partition(at, None, None, position=0)

        desk.fetcher._open_partition = slowly
        await desk.fetcher.round()
        await assignment.on_partitions_revoked({GOOD})
        opened.set()
        await asyncio.sleep(0.01)
        assert desk.fetcher.partitions == {}

    asyncio.run(case())


@pytest.mark.parametrize("unchanged", [True, False])
def test_a_partition_that_stays_ours_keeps_its_memory_unless_the_store_moved_on_without_us(unchanged):
    """A new assignment has forgotten where the consumer was told to stand."""

    async def case() -> None:
        consumer = FakeConsumer(_0=[b"a", b"b"])
        consumer.seek = consumer.positions.__setitem__
        desk = Desk(consumer)
        desk.unchanged = unchanged
        assignment = Assignment(lambda begins: desk.fetcher.rebalance(begins=begins))
        await desk.rounds()
        before = desk.fetcher.partitions[GOOD]
        before.unfinished = 0
        await assignment.on_partitions_revoked({GOOD})
        await desk.rounds()
        assert desk.fetcher.partitions == {}
        consumer.positions[GOOD] = 0
        await assignment.on_partitions_assigned({GOOD})
        await desk.rounds()
        assert (desk.fetcher.partitions[GOOD] is before) is unchanged
        assert desk.offsets(GOOD) == ([0, 1] if unchanged else [0, 1, 0, 1])

    asyncio.run(case())


def test_a_batch_on_its_way_waits_for_the_end_of_a_rebalance_and_goes_on_if_its_partition_stayed():
    async def case() -> None:
        consumer = FakeConsumer(_0=[b"a"], _1=[b"b"])
        consumer.seek = consumer.positions.__setitem__
        desk = Desk(consumer)
        desk.unchanged = False  # the store may have taken a step of the batch: it is not asked
        await desk.rounds()
        stays, goes = (desk.fetcher.partitions[at] for at in (GOOD, BAD))
        desk.fetcher.rebalance(begins=True)
        waiting = [asyncio.ensure_future(desk.fetcher.holds(one)) for one in (stays, goes)]
        await asyncio.sleep(0.06)
        assert not any(one.done() for one in waiting)
        del consumer.logs[BAD]
        desk.fetcher.rebalance(begins=False)  # and no round comes: it may wait for room that only this makes
        assert await asyncio.gather(*waiting) == [True, False]

    asyncio.run(case())


def test_a_partition_whose_step_failed_in_a_rebalance_is_opened_anew():
    async def case() -> None:
        consumer = FakeConsumer(_0=[b"a"])
        consumer.seek = consumer.positions.__setitem__
        desk = Desk(consumer)
        await desk.rounds()
        before = desk.fetcher.partitions[GOOD]
        desk.fetcher.rebalance(begins=True)
        desk.fetcher.close(before)
        desk.fetcher.rebalance(begins=False)
        await desk.rounds()
        assert desk.fetcher.partitions[GOOD] is not before

    asyncio.run(case())


def test_a_partition_is_opened_anew_when_the_consumer_stands_elsewhere():
    async def case() -> None:
        desk = Desk(FakeConsumer(_0=[b"a", b"b", b"c"]), batch_lines=1)
        await desk.fetcher.round()
        await desk.rounds(1)
        desk.consumer.positions[GOOD] = 2
        await desk.rounds(2)
        assert desk.offsets(GOOD) == [0], "a line was passed over"
        assert GOOD in desk.fetcher.unopened

    asyncio.run(case())
