"""Opening a partition: its memory from the store, and the offset from which the store needs it to go on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors import kafka
from connectors.envelopes.confluent import Schemas
from connectors.store import Store, Stored
from stream_processors.delivery.batches import Partition, name_of
from stream_processors.detection.reading import LineReader
from stream_processors.detection.sources import Sources
from stream_processors.detection.windows import OPEN_WINDOWS
from stream_processors.settings import Settings

log = logging.getLogger("secencoder.worker")

TOPIC_SECONDS = 1.0
"""How long what was asked about a topic serves all of its partitions."""
SURE_TRIES = 3
"""A log that ends before the applied offset may only have a new leader: it counts as cut off when seen this often."""

START = "start="


class PartitionUnavailable(RuntimeError):  # noqa: N818
    """A partition can't be opened yet; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What the brokers say of a topic."""

    id: str | None
    starts: dict[int, int]
    """Partition to where our group began in it, as far as it committed anything; only with ``start = latest``."""


def start_text(start: int | None) -> str:
    """What is committed beside an offset: where the group began, which outlives a store that lost its data."""
    return "" if start is None else f"{START}{start}"


def start_in(offset: int, text: str) -> int:
    """The inverse of ``start_text``; a commit without a start, of an older version, counts as one."""
    start = text.removeprefix(START)
    return int(start) if text.startswith(START) and start.isdigit() else offset


