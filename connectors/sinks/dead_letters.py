"""The dead-letter topic: what a message about a line that could not be processed says, and its producer."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from connectors.kafka import KafkaSettings, ensure_topic
from connectors.kafka.streaming import FETCH_BYTES, make_producer
from connectors.records import Line

Headers = list[tuple[str, bytes]]
Message = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers."""
DETAIL_BYTES = 8_192
"""Of a header about an error: a stack trace may be long, and the topic's limit small."""


class TooLarge(Exception):  # noqa: N818
    """The message is over the topic's limit: nothing to try again."""


class DeadLetterTopic:
    """The topic and the producer that writes to it; each method tries once."""

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self._settings, self.name = settings, name
        self._producer: AIOKafkaProducer | None = None

    async def ensure(self) -> None:
        """Makes the topic unless it exists; it takes what the source topics take. Raises TopicError."""
        await asyncio.to_thread(
            ensure_topic, self._settings, self.name, partitions=1, max_message_bytes=FETCH_BYTES
        )

    async def connect(self) -> None:
        """Connects the producer. Raises KafkaError."""
        if self._producer is None:
            self._producer = make_producer(self._settings)
        await self._producer.start()

    async def stop(self) -> None:
        """Flushes and disconnects."""
        if self._producer is not None:
            await self._producer.stop()

    async def send(self, message: Message) -> None:
        """Returns when the broker has acknowledged it. Raises TooLarge, or KafkaError."""
        key, value, headers = message
        assert self._producer is not None, "connected before the first batch"
        if key is value is None:
            value = b""  # aiokafka wants one of them
        try:
            await self._producer.send_and_wait(self.name, key=key, value=value, headers=headers)
        except MessageSizeTooLargeError as error:
            raise TooLarge from error


def forms(
    line: Line, error: Exception, at: TopicPartition, model: str, *, whole: bool = False
) -> Iterator[Message]:
    """The message to send, then what to send in its place when it is over the topic's limit.

    The value is that of the line's message, other lines in it included; whole: whether all of them failed.
    """
    details = error_headers(line, error, at, model, whole=whole)
    original = [(name, value if value is not None else b"") for name, value in line.headers]
    yield line.key, line.value, [*original, *details]
    sizes = [("secencoder.value.bytes", str(len(line.value or b"")).encode())]
    yield line.key, b"", [*original, *details, *sizes]
    headers = sum(len(name) + len(value) for name, value in original)
    sizes += [("secencoder.key.bytes", str(len(line.key or b"")).encode())]
    sizes += [("secencoder.headers.bytes", str(headers).encode())]
    yield None, b"", [*details, *sizes]
    yield None, b"", [(name, value[:128]) for name, value in [*details, *sizes]]


def error_headers(
    line: Line, error: Exception, at: TopicPartition, model: str, *, whole: bool = False
) -> Headers:
    """What went wrong, under Kafka Streams' names, the line's place in its message unless all failed, the model."""
    details = {
        "exception": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": str(error),
        "stacktrace": "".join(traceback.format_exception(error)),
        "topic": at.topic,
        "partition": str(at.partition),
        "offset": str(line.offset),
    }
    named = [
        (f"__streams.errors.{name}", text.encode("utf-8", "replace")[-DETAIL_BYTES:])
        for name, text in details.items()
    ]
    index = [] if whole else [("secencoder.index", str(line.index).encode())]
    return [*named, *index, ("secencoder.model", model.encode())]
