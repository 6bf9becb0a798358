"""Kafka: settings, waiting for a broker, questions about topics, and clients.

Imports nothing of stream_processors, encoder_core or trainer.
"""

from connectors.kafka.admin import TopicError, committed, end_offsets, ensure_topic
from connectors.kafka.reaching import BrokerUnreachable, client, wait_until_reachable
from connectors.kafka.settings import KafkaSettings, client_ssl_context

__all__ = [
    "BrokerUnreachable",
    "KafkaSettings",
    "TopicError",
    "client",
    "client_ssl_context",
    "committed",
    "end_offsets",
    "ensure_topic",
    "wait_until_reachable",
]
