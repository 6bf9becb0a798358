"""A replay: the worker's own delivery over stretches of topics, which ends when all of them were applied."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from mode import Service

from connectors.kafka.bounded import BoundedConsumer
from connectors.kafka.dead_letters import DeadLetterConsumer
from connectors.kafka.streaming import make_consumer
from connectors.replays import Plan, Progress
from connectors.waiting import reason_of
from stream_processors.delivery.batches import Partition, name_of
from stream_processors.delivery.opening import Opener, TopicFacts
from stream_processors.delivery.service import StreamService
from stream_processors.detection.reading import Failed

log = logging.getLogger("secencoder.worker")

TELL_SECONDS = 0.5
"""Between two looks at how far it is."""


class Reported:
    """Takes lines that can't be processed in place of a dead-letter topic: they are named, and counted."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell, self.count = tell, 0

    async def start(self) -> None:
        """Nothing is connected."""

    async def stop(self) -> None:
        """Nothing was."""

    async def send(self, failed: Failed, at: TopicPartition) -> None:
        """Says what is wrong with it."""
        self.count += failed.lines
        self._tell(f"{name_of(at)}@{failed.line.offset}: {reason_of(failed.error)}")


class LetterOpener(Opener):
    """Opens dead letters, whose offsets are not those of the topic: it need not even exist any more."""

    async def topic(self, name: str) -> TopicFacts:
        """Nothing is known of it."""
        return TopicFacts(None, {})


class ReplayService(StreamService):
    """``StreamService`` for a plan. It ends the process when all of it was applied, by this process or others."""

    def __init__(
        self,
        *args: Any,
        plan: Plan,
        tell: Callable[[Progress], object],
        failed: Callable[[str], object],
        **options: Any,
    ) -> None:
        """tell: hears how far it is. failed: hears of each line that can't be processed."""
        self._plan, self._tell = plan, tell
        self._reported = Reported(failed)
        self._ends = {
            TopicPartition(topic, number): span.end
            for topic, parts in plan.topics.items()
            for number, span in parts.items()
        }
        self._ended: set[TopicPartition] = set()
        super().__init__(*args, **options)

    def make_dead_letters(self) -> Reported:
        """A line that fails again would come again with the next replay, for ever: none is written anywhere."""
        return self._reported

    def make_consumer(self) -> AIOKafkaConsumer:
        """One that ends where the plan does."""
        stream = self.settings.stream
        seconds = stream.session_timeout_seconds
        if self._plan.dead_letters:
            inner: AIOKafkaConsumer = make_consumer(self.settings.kafka, None, session_seconds=seconds)
            return DeadLetterConsumer(inner, self._plan.dead_letters, self._ends)  # type: ignore[return-value]
        consumer = make_consumer(
            self.settings.kafka, stream.group, session_seconds=seconds, kind=BoundedConsumer
        )
        consumer.ends = self._ends
        return consumer

    def make_opener(self) -> Opener:
        """As the plan asks for."""
        kind = LetterOpener if self._plan.dead_letters else Opener
        return kind(self.settings, self.store, self.consumer, self.new_detector, self.schemas)

    async def round(self) -> None:
        """A round, and the end of each partition that has nothing more: its lines that wait are scored."""
        await super().round()
        for at, partition in list(self.fetcher.partitions.items()):
            if at not in self._ended and self._at_end(partition):
                await self._finish(partition)

    def _at_end(self, partition: Partition) -> bool:
        end = self._ends.get(partition.at, 0)
        return not partition.unfinished and end <= (partition.applied or 0) == partition.reader.done

    async def _finish(self, partition: Partition) -> None:
        try:
            await self.handler.finish(partition)
        except Exception as error:
            self.fetcher.close(partition)
            self.troubles.add(partition.at, f"its end failed: {reason_of(error)}")
        else:
            self._ended.add(partition.at)

    @Service.task
    async def follow(self) -> None:
        """Tells how far it is, and ends the process at the end."""
        began = time.monotonic()
        while not self.should_stop:
            await self.sleep(TELL_SECONDS)
            try:
                passed, read = await asyncio.to_thread(self._look)
            except Exception as error:
                log.warning("how far the replay is: %s", reason_of(error))
                continue
            own = self.consumer.assignment() & self._ends.keys()
            done = read and self.assignment.joined and own <= self._ended
            seconds = time.monotonic() - began
            self._tell(Progress(passed, self.handler.lines, self._reported.count, seconds, done))
            if done:
                signal.raise_signal(signal.SIGTERM)
                return

    def _look(self) -> tuple[int, bool]:
        """Offsets that were applied, and whether these are all."""
        applied = {topic: self.store.applied(topic) for topic in self._plan.topics}
        passed = sum(self._plan.passed(topic, at) for topic, at in applied.items())
        return passed, all(self._plan.read(topic, at) for topic, at in applied.items())
