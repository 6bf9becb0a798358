"""Assigned partitions and the batches of their messages, in the order in which they must take effect."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import ConsumerRecord, TopicPartition

from connectors.records import Line
from encoder_core.session import LONG_TOKENS
from stream_processors.detection.partition import PartitionDetector
from stream_processors.pipeline import UNPARSED

LONG_BYTES = 4 * LONG_TOKENS
"""A longer message may take the encoder long. A token has 2.3 bytes on average, so most are over LONG_TOKENS."""


@dataclass(slots=True)
class Partition:
    """An assigned partition: its memory and where the store stands."""

    topic: TopicPartition
    detector: PartitionDetector
    applied: int | None
    snapshot_at: int | None
    """Offset of the last snapshot; None before the first."""
    latest: asyncio.Event | None = None
    """Set when the batch that was made last is done; None before the first."""

    def next_batch(self, messages: Sequence[ConsumerRecord]) -> Batch:
        """The batch that comes after all that were made before."""
        batch = Batch(self, messages, before=self.latest)
        self.latest = batch.done
        return batch


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one partition in offset order, fetched while ``partition`` was ours."""

    partition: Partition
    messages: Sequence[ConsumerRecord]
    before: asyncio.Event | None = None
    """Set when the batch before it in the partition is done; None for the first one."""
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def end(self) -> int:
        """The offset after the last message."""
        return self.messages[-1].offset + 1

    @property
    def last(self) -> bool:
        """Whether no batch of the partition comes after it, so far."""
        return self.partition.latest is self.done

    def long(self, max_tokens: int) -> bool:
        """Whether it may hold a line over LONG_TOKENS for an encoder that reads ``max_tokens``."""
        return max_tokens > LONG_TOKENS and any(
            len(message.value or b"") > LONG_BYTES for message in self.messages
        )


def line_from(message: ConsumerRecord) -> Line:
    """A Kafka message as a line that is not parsed yet."""
    return Line(
        offset=message.offset,
        timestamp=max(message.timestamp or 0, 0) / 1_000,
        record=UNPARSED,
        key=message.key,
        value=message.value,
        headers=tuple(message.headers or ()),
    )
