"""Fetching: what the consumer has of each open partition goes onto the channels as batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError

from connectors.kafka.streaming import position_now
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
        unchanged: Callable[[Partition], Awaitable[bool]],
    ) -> None:
        """``unchanged``: whether the store stands where an open partition does."""
        self._consumer, self._troubles = consumer, troubles
        self._open_partition, self._queue, self._unchanged = open_partition, queue, unchanged
        self._batch_lines = batch_lines
        self.partitions: dict[TopicPartition, Partition] = {}
        self._undecided: dict[TopicPartition, Partition] = {}
        self._opening: dict[TopicPartition, asyncio.Task[None]] = {}
        self._rebalancing = False
        self._together = asyncio.Semaphore(OPENED_TOGETHER)

    def owns(self, partition: Partition) -> bool:
        """Whether the partition is still open as this object: neither taken away nor reopened since."""
        return self.partitions.get(partition.at) is partition

    async def holds(self, partition: Partition) -> bool:
        """``owns``, once that is decided: it is not while the group is shared out anew."""
        while self._undecided.get(partition.at) is partition:
            await asyncio.sleep(IDLE_SECONDS)
        return self.owns(partition)

    def close(self, partition: Partition) -> None:
        """Forgets an open partition, which is then opened anew from the store; one reopened since stays."""
        for known in (self.partitions, self._undecided):
            if known.get(partition.at) is partition:
                del known[partition.at]

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
        if not self.owns(partition):
            return False  # a rebalance has begun
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
                partition = await self._kept(at) or await self._open_partition(at)
            if at in self._consumer.assignment():
                self.partitions[at] = partition
        except Exception as error:
            if at in self._consumer.assignment():
                self._troubles.add(at, f"can't be opened: {reason_of(error)}")
        finally:
            if self._opening.get(at) is asyncio.current_task():
                del self._opening[at]
                self._undecided.pop(at, None)

    async def _kept(self, at: TopicPartition) -> Partition | None:
        """A partition that stayed ours, as it was before the rebalance, unless another worker was at it meanwhile.

        One with batches on their way is taken as it is: the store refuses its next step if it moved on without us.
        """
        partition = self._undecided.get(at)
        if partition is None or not (partition.unfinished or await self._unchanged(partition)):
            return None
        if self._undecided.get(at) is not partition or at not in self._consumer.assignment():
            return None  # a step of it failed, or it is being shared out again
        self._consumer.seek(at, partition.position)
        if partition.paused:
            self._consumer.pause(at)
        log.info("%s: stays, reading on from %s", partition.name, partition.position)
        return partition

    def rebalance(self, *, begins: bool) -> None:
        """The group is shared out anew, or was. What stays ours keeps its memory, and its batches that are queued.

        Until the new assignment is known nothing is opened: the consumer would forget where it stands.
        """
        self._rebalancing = begins
        self._undecided |= self.partitions
        self.partitions.clear()
        for task in self._opening.values():
            task.cancel()
        self._opening.clear()
        if not begins:
            ours = {at for at in self._consumer.assignment() if not self._troubles.waits(at)}
            self._undecided = {at: one for at, one in self._undecided.items() if at in ours}
            self._open_missing()  # not by the next round: that may wait for a batch that waits for this

    @property
    def unopened(self) -> set[TopicPartition]:
        """Assigned partitions that are not open."""
        return set(self._consumer.assignment() - self.partitions.keys())


class Assignment(ConsumerRebalanceListener):
    """Tells the fetcher when the group is shared out; what is assigned then is opened by its next round."""

    def __init__(self, rebalance: Callable[[bool], None]) -> None:
        self._rebalance = rebalance
        self.joined = False

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Called before a rebalance."""
        self._rebalance(True)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Called after a rebalance."""
        self._rebalance(False)
        self.joined = True
        log.info("assigned: %s", ", ".join(sorted(map(name_of, assigned))) or "nothing")
