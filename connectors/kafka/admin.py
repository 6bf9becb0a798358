"""The few questions the project asks about topics and groups; each opens a client of kafka-python and closes it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors
from kafka.structs import TopicPartition

from connectors.kafka.reaching import BOOTSTRAP_MS, client
from connectors.kafka.settings import KafkaSettings


class TopicError(RuntimeError):
    """A topic could not be created, or does not exist."""


def ensure_topic(
    settings: KafkaSettings, name: str, partitions: int, *, replication_factor: int = -1, **config: Any
) -> int:
    """Create the topic unless it exists; return how many partitions it has, which may differ then.

    ``config`` are topic settings with underscores for dots, e.g. ``retention_ms=3600000``. A factor of -1
    means the broker's default. librdkafka's mock cluster cannot create topics on request; there the topic
    comes into being with the cluster's own number of partitions. Raises TopicError.
    """
    topic = {
        "num_partitions": partitions,
        "replication_factor": replication_factor,
        "configs": {key.replace("_", "."): _as_text(value) for key, value in config.items()},
    }
    refused = f"topic {name!r} cannot be created on {settings.bootstrap_servers}"
    with closing(client(KafkaAdminClient, settings)) as admin:
        existing = _partition_count(admin, name)
        if existing:
            return existing
        try:
            (answer,) = admin.create_topics({name: topic}, raise_errors=False)["topics"]
        except (kafka_errors.UnknownBrokerIdError, kafka_errors.IncompatibleBrokerVersion) as error:
            return _auto_create(settings, name, f"{refused}: {error}")
        except (kafka_errors.KafkaError, ValueError) as error:
            raise TopicError(f"{refused}: {error}") from error
        code = answer["error_code"]
        if code not in (0, kafka_errors.TopicAlreadyExistsError.errno):
            reason = answer.get("error_message") or kafka_errors.for_code(code).__name__
            raise TopicError(f"{refused}: {reason}")
        admin.wait_for_topics([name])
        return _partition_count(admin, name)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _partition_count(admin: Any, name: str) -> int:
    return sum(len(topic["partitions"]) for topic in admin.describe_topics([name]))


def _auto_create(settings: KafkaSettings, name: str, refused: str) -> int:
    """Ask for the topic's metadata as a producer, which creates it on a cluster that has no CreateTopics."""
    with closing(client(KafkaProducer, settings, max_block_ms=BOOTSTRAP_MS)) as producer:
        try:
            return len(producer.partitions_for(name))
        except kafka_errors.KafkaError as error:
            raise TopicError(refused) from error


def matching(settings: KafkaSettings, pattern: re.Pattern[str]) -> list[str]:
    """The names of the cluster's topics that match, in order."""
    with closing(client(KafkaAdminClient, settings)) as admin:
        return sorted(name for name in admin.list_topics() if pattern.match(name))


def _partitions(consumer: Any, settings: KafkaSettings, topic: str) -> list[TopicPartition]:
    partitions = consumer.partitions_for_topic(topic)
    if not partitions:
        raise TopicError(f"topic {topic!r} does not exist on {settings.bootstrap_servers}")
    return [TopicPartition(topic, partition) for partition in sorted(partitions)]


def end_offsets(settings: KafkaSettings, topic: str) -> dict[int, int]:
    """Per partition the offset up to which lines can be read. Raises TopicError for an unknown topic.

    That is where the next message will be, or the first one of a transaction that is still open: a reader of
    committed messages gets no further.
    """
    return _offsets(settings, topic, "end_offsets")


def beginning_offsets(settings: KafkaSettings, topic: str) -> dict[int, int]:
    """Per partition the offset of the first message that is kept. Raises TopicError for an unknown topic."""
    return _offsets(settings, topic, "beginning_offsets")


def offsets_at(settings: KafkaSettings, topic: str, timestamp: float) -> dict[int, int]:
    """Per partition the offset of the first message that is not older than a time; those without one are left out.

    timestamp: Kafka's, seconds since the epoch. Raises TopicError for an unknown topic.
    """
    with closing(client(KafkaConsumer, settings, allow_auto_create_topics=False)) as consumer:
        asked = dict.fromkeys(_partitions(consumer, settings, topic), max(0, int(timestamp * 1_000)))
        found = consumer.offsets_for_times(asked)
    return {at.partition: first.offset for at, first in found.items() if first is not None}


def _offsets(settings: KafkaSettings, topic: str, question: str) -> dict[int, int]:
    options = {"allow_auto_create_topics": False, "isolation_level": "read_committed"}
    with closing(client(KafkaConsumer, settings, **options)) as consumer:
        offsets = getattr(consumer, question)(_partitions(consumer, settings, topic))
        return {partition.partition: offset for partition, offset in offsets.items()}


def committed(settings: KafkaSettings, group: str, topic: str) -> dict[int, int]:
    """Per partition the group's committed offset; a partition without a commit is left out.

    Asks without joining the group, so nobody's partitions move. Raises TopicError for an unknown topic.
    """
    consumer = client(
        KafkaConsumer, settings, group_id=group, enable_auto_commit=False, allow_auto_create_topics=False
    )
    with closing(consumer):
        offsets = {
            partition.partition: consumer.committed(partition)
            for partition in _partitions(consumer, settings, topic)
        }
    return {partition: offset for partition, offset in offsets.items() if offset is not None}


def committed_with_metadata(settings: KafkaSettings, group: str, topic: str) -> dict[int, tuple[int, str]]:
    """Per partition the group's committed offset and the text that was committed with it."""
    with closing(client(KafkaAdminClient, settings)) as admin:
        offsets = admin.list_group_offsets(group).get(group, {})
    return {
        partition.partition: (found.offset, found.metadata or "")
        for partition, found in offsets.items()
        if partition.topic == topic and found.offset >= 0
    }


def topic_ids(settings: KafkaSettings, topics: Iterable[str]) -> dict[str, str | None]:
    """Id of each topic that exists (KIP-516), None from brokers that have no ids; a topic made anew has another."""
    with closing(client(KafkaAdminClient, settings)) as admin:
        described = admin.describe_topics(list(topics))
    return {topic["name"]: _id_of(topic) for topic in described if topic["partitions"]}


def _id_of(topic: dict[str, Any]) -> str | None:
    found = str(topic.get("topic_id") or "")
    return found if found.strip("0-") else None
