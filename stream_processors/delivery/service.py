"""The stream: whole fetch batches of a partition go through the pipeline into one atomic store step.

``StreamService`` is the process' one service: it connects the clients, lets the fetcher put one ``Batch`` per partition
on a bounded channel, whose bound is the back-pressure, and handles what agents take from it (``worker.make_app``): two
partitions at once, the batches of each in order. A batch that may take the encoder long goes to a second channel and
agent, so that other partitions do not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from connectors.kafka.schemas import SchemaRegistry
from connectors.kafka.streaming import make_consumer, missing_codecs
from connectors.sinks.alerts import make_sinks
from connectors.sinks.dead_letters import DeadLetterTopic
from connectors.store import Store
from connectors.waiting import reason_of
from stream_processors.alerts.dispatcher import Dispatcher
from stream_processors.delivery.applying import Applier
from stream_processors.delivery.batches import Batch, Partition
from stream_processors.delivery.dead_letters import DeadLetters, FailedLines
from stream_processors.delivery.fetching import Assignment, Fetcher
from stream_processors.delivery.handling import Handler
from stream_processors.delivery.opening import Opener
from stream_processors.delivery.retrying import Retrying
from stream_processors.delivery.suspects import Suspects
from stream_processors.delivery.troubles import Troubles
from stream_processors.delivery.watching import WATCH_SECONDS, Watcher
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.sources import Sources
from stream_processors.operations.health import Health
from stream_processors.operations.metrics import Metrics
from stream_processors.operations.report import EncoderReport
from stream_processors.operations.stages import StageClock
from stream_processors.operations.states import PartitionState
from stream_processors.operations.tracing import Tracing
from stream_processors.operations.watchdog import Watchdog
from stream_processors.settings import Settings

log = logging.getLogger("secencoder.worker")

STOP_SECONDS = 10.0
"""Longest wait for a client to leave its group or flush; nothing is lost without."""
DISPATCH_SECONDS = 1.0
"""Between two looks into the outboxes."""
REPORT_SECONDS = 60.0
"""Between two lines of the log about the encoder."""
AT_ONCE = 2
"""Batches that are handled at once: with more, threads mostly wait for one another."""


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
        metrics: Metrics | None = None,
        report: EncoderReport | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        super().__init__()
        self.settings, self.store, self.encoder_report = settings, store, report
        self.metrics, self.tracing = metrics or Metrics(), tracing
        self.metrics.partitions = self.partition_states
        stages = StageClock(self.metrics.stage, tracing)
        pipeline.stages = stages
        self._dim, self._model = dim, model
        self.schemas = SchemaRegistry(settings.kafka) if settings.kafka.schema_registry_url else None
        self.channel: Any = None
        self.long_channel: Any = None
        self.room = asyncio.Semaphore(AT_ONCE)
        self.retrying = Retrying(self)
        self.dead_letters = self.make_dead_letters()
        self.suspects = Suspects(pipeline, self.new_detector)
        self.assignment = Assignment(self.rebalance)
        self.watchdog = Watchdog(
            stall_seconds=settings.health.stall_seconds, exit_seconds=settings.health.exit_seconds
        )
        self.health = Health(
            settings.health,
            self.reasons,
            {"store": self.store_answers, "group": self.has_joined},
            self.metrics.scrape,
        )
        self.troubles = Troubles(blame=self.blame)
        self.handler = Handler(
            pipeline,
            Applier(store, self.retrying),
            self.dead_letters,
            self.suspects,
            self.troubles,
            self.metrics,
            stages,
            model=model,
            batch_lines=settings.stream.batch_lines,
            snapshot_lines=settings.stream.snapshot_lines,
        )
        sinks = make_sinks(settings.alerts, settings.kafka)
        self.metrics.sinks = self.dispatchers = [Dispatcher(store, sink, self.own_topics) for sink in sinks]
        self.given_up: str | None = None
        """Why the process ends by itself; None while it does not."""

    def make_dead_letters(self) -> FailedLines:
        """Where lines that can't be processed go."""
        topic = DeadLetterTopic(self.settings.kafka, self.settings.stream.dead_letter_topic)
        return DeadLetters(topic, model=self._model, retrying=self.retrying)

    def make_consumer(self) -> AIOKafkaConsumer:
        """What is read from, not yet started."""
        stream = self.settings.stream
        return make_consumer(
            self.settings.kafka, stream.group, session_seconds=stream.session_timeout_seconds
        )

    def make_opener(self) -> Opener:
        """What opens partitions."""
        return Opener(self.settings, self.store, self.consumer, self.new_detector, self.schemas)

    async def on_start(self) -> None:
        """Connects the dead-letter producer and joins the consumer group."""
        stream = self.settings.stream
        await self.health.start()
        if missing := missing_codecs():
            log.error("topics compressed with %s can't be read: pip install cramjam", ", ".join(missing))
        self.consumer = self.make_consumer()
        self.opener = self.make_opener()
        self.fetcher = Fetcher(
            self.consumer,
            self.troubles,
            self.open,
            self.queue,
            batch_lines=stream.batch_lines,
            unchanged=self.opener.unchanged,
        )
        self.watcher = Watcher(self.store, self.fetcher, self.settings.kafka, self.consumer, stream.group)
        self.handler.connect(self.consumer, self.fetcher, self.opener)
        pattern = self.settings.topic_regex()
        self.consumer.subscribe(stream.topics, pattern=pattern, listener=self.assignment)
        await self.dead_letters.start()
        await self.retrying.call(self.consumer.start, "joining the consumer group", KafkaError)

    async def on_stop(self) -> None:
        """Leaves the group, so that others take the partitions at once."""
        self.log_report()
        for stop in (
            self.save_all,
            self.commit_all,
            self.consumer.stop,
            self.dead_letters.stop,
            *(dispatcher.stop for dispatcher in self.dispatchers),
            self.opener.release,
            self.health.stop,
            *([self.tracing.stop] if self.tracing is not None else []),
        ):
            try:
                await asyncio.wait_for(stop(), STOP_SECONDS)
            except Exception as error:
                log.warning("while stopping: %s", reason_of(error))

    @Service.task
    async def fetch(self) -> None:
        """Puts fetched batches on the channels."""
        while not self.should_stop:
            await self.round()

    async def round(self) -> None:
        """One look at what the consumer has of each partition."""
        await self.fetcher.round()

    @Service.task
    async def watch(self) -> None:
        """Looks after partitions on which nothing happens, and ends the process when nothing helps."""
        while not self.should_stop:
            await self.sleep(WATCH_SECONDS)
            self.observe()
            try:
                await self.watcher.look()
                await self.watcher.tell(self.troubles)
                for partition in list(self.fetcher.partitions.values()):
                    if partition.uncommitted:
                        await self.handler.commit(partition)
            except Exception as error:  # whatever it is, lines go on
                log.warning("looking after the partitions: %s", reason_of(error))

    def observe(self) -> None:
        """Tells the watchdog how far each partition is; one that was behind for too long ends the process."""
        lags = self.watcher.lags()
        for name, (applied, lag) in lags.items():
            self.watchdog.observe(name, applied, lag)
        self.watchdog.keep(lags)
        for stuck in self.watchdog.expired():
            if self.given_up is None:
                self.given_up = str(stuck)
                log.critical("%s; ending", self.given_up)
                signal.raise_signal(signal.SIGTERM)

    def blame(self, name: str, reason: str) -> None:
        """Takes note that a partition, by name, could not go on."""
        self.watchdog.blame(name, reason)
        self.metrics.failed(name.rpartition("/")[0])

    def partition_states(self) -> list[PartitionState]:
        """Every assigned partition; none before the worker has joined its group."""
        if not self.assignment.joined:
            return []
        newest = {partition.name: partition.newest for partition in list(self.fetcher.partitions.values())}
        stalled = self.watchdog.stalled()
        found = []
        for name, (applied, lag) in self.watcher.lags().items():
            topic, _, number = name.rpartition("/")
            opened, still = name in newest, stalled.get(name, 0.0)
            found.append(
                PartitionState(topic, int(number), opened, applied, lag, newest.get(name, 0.0), still)
            )
        return found

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

    @Service.task
    async def dispatch(self) -> None:
        """Sends alerts to the sinks, to each at its own pace. Nothing waits for it: the store keeps them."""
        await asyncio.gather(*map(self.dispatch_to, self.dispatchers))

    async def dispatch_to(self, dispatcher: Dispatcher) -> None:
        """Sends alerts to a sink."""
        while not self.should_stop:
            await self.sleep(DISPATCH_SECONDS)
            try:
                await dispatcher.round()
            except Exception as error:
                log.warning("alerts wait: %s", reason_of(error))

    def own_topics(self) -> list[str]:
        """Topics whose alerts this worker sends: it has their partition 0, which the group gives to one worker."""
        return [at.topic for at in self.consumer.assignment() if at.partition == 0]

    @Service.task
    async def report(self) -> None:
        """Says once a minute what the encoder did."""
        while not self.should_stop:
            await self.sleep(REPORT_SECONDS)
            if not self.should_stop:
                self.log_report()

    def log_report(self) -> None:
        """One line about the encoder since the last one, when lines were processed."""
        if self.encoder_report is not None and (line := self.encoder_report.report()) is not None:
            log.info("%s", line)

    def new_detector(self, at: TopicPartition) -> Sources:
        """A partition's memory with nothing in it."""
        reading = self.settings.stream.reading(at.topic)
        return Sources(
            at.topic,
            at.partition,
            self._dim,
            self.settings.detection,
            model=self._model,
            by=reading.source,
            most=reading.max_sources,
        )

    async def open(self, at: TopicPartition) -> Partition:
        """A partition opened from the store; its applied offset is committed, for a commit may have been lost."""
        partition = await self.opener.open(
            at, tries=self.troubles.tries(at), forget=self.suspects.memory_fails(at)
        )
        await self.handler.commit(partition)
        return partition

    async def save_all(self) -> None:
        """Snapshots of what is open, those first that would take longest to learn again."""
        for _ in range(AT_ONCE):
            await self.room.acquire()  # from now on nothing is worked on, but for long batches
        for partition in sorted(self.fetcher.partitions.values(), key=lambda one: -one.detector.unsaved):
            if partition.detector.unsaved and not partition.paused:
                await self.handler.save(partition)

    async def commit_all(self) -> None:
        """Commits what is applied."""
        for partition in list(self.fetcher.partitions.values()):
            await self.handler.commit(partition)

    def rebalance(self, begins: bool) -> None:
        """Which partitions are ours is being settled, or was."""
        self.fetcher.rebalance(begins=begins)
        if not begins:
            self.troubles.keep(self.consumer.assignment())
            self.metrics.assigned({at.topic for at in self.consumer.assignment()})

    async def queue(self, batch: Batch) -> None:
        """Puts a batch on its channel. The partition of a long one is paused until ``take`` is done with it.

        So at most one batch of a partition is on the channel of the long ones, which therefore needs no bound.
        """
        if batch.long(self.settings.encoder.max_tokens):
            self.consumer.pause(batch.partition.at)
            batch.partition.paused = True
            await self.long_channel.put(batch)
        else:
            await self.channel.put(batch)

    async def begin(self, batch: Batch) -> None:
        """Handles a batch beside the one that was begun before, so that one is worked on while another waits for the
        store; waits while AT_ONCE are.
        """
        await self.room.acquire()
        self.add_future(self.take(batch)).add_done_callback(lambda _: self.room.release())

    async def take(self, batch: Batch) -> None:
        """Handles a batch when the one before it in its partition is done; then a paused partition goes on.

        After a long batch nothing is fetched before it is done.
        """
        partition = batch.partition
        if batch.before is not None:
            await batch.before.wait()
        try:
            if await self.fetcher.holds(partition):  # else taken away, or reopened since it was fetched
                await self.handler.handle(batch)
        finally:
            batch.done.set()
            partition.unfinished -= 1
            if batch.last and partition.paused:
                partition.paused = False
                if self.fetcher.owns(partition) and partition.at in self.consumer.paused():
                    self.consumer.resume(partition.at)
