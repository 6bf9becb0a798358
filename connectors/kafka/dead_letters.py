"""Dead letters as messages of the topics that they were of, to be read again."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from connectors.kafka.streaming import position_now

ERRORS = "__streams.errors."
OURS = "secencoder."
"""What names of headers begin with that a dead letter has and the message had not."""
WITHOUT_VALUE = "secencoder.value.bytes"
"""Such a header says that the value was over the topic's limit, and is not there."""
AHEAD, AHEAD_BYTES = 2_000, 16 << 20
"""Messages of all topics, and bytes of their values, that wait to be taken; more are not read meanwhile."""

Headers = Sequence[tuple[str, bytes | None]]


class Letter(NamedTuple):
    """A message as it was before it failed, at its offset in the dead-letter topic."""

    offset: int
    timestamp: int
    """Of the dead letter, milliseconds since the epoch: the message's own is not kept."""
    key: bytes | None
    value: bytes | None
    headers: Headers


def topic_of_letter(headers: Headers) -> str | None:
    """The topic that a dead letter's message was of; None for one of another program, or without its value."""
    found = dict(headers)
    topic = found.get(f"{ERRORS}topic")
    if topic is None or WITHOUT_VALUE in found:
        return None
    return topic.decode("utf-8", "replace")


def letter_of(record: Any) -> Letter:
    """The message of a dead letter."""
    headers = [pair for pair in record.headers if not pair[0].startswith((ERRORS, OURS))]
    return Letter(record.offset, record.timestamp, record.key, record.value, headers)


@dataclass
class _Queue:
    """What was read of one topic and not taken yet."""

    position: int = 0
    """Where its reader stands, who moves it; what is read for other topics does not."""
    next: int = 0
    """Dead letters from this offset on are not read yet."""
    waiting: deque[Letter] = field(default_factory=deque)


class DeadLetterConsumer:
    """Looks to whoever reads as a consumer of the topics. Partition and offset are those of the dead letters.

    A partition of the dead-letter topic is read once for all topics. There is no group: nothing is committed.
    """

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, ends: Mapping[TopicPartition, int]) -> None:
        """consumer: without a group. ends: topics' partitions to the offset that they are read up to."""
        self._consumer, self._topic, self._ends = consumer, topic, dict(ends)
        self._queues = {at: _Queue() for at in ends}
        self._paused: set[TopicPartition] = set()
        self._listener: ConsumerRebalanceListener | None = None

    def subscribe(self, _topics: object, *, listener: ConsumerRebalanceListener, **_: object) -> None:
        """``listener`` is told of all partitions once they can be read."""
        self._listener = listener

    async def start(self) -> None:
        """Connects."""
        self._consumer.assign([TopicPartition(self._topic, n) for n in {at.partition for at in self._ends}])
        await self._consumer.start()
        assert self._listener is not None
        await self._listener.on_partitions_assigned(set(self._ends))

    async def stop(self) -> None:
        """Disconnects."""
        await self._consumer.stop()

    def assignment(self) -> set[TopicPartition]:
        """All partitions."""
        return set(self._ends)

    async def getmany(
        self, at: TopicPartition, *, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Letter]]:
        """What there is of one topic and partition."""
        queue = self._queues[at]
        if at in self._paused:
            return {}
        if not queue.waiting:
            await self._read(at.partition)
        taken = [queue.waiting.popleft() for _ in range(min(max_records, len(queue.waiting)))]
        queue.position = queue.waiting[0].offset if queue.waiting else queue.next
        return {at: taken} if taken else {}

    async def _read(self, number: int) -> None:
        """Reads on in a partition of the dead-letter topic, unless much of it waits."""
        there = TopicPartition(self._topic, number)
        queues = {at.topic: queue for at, queue in self._queues.items() if at.partition == number}
        ends = {at.topic: end for at, end in self._ends.items() if at.partition == number}
        position = position_now(self._consumer, there)
        if position is not None and position >= max(ends.values()):
            return
        waiting = [letter for queue in queues.values() for letter in queue.waiting]
        if len(waiting) >= AHEAD or sum(len(letter.value or b"") for letter in waiting) >= AHEAD_BYTES:
            return
        found = await self._consumer.getmany(there, timeout_ms=0, max_records=AHEAD)
        for record in found.get(there, ()):
            topic = topic_of_letter(record.headers)
            if topic in queues and queues[topic].next <= record.offset < ends[topic]:
                queues[topic].waiting.append(letter_of(record))
        position = position_now(self._consumer, there)
        if position is not None:
            for topic, queue in queues.items():
                queue.next = max(queue.next, min(position, ends[topic]))

    async def position(self, at: TopicPartition) -> int:
        """Where reading goes on."""
        return self._queues[at].position

    def seek(self, at: TopicPartition, offset: int) -> None:
        """Reads one topic from an offset on; what others have is left alone."""
        self._queues[at] = _Queue(offset, offset)
        there = TopicPartition(self._topic, at.partition)
        position = position_now(self._consumer, there)
        if position is None or position > offset:
            self._consumer.seek(there, offset)

    def pause(self, at: TopicPartition) -> None:
        """Nothing more of it is handed out until ``resume``."""
        self._paused.add(at)

    def resume(self, at: TopicPartition) -> None:
        """The inverse."""
        self._paused.discard(at)

    def paused(self) -> set[TopicPartition]:
        """Those that are."""
        return set(self._paused)

    async def beginning_offsets(self, ats: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """First offset of each."""
        there = {at: TopicPartition(self._topic, at.partition) for at in ats}
        found = await self._consumer.beginning_offsets(list(set(there.values())))
        return {at: found[it] for at, it in there.items()}

    async def end_offsets(self, ats: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where each ends."""
        return {at: self._ends[at] for at in ats}

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Those that have dead letters of it."""
        return {at.partition for at in self._ends if at.topic == topic}

    def last_stable_offset(self, at: TopicPartition) -> int:
        """Where it ends."""
        return self._ends[at]

    highwater = last_stable_offset

    async def commit(self, _offsets: object) -> None:
        """The store alone knows how far a replay is."""
