"""The stream: whole fetch batches of a partition go through the pipeline into one atomic store step.

``StreamService`` owns the Kafka consumer and puts one ``Batch`` per partition on a bounded channel; that bound is
the back-pressure. An agent takes batches from it in order (``worker.make_app``). A batch that may take the encoder
long goes to a second channel and agent, so that other partitions do not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import redis
from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from kafka.errors import KafkaError as AdminError
from mode import Service

from connectors.backoff import backoff
from connectors.kafka import BrokerUnreachable, ensure_topic
from connectors.records import Changes
from connectors.store import Fenced, Store
from stream_processors.batches import Batch, Partition, line_from
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.windows import OPEN_WINDOWS
from stream_processors.metrics import EncoderMetrics
from stream_processors.pipeline import Failed, Pipeline
from stream_processors.settings import Settings

log = logging.getLogger("secencoder.worker")

FETCH_SECONDS = 0.5
"""Longest wait for messages before the consumer looks at its assignment again."""
FETCH_BYTES = 16 << 20
"""Of one partition and fetch; above any sensible ``max.message.bytes``."""
MAX_POLL_SECONDS = 3_600
"""How long a slow batch may hold up the consumer before the group gives its partitions away."""
STOP_SECONDS = 10.0
"""Longest wait for a client to leave its group or flush; nothing is lost without."""
METRICS_SECONDS = 60.0
"""Between two lines of the log about the encoder."""

T = TypeVar("T")


def dead_letter_headers(failed: Failed, topic: TopicPartition, model: str) -> list[tuple[str, bytes]]:
    """The original headers and what went wrong, under Kafka Streams' names."""
    error = failed.error
    details = {
        "exception": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": str(error),
        "stacktrace": "".join(traceback.format_exception(error)),
        "topic": topic.topic,
        "partition": str(topic.partition),
        "offset": str(failed.line.offset),
    }
    added = [(f"__streams.errors.{name}", text.encode("utf-8", "replace")) for name, text in details.items()]
    original = [(name, value if value is not None else b"") for name, value in failed.line.headers]
    return [*original, *added, ("secencoder.model", model.encode())]


class Revocation(ConsumerRebalanceListener):
    """Forgets partitions as soon as they are taken away; assigned ones are opened by the fetch loop."""

    def __init__(self, partitions: dict[TopicPartition, Partition]) -> None:
        self._partitions = partitions

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called before a rebalance; batches of these partitions that are still queued are dropped."""
        for topic in revoked:
            self._partitions.pop(topic, None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called after a rebalance."""
        log.info("assigned: %s", ", ".join(sorted(f"{t.topic}/{t.partition}" for t in assigned)) or "nothing")


