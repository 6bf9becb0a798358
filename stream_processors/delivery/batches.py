"""Open partitions and the batches of their messages, in the order in which they must take effect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from aiokafka import ConsumerRecord, TopicPartition

from connectors.envelopes.joining import MOST_SECONDS
from connectors.records import Message
from encoder_core.session import LONG_TOKENS
from stream_processors.detection.arriving import Messages
from stream_processors.detection.reading import LineReader
from stream_processors.detection.sources import Sources

COMMIT_SECONDS = 1.0
"""Between commits of a partition whose next batch is at hand: a commit is a round trip to the broker."""
LONG_BYTES = 4 * LONG_TOKENS
"""A longer message may take the encoder long. A token has 2.3 bytes on average, so most are over LONG_TOKENS."""


@dataclass(slots=True)
class Partition:
    """An open partition: its memory, where the store stands, and what was handed out."""

    at: TopicPartition
    detector: Sources
    applied: int | None
    position: int
    """Offset after everything handed out as batches, or where reading begins."""
    topic_id: str | None = None
    start: int | None = None
    """Where the group began in this partition, kept with every commit; None for the topic's beginning."""
    expired: int = 0
    """Lines that the topic's retention removed before they were read, not yet counted in the store."""
    paused: bool = False
    """Whether nothing more is fetched of it until a long batch is done."""
    unreadable: str | None = None
    """Why nothing more can be read of it; what was handed out before still takes effect."""
    committed: int | None = None
    """Offset that Kafka has of us, as far as this object committed it."""
    committed_at: float = 0.0
    """When that was last tried, on the monotonic clock."""
    reader: LineReader = field(default_factory=LineReader)
    """What was handed out on its way to lines; what it holds back is not applied."""
    newest: float = 0.0
    """Kafka's time of the newest message that was applied, seconds since the epoch; 0 when it isn't known."""
    unsaved: int = 0
    """Bytes of messages that its memory was not told of: they say when a snapshot is due."""
    handled_at: float = 0.0
    """When its last batch was done, on the monotonic clock."""
    unfinished: int = 0
    """Batches handed out that are not done."""
    latest: asyncio.Event | None = None
    """Set when the batch that was made last is done; None before the first."""

    @property
    def name(self) -> str:
        """``topic/partition``, for messages."""
        return name_of(self.at)

    @property
    def behind(self) -> bool:
        """Whether there is something to apply although no message may come: offsets without lines, lost lines, lines
        that were held back for long enough, a warm-up that time ends.
        """
        if (until := self.reader.until) is not None:
            # A step may take longer than a line waits, and what comes next not be fetched yet.
            return time.monotonic() >= max(until, self.handled_at + MOST_SECONDS)
        if self.applied is None:
            return False
        return self.expired > 0 or self.position > self.applied or self.due(time.time())

    def due(self, now: float) -> bool:
        """Whether time ends a warm-up, and no line before the applied offset is left to be learned again.

        A step of nothing else ends where the last one did, which must not be before the applied offset.
        """
        return self.applied is not None and self.reader.done >= self.applied and self.detector.due(now)

    @property
    def uncommitted(self) -> bool:
        """Whether a commit failed, and no batch comes whose commit would make up for it."""
        return not self.unfinished and self.applied is not None and self.committed != self.applied

    @property
    def commit_due(self) -> bool:
        """Whether the last commit is long enough ago."""
        return time.monotonic() >= self.committed_at + COMMIT_SECONDS

    def next_batch(
        self, messages: Sequence[ConsumerRecord], end: int, *, fetched: tuple[int, int] = (0, 0)
    ) -> Batch:
        """The batch that comes after all that were made before; ``end`` is the offset after it."""
        batch = Batch(self, messages, end, before=self.latest, fetched=fetched)
        self.latest, self.position = batch.done, end
        self.unfinished += 1
        return batch


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one partition in offset order, fetched while it was ours; none when only offsets went by."""

    partition: Partition
    messages: Sequence[ConsumerRecord]
    end: int
    """Where the consumer stands after it: past control records, aborted transactions and compacted offsets."""
    before: asyncio.Event | None = None
    """Set when the batch before it in the partition is done; None for the first one."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    fetched: tuple[int, int] = (0, 0)
    """When fetching it began and ended, nanoseconds since the epoch."""

    @property
    def last(self) -> bool:
        """Whether no batch of the partition comes after it, so far."""
        return self.partition.latest is self.done

    def long(self, max_tokens: int) -> bool:
        """Whether it may hold a line over LONG_TOKENS for an encoder that reads ``max_tokens``."""
        return max_tokens > LONG_TOKENS and any(
            len(message.value or b"") > LONG_BYTES for message in self.messages
        )


def name_of(at: TopicPartition) -> str:
    """``topic/partition``, for messages."""
    return f"{at.topic}/{at.partition}"


def messages_from(records: Sequence[ConsumerRecord], now: float) -> Messages:
    """Kafka's messages as we keep them.

    now: seconds since the epoch. A time after it, or none, counts as now: Kafka takes any time that a producer states,
    and none may close windows, push out other lines or live longer than now allows.
    """
    stated = np.array([record.timestamp or 0 for record in records], np.float64) / 1_000
    times = np.where(stated > 0, np.minimum(stated, now), now)

    def make(place: int) -> Message:
        record = records[place]
        headers = tuple(record.headers or ())
        return Message(record.offset, float(times[place]), record.value, record.key, headers)

    offsets = np.array([record.offset for record in records], np.int64)
    return Messages([record.value for record in records], offsets, times, make)
