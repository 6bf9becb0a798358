"""Fetching: what the consumer has of each open partition goes onto the channels as batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError

from connectors.waiting import reason_of
from stream_processors.delivery.batches import Batch, Partition, name_of
from stream_processors.delivery.troubles import Troubles

log = logging.getLogger("secencoder.worker")

IDLE_SECONDS = 0.05
"""Until the consumer is looked at again when it had nothing."""
OPENED_TOGETHER = 16
"""Partitions that are opened at a time."""


class Fetcher:
    """The open partitions, and the order in which their messages leave the consumer.

    Each partition is asked for on its own: asked for together, a partition that can't be read would take away what
    the consumer has already given of others (aiokafka's ``getmany`` moves on all the same).
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        troubles: Troubles,
        open_partition: Callable[[TopicPartition], Awaitable[Partition]],
        queue: Callable[[Batch], Awaitable[None]],
        *,
        batch_lines: int,
    ) -> None:
        self._consumer, self._troubles = consumer, troubles
        self._open_partition, self._queue = open_partition, queue
        self._batch_lines = batch_lines
        self.partitions: dict[TopicPartition, Partition] = {}
        self._opening: dict[TopicPartition, asyncio.Task[None]] = {}
        self._rebalancing = False
        self._together = asyncio.Semaphore(OPENED_TOGETHER)

    def owns(self, partition: Partition) -> bool:
        """Whether the partition is still open as this object: neither taken away nor reopened since."""
        return self.partitions.get(partition.at) is partition

    def close(self, partition: Partition) -> None:
        """Forgets an open partition, which is then opened anew from the store; one reopened since stays."""
        if self.owns(partition):
            del self.partitions[partition.at]

    async def round(self) -> None:
        """Opens what is assigned and not open, and queues what there is of each open partition; waits if nothing."""
        self._open_missing()
        moved = False
        for partition in list(self.partitions.values()):
            moved |= await self._fetch(partition)
        if not moved:
            await asyncio.sleep(IDLE_SECONDS)

    async def _fetch(self, partition: Partition) -> bool:
        """Whether the consumer had anything of the partition: messages, or offsets without lines."""
        at = partition.at
        if partition.unreadable is not None:
            self._give_way(partition, partition.unreadable)
        if partition.unreadable is not None or not self.owns(partition):
            return False  # not owned: reopened while another partition's batch waited for room
        started = time.time_ns()
        try:
            begin = position_now(self._consumer, at)
            fetched = await self._consumer.getmany(at, timeout_ms=0, max_records=self._most_lines(partition))
            end = position_now(self._consumer, at)
        except Exception as error:
            if not isinstance(error, IllegalStateError):  # no longer assigned: the listener says so
                partition.unreadable = reason_of(error)
            return False
        if begin != partition.position or end is None:
            self.close(partition)
            self._troubles.add(at, f"the consumer stands at {begin} and not at {partition.position}")
            return False
        messages = fetched.get(at, [])
        if not self.owns(partition) or not (messages or end > partition.position or self._behind(partition)):
            return False
        fetched = started, time.time_ns()
        await self._queue(partition.next_batch(messages, end, fetched=fetched))
        return True

    def _give_way(self, partition: Partition, reason: str) -> None:
        """A partition that can't be read further is opened anew once what was handed out is done.

        The lines before the damage may have gone with the error, so fewer are asked for next time. Lines that are
        only learnt again are not worth waiting for.
        """
        if partition.unfinished or not self.owns(partition):
            return
        applied = partition.applied or 0
        if partition.position < applied:
            place = f"{partition.name}: can't be read at {partition.position}"
            log.warning("%s: %s; that was applied before, going on at %s", place, reason, applied)
            self._consumer.seek(partition.at, applied)
            partition.position, partition.unreadable = applied, None
            return
        self.close(partition)
        half = self._most_lines(partition) // 2
        self._troubles.add(partition.at, f"can't be read at {partition.position}: {reason}", narrow_to=half)

    def _behind(self, partition: Partition) -> bool:
        """Whether the store is to learn of offsets without lines that the partition was opened past."""
        return not partition.unfinished and partition.behind

    def _most_lines(self, partition: Partition) -> int:
        """Lines that are only learnt again are not narrowed: what is narrowed are those after the applied offset."""
        again = (partition.applied or 0) - partition.position
        if again > 0:
            return min(self._batch_lines, again)
        return self._troubles.limit(partition.at, self._batch_lines)

    def _open_missing(self) -> None:
        if self._rebalancing:
            return
        for at in self._consumer.assignment() - self.partitions.keys() - self._opening.keys():
            if not self._troubles.waits(at):
                self._opening[at] = asyncio.ensure_future(self._open(at))

    async def _open(self, at: TopicPartition) -> None:
        try:
            async with self._together:
                partition = await self._open_partition(at)
            if at in self._consumer.assignment():
                self.partitions[at] = partition
        except Exception as error:
            if at in self._consumer.assignment():
                self._troubles.add(at, f"can't be opened: {reason_of(error)}")
        finally:
            if self._opening.get(at) is asyncio.current_task():
                del self._opening[at]

    def forget_all(self, *, rebalancing: bool) -> None:
        """The group is shared out anew, or was: batches that are still queued are dropped, and no place counts.

        Until the new assignment is known nothing is opened: the consumer would forget where it stands.
        """
        self._rebalancing = rebalancing
        self.partitions.clear()
        for task in self._opening.values():
            task.cancel()
        self._opening.clear()

    @property
    def unopened(self) -> set[TopicPartition]:
        """Assigned partitions that are not open."""
        return set(self._consumer.assignment() - self.partitions.keys())


class Assignment(ConsumerRebalanceListener):
    """Tells the fetcher when the group is shared out; what is assigned then is opened by its next round."""

    def __init__(self, forget_all: Callable[[bool], None]) -> None:
        self._forget_all = forget_all
        self.joined = False

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Called before a rebalance."""
        self._forget_all(True)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Called after a rebalance."""
        self._forget_all(False)
        self.joined = True
        log.info("assigned: %s", ", ".join(sorted(map(name_of, assigned))) or "nothing")


def position_now(consumer: AIOKafkaConsumer, at: TopicPartition) -> int | None:
    """Where the consumer stands in an assigned partition; None when it does not know yet.

    ``AIOKafkaConsumer.position`` waits until it knows, which may be never. It answers at once when it knows, so its
    first step is all that is taken. Raises IllegalStateError for a partition that is not assigned.
    """
    question = consumer.position(at)
    try:
        question.send(None)
    except StopIteration as answer:
        return answer.value
    question.close()
    return None
