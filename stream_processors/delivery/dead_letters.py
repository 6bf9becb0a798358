"""Step 2 of a batch: lines that can't be processed go to the dead-letter topic, with what went wrong."""

from __future__ import annotations

import logging
from functools import partial
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from kafka.errors import KafkaError as AdminError

from connectors.kafka import BrokerUnreachable
from connectors.sinks.dead_letters import DeadLetterTopic, TooLarge, forms
from stream_processors.delivery.batches import name_of
from stream_processors.delivery.retrying import Retrying
from stream_processors.detection.reading import Failed

log = logging.getLogger("secencoder.worker")


class FailedLines(Protocol):
    """Where lines that can't be processed go."""

    async def start(self) -> None:
        """Connects."""

    async def stop(self) -> None:
        """Disconnects."""

    async def send(self, failed: Failed, at: TopicPartition) -> None:
        """Returns when it is safe there."""


class DeadLetters:
    """Writes to the dead-letter topic, trying again for as long as it takes."""

    def __init__(self, topic: DeadLetterTopic, *, model: str, retrying: Retrying) -> None:
        self._topic, self._model, self._retrying = topic, model, retrying

    async def start(self) -> None:
        """Makes the topic unless it exists, and connects. Raises TopicError.

        Without the topic the first dead letter would hold up everything.
        """
        call = self._retrying.call
        await call(self._topic.ensure, "the dead-letter topic", BrokerUnreachable, AdminError)
        await call(self._topic.connect, "connecting the dead-letter producer", KafkaError)

    async def stop(self) -> None:
        """Flushes and disconnects."""
        await self._topic.stop()

    async def send(self, failed: Failed, at: TopicPartition) -> None:
        """Sends what is known of one line, or of a whole message, tried until the broker acknowledges it.

        What is over the topic's limit goes without its value, then without key and headers too: the source topic still
        has them at the offset named.
        """
        name, topic = f"dead letter of {name_of(at)}@{failed.line.offset}", self._topic.name
        for message in forms(failed.line, failed.error, at, self._model, whole=failed.whole):
            try:
                await self._retrying.call(partial(self._topic.send, message), name, KafkaError)
            except TooLarge:
                log.warning("%s is over the limit of topic %s: sent with less of the line", name, topic)
            else:
                return
        raise ValueError(f"{name}: topic {topic} takes no message: its max.message.bytes is too small")
