"""The worker's own Kafka clients, of aiokafka: a consumer that loses nothing and a producer of dead letters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import aiokafka.client
import aiokafka.consumer.fetcher
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, codec
from aiokafka.protocol.metadata import MetadataRequest

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.sticky import StickyAssignor

FETCH_BYTES = 16 << 20
"""Of one partition and fetch; above any sensible ``max.message.bytes``."""
MAX_POLL_SECONDS = 3_600
"""How long a slow batch may hold up the consumer before the group gives its partitions away."""
METADATA_SECONDS = 10
"""A partition that was added, or a topic that was made, is seen within this time."""
RETRY_MS = 500
"""Between two attempts at a broker that does not answer; aiokafka logs each."""
HEARTBEAT_SECONDS = 2.0
"""A rebalance waits until all members of the group hear of it, with their next sign of life."""
Consumer = TypeVar("Consumer", bound=AIOKafkaConsumer)
CODECS: dict[str, Callable[[], bool]] = {
    "gzip": codec.has_gzip,
    "snappy": codec.has_snappy,
    "lz4": codec.has_lz4,
    "zstd": codec.has_zstd,
}


def missing_codecs() -> list[str]:
    """Compressions that can't be read here, for want of the package cramjam."""
    return [name for name, present in CODECS.items() if not present()]


def forbid_topic_creation() -> None:
    """Makes aiokafka ask for topics without creating them; it has no setting for that.

    A broker with ``auto.create.topics.enable`` would else make a missing topic with one partition and its defaults.
    """
    aiokafka.client.MetadataRequest = partial(MetadataRequest, allow_auto_topic_creation=False)  # type: ignore[misc]


def hand_out_records() -> None:
    """Makes aiokafka hand out the records that its parser makes, not copies as ``ConsumerRecord``.

    That goes for all consumers of the process. Offset, timestamp, key, value and headers have the same names. It more
    than halves what a record costs (1.9 us).
    """
    aiokafka.consumer.fetcher.PartitionRecords._consumer_record = _as_it_is


AS_COPIES = aiokafka.consumer.fetcher.PartitionRecords._consumer_record
"""What it does by itself, which other consumers of one process need: Faust's own."""


def _as_it_is(self: object, partition: TopicPartition, record: Any) -> Any:
    return record


def make_consumer(
    settings: KafkaSettings,
    group: str | None,
    *,
    session_seconds: float,
    kind: type[Consumer] = AIOKafkaConsumer,
) -> Consumer:
    """A consumer of committed transactions that never commits or moves by itself.

    An offset out of the log's range is raised as an error, so that whoever reads can say what is gone.
    """
    forbid_topic_creation()
    hand_out_records()
    return kind(
        **settings.aiokafka_kwargs(),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
        max_poll_interval_ms=MAX_POLL_SECONDS * 1_000,
        metadata_max_age_ms=METADATA_SECONDS * 1_000,
        retry_backoff_ms=RETRY_MS,
        session_timeout_ms=int(session_seconds * 1_000),
        heartbeat_interval_ms=int(min(session_seconds / 5, HEARTBEAT_SECONDS) * 1_000),
        partition_assignment_strategy=(StickyAssignor(),),
    )


def position_now(consumer: AIOKafkaConsumer, at: TopicPartition) -> int | None:
    """Where the consumer stands in an assigned partition; None when it does not know yet.

    ``AIOKafkaConsumer.position`` waits until it knows, which may be never. It answers at once when it knows, so its
    first step is all that is taken. Raises IllegalStateError for a partition that is not assigned.
    """
    question = consumer.position(at)
    try:
        question.send(None)
    except StopIteration as answer:
        return answer.value
    question.close()
    return None


def make_producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """A producer whose messages are acknowledged by all replicas."""
    forbid_topic_creation()
    options: dict[str, Any] = {"acks": "all", "max_request_size": FETCH_BYTES, "retry_backoff_ms": RETRY_MS}
    return AIOKafkaProducer(**settings.aiokafka_kwargs(), **options)
