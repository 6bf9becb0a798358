"""One batch of one partition, from messages to a committed offset: the delivery contract's four steps."""

from __future__ import annotations

import asyncio
import logging
import time

import redis
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from connectors.envelopes.envelope import RegistryUnreachable
from connectors.findings import Changes
from connectors.store import Fenced, StoreRefused
from connectors.waiting import reason_of
from stream_processors.alerts.folding import fold
from stream_processors.delivery.applying import Applier
from stream_processors.delivery.batches import Batch, Partition, messages_from
from stream_processors.delivery.dead_letters import FailedLines
from stream_processors.delivery.fetching import Fetcher
from stream_processors.delivery.opening import Opener, start_text
from stream_processors.delivery.suspects import Suspects
from stream_processors.delivery.troubles import Troubles
from stream_processors.detection.pipeline import OurFault, Pipeline, TooManyFailed
from stream_processors.detection.reading import Failed, Step
from stream_processors.operations.metrics import Metrics
from stream_processors.operations.stages import StageClock

log = logging.getLogger("secencoder.worker")

NOT_THE_LINES = (StoreRefused, redis.RedisError, KafkaError, RegistryUnreachable, OurFault)
"""What fewer lines would not help against: a server's refusal or absence, or a fault of ours."""


class Handler:
    """Handles batches. What one of them fails with is noted, and its partition opened anew from the store."""

    def __init__(
        self,
        pipeline: Pipeline,
        applier: Applier,
        dead_letters: FailedLines,
        suspects: Suspects,
        troubles: Troubles,
        metrics: Metrics,
        stages: StageClock,
        *,
        model: str,
        batch_lines: int,
        snapshot_lines: int,
    ) -> None:
        self._pipeline, self._applier, self._dead_letters = pipeline, applier, dead_letters
        self._suspects, self._troubles = suspects, troubles
        self._metrics, self._stages = metrics, stages
        self._model, self._batch_lines, self._snapshot_lines = model, batch_lines, snapshot_lines
        self.lines = 0
        """Lines that took effect."""

    def connect(self, consumer: AIOKafkaConsumer, fetcher: Fetcher, opener: Opener) -> None:
        """Takes what exists only once the process' event loop runs."""
        self._consumer, self._fetcher, self._opener = consumer, fetcher, opener

    async def handle(self, batch: Batch) -> None:
        """One batch of one partition, in steps of whole messages, in the order that makes it safe.

        1. Read, embed and detect, off the event loop.
        2. Lines that failed go to the dead-letter topic; wait for the broker's acknowledgement.
        3. Everything the step changes and its applied offset go into the store in one atomic step.
        4. Only then is the offset committed to Kafka, which is therefore never ahead of the store: after the last batch
           at hand, and once a second before.

        Lines that are held back, since they may be continued, are no part of a step yet: they come with a later batch.
        """
        with self._stages.batch(batch.partition.at, batch.messages, batch.end, batch.fetched):
            await self._handle(batch)

    async def _handle(self, batch: Batch) -> None:
        partition, now = batch.partition, time.time()
        step: Step | None = None

        def work() -> tuple[Changes | None, list[Failed]] | None:
            nonlocal step
            step = None
            step = self._step(partition)
            return None if step is None else self._process(partition, step)

        messages = messages_from(batch.messages, now)
        partition.reader.add(messages, batch.end)
        partition.unsaved += sum(len(value or b"") for value in messages.values)
        try:
            while (done := await asyncio.to_thread(work)) is not None:
                await self._take_effect(partition, *done)
                if not await self._fetcher.holds(partition):
                    return  # its new owner, or what it was reopened as, goes on from the store, and commits
                if partition.reader.done >= batch.end:
                    break
        except Fenced as fenced:
            log.warning("%s; reopening the partition", fenced)
            self._metrics.fenced(partition.at.topic)
            self._fetcher.close(partition)
        except Exception as error:
            await self._failed(partition, step, error)
        else:
            partition.handled_at = time.monotonic()
            if batch.messages:
                partition.newest = min(now, max(0, batch.messages[-1].timestamp or 0) / 1_000)
            if batch.last or partition.commit_due:
                await self.commit(partition)

    async def _take_effect(self, partition: Partition, changes: Changes | None, failed: list[Failed]) -> None:
        """Steps 2 and 3."""
        for failure in failed:
            await self._dead_letters.send(failure, partition.at)
        if changes is not None:
            with self._stages("apply") as note:
                note(lines=changes.all_lines, begin=changes.expected, end=changes.end)
                applied = await self._applier.apply(changes)
            self._applied(partition, changes)
            if applied is not None:
                await asyncio.to_thread(partition.detector.decided, applied)

    def _step(self, partition: Partition) -> Step | None:
        """The next lines, or what the store is to learn without any: offsets, lost lines, the end of a warm-up."""
        most = self._troubles.limit(partition.at, self._batch_lines)
        with self._stages("read") as note:
            step = partition.reader.step(most, before=partition.applied)
            if step is not None:
                note(lines=len(step.lines), end=step.end)
        if step is None and (partition.expired or partition.due(time.time())):
            return Step(partition.reader.done)
        return step

    def _process(self, partition: Partition, step: Step) -> tuple[Changes | None, list[Failed]]:
        """Step 1. Lines below the applied offset only rebuild memory; no changes when nothing comes after it."""
        applied, now = partition.applied, time.time()
        due = not step.lines and partition.due(now)
        if applied is not None and step.end <= applied and not (partition.expired or due):
            self._pipeline.relearn(step.lines, partition.detector)
            return None, []
        changes = self._changes(partition, step.end, now)
        innocent, guilty = self._suspects.part(partition.at, step.lines)
        failed = self._pipeline.process(innocent, partition.detector, changes, step.failed + guilty)
        if due:
            partition.detector.tick(now, changes)
        fold(changes)
        read, partition.unsaved = partition.unsaved, 0
        if step.lines and partition.detector.snapshot_due(self._snapshot_lines, read):
            partition.detector.snapshot(step.end, changes, reader=partition.reader.state())
        return changes, step.whole(failed)

    def _changes(self, partition: Partition, end: int, now: float = 0.0) -> Changes:
        """Those of a step, with nothing in them yet."""
        return Changes(
            partition.at.topic,
            partition.at.partition,
            expected=partition.applied,
            end=end,
            expired=partition.expired,
            topic_id=partition.topic_id,
            model=self._model,
            now=now,
        )

    async def finish(self, partition: Partition) -> None:
        """Scores lines that still wait for the end of a warm-up: a partition that has no batch on its way ends."""
        if partition.applied is None or partition.applied != partition.reader.done:
            return
        changes = self._changes(partition, partition.applied)
        await asyncio.to_thread(partition.detector.finish, changes)
        fold(changes)
        await self._take_effect(partition, changes, [])

    async def save(self, partition: Partition) -> None:
        """A snapshot of a partition that nobody works on, so that who opens it next has nothing to learn again."""
        if partition.applied is None or partition.applied != partition.reader.done:
            return  # more was read than took effect
        changes = self._changes(partition, partition.applied)
        reader = partition.reader.state()
        await asyncio.to_thread(partition.detector.snapshot, changes.end, changes, reader=reader)
        await self._take_effect(partition, changes, [])

    def _applied(self, partition: Partition, changes: Changes) -> None:
        """Notes a step that the store has taken."""
        partition.applied, partition.expired = changes.end, 0
        self._metrics.applied(changes)
        self.lines += changes.all_lines
        if self._troubles.succeeded(partition.at, changes.all_lines, changes.dead_letters):
            log.info("%s: goes on at %s", partition.name, changes.end)

    async def _failed(self, partition: Partition, step: Step | None, error: Exception) -> None:
        """A step failed: the partition is opened anew from the store, and tried with fewer lines if that may help.

        It does not when the store refused the step, or when a known good line fails too.
        """
        self._fetcher.close(partition)
        place = "reading on" if step is None else f"batch up to {step.end}"
        reason = f"{place} failed: {error or type(error).__name__}"
        if step is None or isinstance(error, NOT_THE_LINES):
            self._opener.distrust(partition.at.topic)
            self._troubles.add(partition.at, reason)
            return
        if not isinstance(error, TooManyFailed):
            log.error("%s: %s", partition.name, reason, exc_info=error)
        fresh = len(step.offsets)
        if fresh == 1 and step.lines:
            await asyncio.to_thread(self._suspects.accuse, partition.at, step.lines, error)
        self._troubles.add(partition.at, reason, narrow_to=max(1, fresh // 2) if fresh else None)

    async def commit(self, partition: Partition) -> None:
        """Step 4, unless Kafka has the applied offset. A failure is no loss: the store says where to go on."""
        applied, partition.committed_at = partition.applied, time.monotonic()
        if applied is None or applied == partition.committed:
            return
        try:
            with self._stages("commit") as note:
                note(end=applied)
                await self._consumer.commit({partition.at: (applied, start_text(partition.start))})
            partition.committed = applied
        except (KafkaError, ValueError) as error:
            log.warning("%s: commit of %s failed: %s", partition.name, applied, reason_of(error))
