"""The stream: whole fetch batches of a partition go through the pipeline into one atomic store step.

``StreamService`` is the process' one service: it connects the clients, lets the fetcher put one ``Batch`` per partition
on a bounded channel, whose bound is the back-pressure, and handles what agents take from it in order
(``worker.make_app``). A batch that may take the encoder long goes to a second channel and agent, so that other
partitions do not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from connectors.kafka.streaming import make_consumer, missing_codecs
from connectors.records import Changes
from connectors.redis import StoreRefused
from connectors.store import Fenced, Store
from stream_processors.delivery.applying import Applier
from stream_processors.delivery.batches import Batch, Partition, line_from, name_of
from stream_processors.delivery.dead_letters import DeadLetters
from stream_processors.delivery.fetching import Assignment, Fetcher
from stream_processors.delivery.opening import Opener, start_text
from stream_processors.delivery.retrying import Retrying
from stream_processors.delivery.suspects import Suspects
from stream_processors.delivery.troubles import Troubles
from stream_processors.delivery.watching import WATCH_SECONDS, Watcher
from stream_processors.detector import PartitionDetector
from stream_processors.operations.health import Health
from stream_processors.operations.metrics import EncoderMetrics
from stream_processors.operations.watchdog import Watchdog
from stream_processors.pipeline import Failed, OurFault, Pipeline
from stream_processors.settings import Settings

log = logging.getLogger("secencoder.worker")

STOP_SECONDS = 10.0
"""Longest wait for a client to leave its group or flush; nothing is lost without."""
METRICS_SECONDS = 60.0
"""Between two lines of the log about the encoder."""


class StreamService(Service):
    """Fetches, processes, applies, commits."""

    consumer: AIOKafkaConsumer
    fetcher: Fetcher
    opener: Opener
    watcher: Watcher

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        store: Store,
        *,
        dim: int,
        model: str,
        metrics: EncoderMetrics | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.pipeline, self.store = pipeline, store
        self.dim, self.model, self.metrics = dim, model, metrics
        self.channel: Any = None
        self.long_channel: Any = None
        self.retrying = Retrying(self)
        self.applier = Applier(store, self.retrying)
        self.dead_letters = DeadLetters(
            settings.kafka, settings.stream.dead_letter_topic, model=model, retrying=self.retrying
        )
        self.suspects = Suspects(pipeline, self.new_detector)
        self.assignment = Assignment(self.forget)
        self.watchdog = Watchdog(
            stall_seconds=settings.health.stall_seconds, exit_seconds=settings.health.exit_seconds
        )
        self.health = Health(
            settings.health,
            self.reasons,
            {"model": self.has_loaded, "store": self.store_answers, "group": self.has_joined},
        )
        self.troubles = Troubles(blame=self.watchdog.blame)
        self.given_up: str | None = None

    async def on_start(self) -> None:
        """Connects the dead-letter producer and joins the consumer group."""
        stream = self.settings.stream
        await self.health.start()
        if missing := missing_codecs():
            log.error("topics compressed with %s can't be read: pip install cramjam", ", ".join(missing))
        self.consumer = make_consumer(
            self.settings.kafka, stream.group, session_seconds=stream.session_timeout_seconds
        )
        self.opener = Opener(self.settings, self.store, self.consumer, self.new_detector)
        self.fetcher = Fetcher(
            self.consumer, self.troubles, self.open, self.queue, batch_lines=stream.batch_lines
        )
        self.watcher = Watcher(self.store, self.fetcher, self.settings.kafka, self.consumer, stream.group)
        self.consumer.subscribe(stream.topics, listener=self.assignment)
        await self.dead_letters.start()
        await self.retrying.call(self.consumer.start, "joining the consumer group", KafkaError)

    async def on_stop(self) -> None:
        """Leaves the group, so that others take the partitions at once."""
        self.log_metrics()
        for client in (self.consumer, self.dead_letters, self.health):
            try:
                await asyncio.wait_for(client.stop(), STOP_SECONDS)
            except (KafkaError, asyncio.TimeoutError) as error:
                log.warning("while stopping: %s", error or type(error).__name__)

    @Service.task
    async def fetch(self) -> None:
        """Puts fetched batches on the channels."""
        while not self.should_stop:
            await self.fetcher.round()

    @Service.task
    async def watch(self) -> None:
        """Looks after partitions on which nothing happens, and ends the process when nothing helps."""
        while not self.should_stop:
            await self.sleep(WATCH_SECONDS)
            self.observe()
            await self.watcher.look()

    def observe(self) -> None:
        """Tells the watchdog how far each partition is; one that was behind for too long ends the process."""
        for name, (applied, lag) in self.watcher.lags().items():
            self.watchdog.observe(name, applied, lag)
        for stuck in self.watchdog.expired():
            if self.given_up is None:
                self.given_up = str(stuck)
                log.critical("%s; ending", self.given_up)
                signal.raise_signal(signal.SIGTERM)

    def reasons(self) -> list[str]:
        """Why the worker is not well."""
        return [str(stuck) for stuck in self.watchdog.stuck()]

    async def has_joined(self) -> bool:
        """Whether the consumer is in its group."""
        return self.assignment.joined

    async def store_answers(self) -> bool:
        """Whether the store answers at all."""
        await asyncio.to_thread(self.store.sources)
        return True

    async def has_loaded(self) -> bool:
        """Whether the model is there: it was loaded before the service was made."""
        return True

    @Service.task
    async def report(self) -> None:
        """Says once a minute what the encoder did."""
        while not self.should_stop:
            await self.sleep(METRICS_SECONDS)
            if not self.should_stop:
                self.log_metrics()

    def log_metrics(self) -> None:
        """One line about the encoder since the last one, when lines were processed."""
        if self.metrics is not None and (line := self.metrics.report()) is not None:
            log.info("%s", line)

    def new_detector(self, at: TopicPartition) -> PartitionDetector:
        """A partition's memory with nothing in it."""
        return PartitionDetector(at.topic, at.partition, self.dim, self.settings.detection, model=self.model)

    async def open(self, at: TopicPartition) -> Partition:
        """A partition opened from the store; its applied offset is committed, for a commit may have been lost."""
        partition = await self.opener.open(
            at, tries=self.troubles.tries(at), forget=self.suspects.memory_fails(at)
        )
        await self.commit(partition)
        return partition

    def forget(self, at: TopicPartition) -> None:
        """A partition was taken away."""
        self.fetcher.forget(at)
        self.watchdog.forget(name_of(at))

    async def queue(self, batch: Batch) -> None:
        """Puts a batch on its channel. The partition of a long one is paused until ``take`` is done with it.

        So at most one batch of a partition is on the channel of the long ones, which therefore needs no bound.
        """
        if batch.long(self.settings.encoder.max_tokens):
            self.consumer.pause(batch.partition.at)
            await self.long_channel.put(batch)
        else:
            await self.channel.put(batch)

    async def take(self, batch: Batch) -> None:
        """Handles a batch when the one before it in its partition is done; then a paused partition goes on.

        Only a long batch ever waits here: after it nothing is fetched before it is done.
        """
        partition = batch.partition
        if batch.before is not None:
            await batch.before.wait()
        try:
            if self.fetcher.owns(partition):  # else taken away, or reopened since it was fetched
                await self.handle(batch)
        finally:
            batch.done.set()
            partition.unfinished -= 1
            if batch.last and self.fetcher.owns(partition) and partition.at in self.consumer.paused():
                self.consumer.resume(partition.at)

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
            changes, failed = await asyncio.to_thread(self.process, batch)
            # 2.
            for failure in failed:
                await self.dead_letters.send(failure, partition.at)
            # 3.
            if changes is not None:
                await self.applier.apply(changes)
                self.applied(partition, changes)
        except Fenced as fenced:
            log.warning("%s; reopening the partition", fenced)
            self.fetcher.close(partition)
        except Exception as error:
            await self.failed(batch, error)
        else:
            # 4.
            await self.commit(partition)

    def process(self, batch: Batch) -> tuple[Changes | None, list[Failed]]:
        """Step 1. Lines below the applied offset only rebuild memory; no changes when nothing comes after it."""
        partition, now = batch.partition, time.time()
        applied = partition.applied
        lines = [line_from(message, now) for message in batch.messages]
        known = sum(line.offset < applied for line in lines) if applied is not None else 0
        self.pipeline.relearn(lines[:known], partition.detector, waiting_from=partition.waiting_from)
        if applied is not None and batch.end <= applied and not partition.expired:
            return None, []
        changes = Changes(
            partition.at.topic,
            partition.at.partition,
            expected=applied,
            end=max(batch.end, applied or 0),
            expired=partition.expired,
            topic_id=partition.topic_id,
            model=self.model,
        )
        innocent, guilty = self.suspects.part(partition.at, lines[known:])
        failed = self.pipeline.process(innocent, partition.detector, changes)
        changes.dead_letters += len(guilty)
        if lines[known:] and self.snapshot_due(partition, batch.end):
            changes.snapshot = partition.detector.snapshot(batch.end)
        return changes, failed + guilty

    def snapshot_due(self, partition: Partition, end: int) -> bool:
        """Whether a snapshot at ``end`` is far enough from the last one."""
        since = partition.snapshot_at
        return since is None or end - since >= self.settings.stream.snapshot_lines

    def applied(self, partition: Partition, changes: Changes) -> None:
        """Notes a step that the store has taken."""
        partition.applied, partition.expired = changes.end, 0
        if changes.snapshot is not None:
            partition.snapshot_at = changes.end
        if self.troubles.succeeded(partition.at, changes.lines, changes.dead_letters):
            log.info("%s: goes on at %s", partition.name, changes.end)

    async def failed(self, batch: Batch, error: Exception) -> None:
        """A batch failed: the partition is opened anew from the store, and tried with fewer lines if that may help.

        It does not when the store refused the step, or when a known good line fails too.
        """
        partition = batch.partition
        self.fetcher.close(partition)
        reason = f"batch up to {batch.end} failed: {error or type(error).__name__}"
        if isinstance(error, StoreRefused | OurFault):
            self.opener.distrust(partition.at.topic)
            self.troubles.add(partition.at, reason)
            return
        log.error("%s: %s", partition.name, reason, exc_info=error)
        fresh = [m for m in batch.messages if m.offset >= (partition.applied or 0)]
        if len(fresh) == 1:
            suspect = line_from(fresh[0], time.time())
            await asyncio.to_thread(self.suspects.accuse, partition.at, suspect, error)
        self.troubles.add(partition.at, reason, narrow_to=max(1, len(fresh) // 2) if fresh else None)

    async def commit(self, partition: Partition) -> None:
        """Step 4. A failure is no loss: the store says where to go on."""
        if partition.applied is None:
            return
        try:
            await self.consumer.commit({partition.at: (partition.applied, start_text(partition.start))})
        except (KafkaError, ValueError) as error:
            log.warning("%s: commit of %s failed: %s", partition.name, partition.applied, error)