class StreamService(Service):
    """Fetches, processes, applies, commits."""

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
        self.partitions: dict[TopicPartition, Partition] = {}
        self.channel: Any = None
        self.long_channel: Any = None
        self.consumer: AIOKafkaConsumer
        self.producer: AIOKafkaProducer

    async def on_start(self) -> None:
        """Connects the consumer and the dead-letter producer."""
        stream, kafka = self.settings.stream, self.settings.kafka.aiokafka_kwargs()
        self.consumer = AIOKafkaConsumer(
            **kafka,
            group_id=stream.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # also after a retention that passed our offset: what is left is read
            max_partition_fetch_bytes=FETCH_BYTES,
            max_poll_interval_ms=MAX_POLL_SECONDS * 1_000,
            session_timeout_ms=int(stream.session_timeout_seconds * 1_000),
            heartbeat_interval_ms=int(stream.session_timeout_seconds * 1_000 / 5),
        )
        self.producer = AIOKafkaProducer(**kafka, acks="all", max_request_size=FETCH_BYTES)
        self.consumer.subscribe(stream.topics, listener=Revocation(self.partitions))
        unreachable = (BrokerUnreachable, AdminError)
        await self.retried(self.ensure_dead_letter_topic, "the dead-letter topic", *unreachable)
        await self.retried(self.consumer.start, "joining the consumer group", KafkaError)
        await self.retried(self.producer.start, "connecting the dead-letter producer", KafkaError)

    async def ensure_dead_letter_topic(self) -> None:
        """Makes the topic unless it exists: without it the first dead letter would hold up everything.

        It takes what the source topics take. Raises TopicError.
        """
        name = self.settings.stream.dead_letter_topic
        await asyncio.to_thread(
            ensure_topic, self.settings.kafka, name, partitions=1, max_message_bytes=FETCH_BYTES
        )

    async def on_stop(self) -> None:
        """Leaves the group, so that others take the partitions at once."""
        self.log_metrics()
        for client in (self.consumer, self.producer):
            try:
                await asyncio.wait_for(client.stop(), STOP_SECONDS)
            except (KafkaError, asyncio.TimeoutError) as error:
                log.warning("while stopping: %s", error or type(error).__name__)

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

    @Service.task
    async def fetch(self) -> None:
        """Opens new partitions and puts fetched batches on the channels."""
        while not self.should_stop:
            try:
                for topic in self.consumer.assignment() - self.partitions.keys():
                    await self.open(topic)
                fetched = await self.consumer.getmany(
                    timeout_ms=int(FETCH_SECONDS * 1_000), max_records=self.settings.stream.batch_lines
                )
            except KafkaError as error:
                log.warning("fetching: %s", error or type(error).__name__)
                await self.sleep(FETCH_SECONDS)
                continue
            for topic, messages in fetched.items():
                if messages and (partition := self.partitions.get(topic)):
                    await self.queue(partition.next_batch(messages))

    async def queue(self, batch: Batch) -> None:
        """Puts a batch on its channel. The partition of a long one is paused until ``take`` is done with it.

        So at most one batch of a partition is on the channel of the long ones, which therefore needs no bound.
        """
        if batch.long(self.settings.encoder.max_tokens):
            self.consumer.pause(batch.partition.topic)
            await self.long_channel.put(batch)
        else:
            await self.channel.put(batch)

    async def take(self, batch: Batch) -> None:
        """Handles a batch when the one before it in its partition is done; then a paused partition goes on.

        Only a long batch ever waits here: after it nothing is fetched before it is done.
        """
        if batch.before is not None:
            await batch.before.wait()
        try:
            await self.handle(batch)
        finally:
            batch.done.set()
            if batch.last and self.partitions.get(batch.partition.topic) is batch.partition:
                self.resume(batch.partition.topic)

    def resume(self, topic: TopicPartition) -> None:
        """Fetches from a partition again if it was paused."""
        if topic in self.consumer.paused():
            self.consumer.resume(topic)

    async def open(self, topic: TopicPartition) -> None:
        """Rebuilds a partition's memory and seeks to where the store needs it to go on.

        The store's applied offset is the truth. Reading starts at the snapshot's offset when there is one, else a
        warm-up's length before: the lines up to the applied offset rebuild memory without touching the store.
        """
        source, number = topic.topic, topic.partition
        applied = (await self.in_thread(self.store.applied, source)).get(number)
        detector, snapshot_at, position = self.new_detector(topic), None, None
        if applied is not None:
            detector, snapshot_at = await self.remembered(topic, applied)
            position = (
                max(0, applied - self.settings.detection.warmup) if snapshot_at is None else snapshot_at
            )
            await self.check_end(topic, applied)
        if topic not in self.consumer.assignment():
            return
        if position is not None:
            self.consumer.seek(topic, position)
        else:
            await self.seek_to_start(topic)
        self.resume(topic)  # it may have been reopened while a long batch was waiting
        partition = self.partitions[topic] = Partition(topic, detector, applied, snapshot_at)
        await self.commit(partition)  # a commit may have been lost after its step
        log.info("%s/%s: applied offset %s, reading from %s", source, number, applied, position)

    def new_detector(self, topic: TopicPartition) -> PartitionDetector:
        """A partition's memory with nothing in it."""
        return PartitionDetector(
            topic.topic, topic.partition, self.dim, self.settings.detection, model=self.model
        )

    async def remembered(self, topic: TopicPartition, applied: int) -> tuple[PartitionDetector, int | None]:
        """A partition's memory as the store has it, and the offset of its snapshot; None without a usable one."""
        source, number = topic.topic, topic.partition
        detector, snapshot_at = self.new_detector(topic), None
        snapshot = await self.in_thread(self.store.state, source, number)
        if snapshot is not None:
            try:
                snapshot_at = detector.restore(snapshot)
                if snapshot_at > applied:  # reading from there would skip lines
                    raise ValueError(
                        f"its snapshot at {snapshot_at} is ahead of the applied offset {applied}"
                    )
            except ValueError as error:
                log.warning("%s/%s: its memory is learned anew: %s", source, number, error)
                detector, snapshot_at = self.new_detector(topic), None
        starts = await self.in_thread(self.store.windows, source, number)
        for start in starts[:OPEN_WINDOWS]:
            detector.restore_windows(await self.in_thread(self.store.window, source, start))
        return detector, snapshot_at

    async def check_end(self, topic: TopicPartition, applied: int) -> None:
        """Says so when the store is ahead of the topic."""
        end = (await self.consumer.end_offsets([topic]))[topic]
        if applied > end:
            log.error(
                "%s/%s: applied offset %s is past the topic's end %s: was the topic made anew? Lines before "
                "that offset count as done; give it another redis.env, or remove its keys",
                *(topic.topic, topic.partition, applied, end),
            )

    async def seek_to_start(self, topic: TopicPartition) -> None:
        """Where a partition begins that the store does not know."""
        if self.settings.stream.start == "earliest":
            await self.consumer.seek_to_beginning(topic)
        elif await self.consumer.committed(topic) is None:
            await self.consumer.seek_to_end(topic)
            # Kept, so that lines that come before the first step are not passed over by a restart.
            await self.consumer.commit({topic: await self.consumer.position(topic)})

    async def handle(self, batch: Batch) -> None:
        """One batch of one partition, in the order that makes it safe.

        1. Parse, embed and detect, off the event loop.
        2. Lines that failed go to the dead-letter topic; wait for the broker's acknowledgement.
        3. Everything the batch changes and its applied offset go into the store in one atomic step.
        4. Only then is the offset committed to Kafka, which is therefore never ahead of the store.
        """
        partition = batch.partition
        if self.partitions.get(partition.topic) is not partition:
            return  # taken away or reopened since it was fetched
        try:
            # 1.
            changes, failed = await asyncio.to_thread(self.process, batch)
            # 2.
            for failure in failed:
                await self.send_dead_letter(failure, partition.topic)
            # 3.
            if changes is not None:
                await self.apply(changes)
                partition.applied = changes.end
                if changes.snapshot is not None:
                    partition.snapshot_at = changes.end
        except Fenced as fenced:
            log.warning("%s; reopening the partition", fenced)
            self.partitions.pop(partition.topic, None)
            return
        except Exception:
            log.exception(
                "%s/%s: batch ending at %s failed; trying again from the store",
                partition.topic.topic,
                partition.topic.partition,
                batch.end,
            )
            self.partitions.pop(partition.topic, None)
            await self.sleep(FETCH_SECONDS)
            return
        # 4.
        await self.commit(partition)

    def process(self, batch: Batch) -> tuple[Changes | None, list[Failed]]:
        """Step 1. Lines below the applied offset only rebuild memory; no changes when there are no others."""
        partition = batch.partition
        lines = [line_from(message) for message in batch.messages]
        applied = partition.applied
        known = sum(line.offset < applied for line in lines) if applied is not None else 0
        self.pipeline.relearn(lines[:known], partition.detector)
        if known == len(lines):
            return None, []
        changes = Changes(partition.topic.topic, partition.topic.partition, expected=applied, end=batch.end)
        failed = self.pipeline.process(lines[known:], partition.detector, changes)
        since = (
            partition.snapshot_at
            if partition.snapshot_at is not None
            else -self.settings.stream.snapshot_lines
        )
        if batch.end - since >= self.settings.stream.snapshot_lines:
            changes.snapshot = partition.detector.snapshot(batch.end)
        return changes, failed

    async def apply(self, changes: Changes) -> None:
        """Step 3, tried until the store answers.

        A connection that broke after the step was done shows as a fence at our own end offset: done as well.
        """
        tried_before = False

        def step() -> None:
            nonlocal tried_before
            try:
                self.store.apply(changes)
            except Fenced as fenced:
                if not (tried_before and fenced.found == changes.end):
                    raise
            finally:
                tried_before = True

        await self.in_thread(step)

    async def commit(self, partition: Partition) -> None:
        """Step 4. A failure is no loss: the store says where to go on."""
        if partition.applied is None:
            return
        try:
            await self.consumer.commit({partition.topic: partition.applied})
        except (KafkaError, ValueError) as error:
            log.warning("%s/%s: commit of %s failed: %s", *partition.topic, partition.applied, error)

    async def send_dead_letter(self, failed: Failed, topic: TopicPartition) -> None:
        """Step 2 for one line, tried until the broker acknowledges it.

        A line over the topic's limit goes without its value; the source topic still has it at the offset named.
        """
        line = failed.line
        headers = dead_letter_headers(failed, topic, self.model)

        async def send() -> None:
            dead_letters = self.settings.stream.dead_letter_topic
            value = b"" if line.key is line.value is None else line.value  # aiokafka wants one of them
            try:
                await self.producer.send_and_wait(dead_letters, key=line.key, value=value, headers=headers)
            except MessageSizeTooLargeError:
                size = len(value or b"")
                log.warning("%s/%s@%s: dead letter without its value of %s bytes", *topic, line.offset, size)
                cut = [*headers, ("secencoder.value.bytes", str(size).encode())]
                await self.producer.send_and_wait(dead_letters, key=line.key, value=b"", headers=cut)

        await self.retried(send, f"dead letter of {topic.topic}/{topic.partition}@{line.offset}", KafkaError)

    async def in_thread(self, call: Callable[..., T], *args: Any) -> T:
        """A store call off the event loop, tried until the store answers."""
        return await self.retried(
            lambda: asyncio.to_thread(call, *args),
            "the store",
            redis.ConnectionError,
            redis.TimeoutError,
            redis.BusyLoadingError,
            redis.ReadOnlyError,
        )

    async def retried(self, call: Callable[[], Awaitable[T]], what: str, *errors: type[Exception]) -> T:
        """Awaits ``call()`` until it succeeds, with exponential back-off; only a stop of the service ends it."""
        for wait in backoff():
            try:
                return await call()
            except errors as error:
                if self.should_stop:
                    raise
                log.warning("%s: %s; next try in %.1f s", what, error or type(error).__name__, wait)
                await self.sleep(wait)
        raise AssertionError("backoff() has no end")