class Opener:
    """Opens partitions from what the store and the topic say. The store's applied offset is the truth."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        consumer: AIOKafkaConsumer,
        new_detector: Callable[[TopicPartition], Sources],
        schemas: Schemas | None = None,
    ) -> None:
        self._settings, self._store, self._consumer = settings, store, consumer
        self._new_detector, self._schemas = new_detector, schemas
        self._topics: dict[str, tuple[float, asyncio.Task[TopicFacts]]] = {}
        self._checked: set[str] = set()
        self._claimed: set[str] = set()

    async def open(self, at: TopicPartition, *, tries: int = 0, forget: bool = False) -> Partition:
        """A partition whose consumer stands where reading goes on. Any failure is the caller's to try again.

        tries: failures to open it before. forget: its memory is learned anew.

        1. The store takes all our commands, and its source belongs to our group.
        2. The topic is the one that the store knows; a topic made anew starts anew.
        3. A partition that the store does not know starts where the group began, or at the topic's beginning.
        4. Lines that the topic's retention removed are counted.
        5. Memory comes from the snapshot, and from the lines after it up to the applied offset, which are read again
           without touching the store.
        """
        source, number = at.topic, at.partition
        # 1.
        await self._check(source)
        topic = await self.topic(source)
        stored = await asyncio.to_thread(self._store.stored, source, number, OPEN_WINDOWS)
        beginning = (await self._consumer.beginning_offsets([at]))[at]
        end = (await self._consumer.end_offsets([at]))[at]
        # 2.
        if stored.applied is not None and await self._made_anew(at, stored, topic.id, beginning, end, tries):
            stored = await asyncio.to_thread(self._store.stored, source, number, OPEN_WINDOWS)
        # 3.
        if stored.applied is None and await self._begin(source, topic):
            stored = await asyncio.to_thread(self._store.stored, source, number, OPEN_WINDOWS)
        applied = stored.applied
        # 4.
        expired = 0 if applied is None else max(0, beginning - applied)
        if expired:
            log.error(
                "%s: the topic's retention removed the lines at offsets %s to %s before they were read",
                *(name_of(at), applied, beginning - 1),
            )
        # 5.
        seeds = await asyncio.to_thread(self._store.seeds, source)
        detector, snapshot_at, position = await asyncio.to_thread(self._fresh, at, seeds), None, beginning
        if applied is not None:
            remembered = stored.without_memory() if forget else stored
            detector, snapshot_at = await asyncio.to_thread(
                self._remembered, at, remembered, applied, seeds
            )  # many templates take seconds, in which the group must hear of us
            position = max(beginning, self._first_to_read(stored, snapshot_at, applied))
        if at not in self._consumer.assignment():
            raise PartitionUnavailable("taken away while it was opened")
        self._consumer.seek(at, position)
        if at in self._consumer.paused():
            self._consumer.resume(at)  # it may have been reopened while a long batch was waiting
        log.info("%s: applied offset %s, reading from %s", name_of(at), applied, position)
        return Partition(
            at,
            detector,
            applied,
            position=position,
            topic_id=topic.id,
            start=self._start(topic.starts.get(number), applied if applied is not None else beginning),
            expired=expired,
            reader=self._reader(at, position, detector.reader),
        )

    async def unchanged(self, partition: Partition) -> bool:
        """Whether the store stands where an open partition does: nobody else applied anything since."""
        found = await asyncio.to_thread(self._store.applied, partition.at.topic)
        return found.get(partition.at.partition) == partition.applied

    def _reader(self, at: TopicPartition, start: int, state: bytes) -> LineReader:
        """What reads a partition's messages from an offset on, with what its snapshot says of header lines."""
        settings = self._settings.stream.reading(at.topic)
        reader = LineReader(settings, start=start, schemas=self._schemas)
        if state:
            try:
                reader.restore(state)
            except ValueError as error:
                log.warning("%s: what header lines said is learned anew: %s", name_of(at), error)
        return reader

    def _start(self, known: int | None, first: int) -> int | None:
        """Where the group began in a partition; only ``start = latest`` needs to know."""
        if self._settings.stream.start == "earliest":
            return None
        return first if known is None else known

    def _first_to_read(self, stored: Stored, snapshot_at: int | None, applied: int) -> int:
        """Where reading begins: at the snapshot, at the first line that waits, or a warm-up's length before."""
        if snapshot_at is not None:
            return snapshot_at
        if stored.first_waiting is not None:
            return min(stored.first_waiting, applied)
        return max(0, applied - self._settings.detection.warmup)

    async def release(self) -> None:
        """Gives up our group's claims, for a worker that stops: the next one may be of another group.

        Other workers of the group claim their sources again within seconds.
        """
        for source in self._claimed:
            await asyncio.to_thread(self._store.claim, source, self._settings.stream.group, 0.0)

    async def _check(self, source: str) -> None:
        if source not in self._checked:
            await asyncio.to_thread(self._store.check, source)
            self._checked.add(source)
        group = self._settings.stream.group
        set_aside = await asyncio.to_thread(self._store.claim, source, group, time.time())
        if set_aside:
            log.warning("%s: %s", source, set_aside)
        self._claimed.add(source)

    def distrust(self, source: str) -> None:
        """The store refused something of this source: its commands are checked again when a partition is opened."""
        self._checked.discard(source)

    async def topic(self, name: str) -> TopicFacts:
        """What is known of a topic, asked once for all of its partitions. Raises PartitionUnavailable."""
        now = time.monotonic()
        known = self._topics.get(name)
        if known is None or now - known[0] > TOPIC_SECONDS or (known[1].done() and known[1].exception()):
            known = now, asyncio.ensure_future(self._ask(name))
            self._topics[name] = known
        return await asyncio.shield(known[1])

    async def _ask(self, name: str) -> TopicFacts:
        settings, stream = self._settings.kafka, self._settings.stream
        ids = await asyncio.to_thread(kafka.topic_ids, settings, [name])
        if name not in ids:
            raise PartitionUnavailable(f"topic {name} does not exist")
        if stream.start == "earliest":  # then no partition ever begins anywhere but at its beginning
            return TopicFacts(ids[name], {})
        commits = await asyncio.to_thread(kafka.committed_with_metadata, settings, stream.group, name)
        return TopicFacts(ids[name], {number: start_in(*commit) for number, commit in commits.items()})

    async def _made_anew(
        self, at: TopicPartition, stored: Stored, topic_id: str | None, beginning: int, end: int, tries: int
    ) -> bool:
        """Whether the partition's log is not the one that the store knows; it then starts anew there."""
        applied, source, number = stored.applied, at.topic, at.partition
        assert applied is not None
        other = None not in (stored.topic_id, topic_id) and stored.topic_id != topic_id
        if not other and applied <= end:
            return False
        known = stored.topic_id is not None and topic_id is not None
        if known and not other:  # the same topic ends before the applied offset
            if tries < SURE_TRIES:
                raise PartitionUnavailable(
                    f"applied offset {applied} is past the topic's end {end}; waiting for its leader to catch up"
                )
            log.error(
                "%s: its log was cut off at %s by the broker, before the applied offset %s: going on from there",
                *(name_of(at), end, applied),
            )
        else:
            log.warning(
                "%s: the topic was made anew (applied offset %s, end %s): it is read from its beginning",
                *(name_of(at), applied, end),
            )
        start = end if known and not other else beginning
        await asyncio.to_thread(
            lambda: self._store.restart(source, number, expected=applied, start=start, topic_id=topic_id)
        )
        return True

    async def _begin(self, source: str, topic: TopicFacts) -> bool:
        """Pins where every partition of a source begins that the store has never seen; True when it did.

        With ``start = latest`` that is where the group began before the store lost its data, else the topic's end now.
        A partition that is added later is not pinned: it is read from its beginning.
        """
        if self._settings.stream.start != "latest":
            return False
        if await asyncio.to_thread(self._store.applied, source):
            return False
        starts = topic.starts
        if not starts:
            numbers = self._consumer.partitions_for_topic(source) or set()
            ends = await self._consumer.end_offsets([TopicPartition(source, number) for number in numbers])
            starts = {at.partition: end for at, end in ends.items()}
        await asyncio.to_thread(self._store.begin, source, starts)
        return True

    def _fresh(self, at: TopicPartition, seeds: Mapping[str, bytes]) -> Sources:
        """A partition's memory with nothing in it but what was learned for those who have none."""
        detector = self._new_detector(at)
        for refused in detector.plant(seeds):
            log.warning("%s: what was learned is of no use: %s", name_of(at), refused)
        return detector

    def _remembered(
        self, at: TopicPartition, stored: Stored, applied: int, seeds: Mapping[str, bytes]
    ) -> tuple[Sources, int | None]:
        """A partition's memory as the store has it, and the offset of its snapshot; None without a usable one."""
        if stored.snapshot is not None:
            try:
                detector = self._fresh(at, seeds)
                snapshot_at = detector.restore(stored)
                if snapshot_at > applied:  # reading from there would skip lines
                    raise ValueError(
                        f"its snapshot at {snapshot_at} is ahead of the applied offset {applied}"
                    )
                return detector, snapshot_at
            except ValueError as error:
                log.warning("%s: its memory is learned anew: %s", name_of(at), error)
        detector = self._fresh(at, seeds)
        detector.resume(stored)
        return detector, None
