"""The latest messages of a topic, without a consumer group."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition

from connectors.kafka.admin import beginning_offsets, end_offsets
from connectors.kafka.reaching import client
from connectors.kafka.settings import KafkaSettings

SILENT_MS = 5_000
"""No message for so long ends the reading: what is left are control records or gaps."""


def latest_messages(settings: KafkaSettings, topic: str, most: int) -> Iterator[bytes]:
    """The values of up to ``most`` of the latest messages, the same number of each partition, one after another.

    Raises TopicError for an unknown topic.
    """
    beginnings, ends = beginning_offsets(settings, topic), end_offsets(settings, topic)
    each = max(most // len(ends), 1)
    options = {
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "consumer_timeout_ms": SILENT_MS,
        "allow_auto_create_topics": False,
    }
    for partition, end in ends.items():
        start, at = max(beginnings[partition], end - each), TopicPartition(topic, partition)
        if start >= end:
            continue
        with closing(client(KafkaConsumer, settings, **options)) as consumer:
            consumer.assign([at])
            consumer.seek(at, start)
            for message in consumer:
                if message.value is not None:
                    yield message.value
                if message.offset >= end - 1:
                    break
