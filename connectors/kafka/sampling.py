"""The latest messages of a topic, without a consumer group."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from connectors.kafka.admin import beginning_offsets, end_offsets, offsets_at
from connectors.kafka.reaching import client
from connectors.kafka.settings import KafkaSettings
from connectors.records import Message

SILENT_MS = 5_000
"""No message for so long ends a partition: what is left are control records or gaps."""
OPTIONS = {
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "consumer_timeout_ms": SILENT_MS,
    "allow_auto_create_topics": False,
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Offsets of a partition, from ``start`` up to before ``end``."""

    at: TopicPartition
    start: int
    end: int


def latest(settings: KafkaSettings, topic: str, most: int, since: float = 0.0) -> list[Stretch]:
    """Where the latest ``most`` messages of a topic are, in each partition about as many, none older than ``since``.

    since: Kafka's time, seconds since the epoch. Partitions without such messages are left out. Raises TopicError for
    an unknown topic.
    """
    starts, ends = beginning_offsets(settings, topic), end_offsets(settings, topic)
    if since:
        later = offsets_at(settings, topic, since)
        starts = {partition: later.get(partition, end) for partition, end in ends.items()}
    counts = {partition: max(0, end - starts[partition]) for partition, end in ends.items()}
    found, left = [], most
    for number, partition in enumerate(sorted(counts, key=lambda partition: counts[partition])):
        taken = min(counts[partition], -(-left // (len(counts) - number)))  # what one lacks the others have
        left -= taken
        if taken:
            end = ends[partition]
            found.append(Stretch(TopicPartition(topic, partition), end - taken, end))
    return sorted(found, key=lambda stretch: stretch.at.partition)


def messages(settings: KafkaSettings, stretches: list[Stretch]) -> Iterator[Message]:
    """The messages of stretches, put together by Kafka's time; those without a value are left out."""
    yield from heapq.merge(
        *(_of_partition(settings, stretch) for stretch in stretches), key=lambda message: message.timestamp
    )


def _of_partition(settings: KafkaSettings, stretch: Stretch) -> Iterator[Message]:
    for record in records(settings, stretch):
        if record.value is not None:
            timestamp = min(max(record.timestamp, 0) / 1_000, time.time())
            yield Message(record.offset, timestamp, record.value)


def records(settings: KafkaSettings, stretch: Stretch) -> Iterator[ConsumerRecord]:
    """The messages of a stretch as Kafka has them."""
    if stretch.start >= stretch.end:
        return
    with closing(client(KafkaConsumer, settings, **OPTIONS)) as consumer:
        consumer.assign([stretch.at])
        consumer.seek(stretch.at, stretch.start)
        for record in consumer:
            if record.offset < stretch.end:
                yield record
            if record.offset >= stretch.end - 1:
                return
