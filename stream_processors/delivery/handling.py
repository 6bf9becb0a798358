"""One batch of one partition, from messages to a committed offset: the delivery contract's four steps."""

from __future__ import annotations

import asyncio
import logging
import time

import redis
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from connectors.findings import Changes
from connectors.store import Fenced, StoreRefused
from connectors.waiting import reason_of
from stream_processors.delivery.applying import Applier
from stream_processors.delivery.batches import Batch, Partition, line_from
from stream_processors.delivery.dead_letters import DeadLetters
from stream_processors.delivery.fetching import Fetcher
from stream_processors.delivery.opening import Opener, start_text
from stream_processors.delivery.suspects import Suspects
from stream_processors.delivery.troubles import Troubles
from stream_processors.detection.pipeline import Failed, OurFault, Pipeline, TooManyFailed

log = logging.getLogger("secencoder.worker")

NOT_THE_LINES = (StoreRefused, redis.RedisError, KafkaError, OurFault)
"""What fewer lines would not help against: a server's refusal, or a fault of ours."""


class Handler:
    """Handles batches. What one of them fails with is noted, and its partition opened anew from the store."""

    def __init__(
        self,
        pipeline: Pipeline,
        applier: Applier,
        dead_letters: DeadLetters,
        suspects: Suspects,
        troubles: Troubles,
        *,
        model: str,
        snapshot_lines: int,
    ) -> None:
        self._pipeline, self._applier, self._dead_letters = pipeline, applier, dead_letters
        self._suspects, self._troubles = suspects, troubles
        self._model, self._snapshot_lines = model, snapshot_lines

    def connect(self, consumer: AIOKafkaConsumer, fetcher: Fetcher, opener: Opener) -> None:
        """Takes what exists only once the process' event loop runs."""
        self._consumer, self._fetcher, self._opener = consumer, fetcher, opener

    async def handle(self, batch: Batch) -> None:
        """One batch of one partition, in the order that makes it safe.

        1. Parse, embed and detect, off the event loop.
        2. Lines that failed go to the dead-letter topic; wait for the broker's acknowledgement.
        3. Everything the batch changes and its applied offset go into the store in one atomic step.
        4. Only then is the offset committed to Kafka, which is therefore never ahead of the store.
        """
        partition = batch.partition
        try:
            # 1.
            changes, failed = await asyncio.to_thread(self._process, batch)
            # 2.
            for failure in failed:
                await self._dead_letters.send(failure, partition.at)
            # 3.
            if changes is not None:
                await self._applier.apply(changes)
                self._applied(partition, changes)
        except Fenced as fenced:
            log.warning("%s; reopening the partition", fenced)
            self._fetcher.close(partition)
        except Exception as error:
            await self._failed(batch, error)
        else:
            # 4.
            if self._fetcher.owns(partition):  # else its new owner, or what it was reopened as, commits
                await self.commit(partition)

    def _process(self, batch: Batch) -> tuple[Changes | None, list[Failed]]:
        """Step 1. Lines below the applied offset only rebuild memory; no changes when nothing comes after it."""
        partition, now = batch.partition, time.time()
        applied = partition.applied
        lines = [line_from(message, now) for message in batch.messages]
        known = sum(line.offset < applied for line in lines) if applied is not None else 0
        self._pipeline.relearn(lines[:known], partition.detector, waiting_from=partition.waiting_from)
        if applied is not None and batch.end <= applied and not partition.expired:
            return None, []
        changes = Changes(
            partition.at.topic,
            partition.at.partition,
            expected=applied,
            end=max(batch.end, applied or 0),
            expired=partition.expired,
            topic_id=partition.topic_id,
            model=self._model,
        )
        innocent, guilty = self._suspects.part(partition.at, lines[known:])
        failed = self._pipeline.process(innocent, partition.detector, changes)
        changes.dead_letters += len(guilty)
        if lines[known:] and self._snapshot_due(partition, batch.end):
            changes.snapshot = partition.detector.snapshot(batch.end)
        return changes, failed + guilty

    def _snapshot_due(self, partition: Partition, end: int) -> bool:
        """Whether a snapshot at ``end`` is far enough from the last one."""
        since = partition.snapshot_at
        return since is None or end - since >= self._snapshot_lines

    def _applied(self, partition: Partition, changes: Changes) -> None:
        """Notes a step that the store has taken."""
        partition.applied, partition.expired = changes.end, 0
        if changes.snapshot is not None:
            partition.snapshot_at = changes.end
        if self._troubles.succeeded(partition.at, changes.lines, changes.dead_letters):
            log.info("%s: goes on at %s", partition.name, changes.end)

    async def _failed(self, batch: Batch, error: Exception) -> None:
        """A batch failed: the partition is opened anew from the store, and tried with fewer lines if that may help.

        It does not when the store refused the step, or when a known good line fails too.
        """
        partition = batch.partition
        self._fetcher.close(partition)
        reason = f"batch up to {batch.end} failed: {error or type(error).__name__}"
        if isinstance(error, NOT_THE_LINES):
            self._opener.distrust(partition.at.topic)
            self._troubles.add(partition.at, reason)
            return
        if not isinstance(error, TooManyFailed):
            log.error("%s: %s", partition.name, reason, exc_info=error)
        fresh = [m for m in batch.messages if m.offset >= (partition.applied or 0)]
        if len(fresh) == 1:
            suspect = line_from(fresh[0], time.time())
            await asyncio.to_thread(self._suspects.accuse, partition.at, suspect, error)
        self._troubles.add(partition.at, reason, narrow_to=max(1, len(fresh) // 2) if fresh else None)

    async def commit(self, partition: Partition) -> None:
        """Step 4. A failure is no loss: the store says where to go on."""
        applied = partition.applied
        if applied is None:
            return
        try:
            await self._consumer.commit({partition.at: (applied, start_text(partition.start))})
            partition.committed = applied
        except (KafkaError, ValueError) as error:
            log.warning("%s: commit of %s failed: %s", partition.name, applied, reason_of(error))
