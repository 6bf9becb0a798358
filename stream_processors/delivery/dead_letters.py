"""Step 2 of a batch: lines that can't be processed go to the dead-letter topic, with what went wrong."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator
from functools import partial

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from kafka.errors import KafkaError as AdminError

from connectors.kafka import BrokerUnreachable, KafkaSettings, ensure_topic
from connectors.kafka.streaming import FETCH_BYTES, make_producer
from stream_processors.delivery.batches import name_of
from stream_processors.delivery.retrying import Retrying
from stream_processors.pipeline import Failed

log = logging.getLogger("secencoder.worker")

Headers = list[tuple[str, bytes]]
Message = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers."""
DETAIL_BYTES = 8_192
"""Of a header about an error: a stack trace may be long, and the topic's limit small."""


class DeadLetters:
    """The dead-letter topic and the producer that writes to it."""

    def __init__(self, settings: KafkaSettings, topic: str, *, model: str, retrying: Retrying) -> None:
        self._settings, self.topic, self._model, self._retrying = settings, topic, model, retrying
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Makes the topic unless it exists, and connects. Raises TopicError.

        Without the topic the first dead letter would hold up everything. It takes what the source topics take.
        """

        async def ensure() -> None:
            await asyncio.to_thread(
                ensure_topic, self._settings, self.topic, partitions=1, max_message_bytes=FETCH_BYTES
            )

        await self._retrying.call(ensure, "the dead-letter topic", BrokerUnreachable, AdminError)
        self._producer = make_producer(self._settings)
        await self._retrying.call(self._producer.start, "connecting the dead-letter producer", KafkaError)

    async def stop(self) -> None:
        """Flushes and disconnects."""
        if self._producer is not None:
            await self._producer.stop()

    async def send(self, failed: Failed, at: TopicPartition) -> None:
        """Sends one line, tried until the broker acknowledges it.

        What is over the topic's limit goes without its value, then without key and headers too: the source topic still
        has them at the offset named.
        """
        name = f"dead letter of {name_of(at)}@{failed.line.offset}"
        for message in forms(failed, at, self._model):
            try:
                await self._retrying.call(partial(self._deliver, message), name, KafkaError)
            except _TooLarge:
                log.warning("%s is over the limit of topic %s: sent with less of the line", name, self.topic)
            else:
                return
        raise ValueError(f"{name}: topic {self.topic} takes no message: its max.message.bytes is too small")

    async def _deliver(self, message: Message) -> None:
        key, value, headers = message
        assert self._producer is not None, "started before the first batch"
        if key is value is None:
            value = b""  # aiokafka wants one of them
        try:
            await self._producer.send_and_wait(self.topic, key=key, value=value, headers=headers)
        except MessageSizeTooLargeError as error:
            raise _TooLarge from error


class _TooLarge(Exception):  # noqa: N818
    """Not a failure to try again."""


def forms(failed: Failed, at: TopicPartition, model: str) -> Iterator[Message]:
    """The message to send, then what to send in its place when it is over the topic's limit."""
    line, details = failed.line, error_headers(failed, at, model)
    original = [(name, value if value is not None else b"") for name, value in line.headers]
    yield line.key, line.value, [*original, *details]
    sizes = [("secencoder.value.bytes", str(len(line.value or b"")).encode())]
    yield line.key, b"", [*original, *details, *sizes]
    headers = sum(len(name) + len(value) for name, value in original)
    sizes += [("secencoder.key.bytes", str(len(line.key or b"")).encode())]
    sizes += [("secencoder.headers.bytes", str(headers).encode())]
    yield None, b"", [*details, *sizes]
    yield None, b"", [(name, value[:128]) for name, value in [*details, *sizes]]


def error_headers(failed: Failed, at: TopicPartition, model: str) -> Headers:
    """What went wrong, under Kafka Streams' names, and the model."""
    error = failed.error
    details = {
        "exception": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": str(error),
        "stacktrace": "".join(traceback.format_exception(error)),
        "topic": at.topic,
        "partition": str(at.partition),
        "offset": str(failed.line.offset),
    }
    named = [
        (f"__streams.errors.{name}", text.encode("utf-8", "replace")[-DETAIL_BYTES:])
        for name, text in details.items()
    ]
    return [*named, ("secencoder.model", model.encode())]
