"""Kafka: settings, waiting for a broker, questions about topics, and clients.

Imports nothing of stream_processors, encoder_core or trainer.
"""

from connectors.kafka.admin import (
    TopicError,
    beginning_offsets,
    committed,
    committed_with_metadata,
    end_offsets,
    ensure_topic,
    matching,
    offsets_at,
    topic_ids,
)
from connectors.kafka.reaching import BrokerUnreachable, client, wait_until_reachable
from connectors.kafka.settings import KafkaSettings, client_ssl_context

__all__ = [
    "BrokerUnreachable",
    "KafkaSettings",
    "TopicError",
    "beginning_offsets",
    "client",
    "client_ssl_context",
    "committed",
    "committed_with_metadata",
    "end_offsets",
    "ensure_topic",
    "matching",
    "offsets_at",
    "topic_ids",
    "wait_until_reachable",
]
