"""Alerts out: a Kafka topic and a webhook. Each sends one entry of the outbox and returns when it was taken."""

from __future__ import annotations

import asyncio
from typing import Protocol

import aiohttp
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from connectors.alerts import Told
from connectors.kafka import KafkaSettings
from connectors.kafka.streaming import make_producer
from connectors.sinks.forms import form_of
from connectors.sinks.settings import Format, SinkSettings
from connectors.waiting import reason_of

REFUSED = (400, 404, 405, 410, 413, 415, 422)
"""Answers of a webhook that will be the same next time."""


class SinkDown(Exception):  # noqa: N818
    """The sink can't take anything now; the message is one line without a secret."""


class SinkRefused(Exception):  # noqa: N818
    """The sink does not take this entry, now or later; the message is one line without a secret."""


class Sink(Protocol):
    """Where alerts go. The same entry may come again after a failure: its key tells."""

    name: str

    async def send(self, source: str, told: Told) -> None:
        """Returns when the entry is safe there. Raises SinkDown or SinkRefused."""

    async def stop(self) -> None:
        """Disconnects."""


class TopicSink:
    """A Kafka topic. A message's key is the source, so that its alerts stay in order; a header has the entry's id."""

    name = "topic"

    def __init__(self, kafka: KafkaSettings, topic: str, form: Format) -> None:
        self._kafka, self._topic, self._form = kafka, topic, form_of(form)
        self._producer: AIOKafkaProducer | None = None

    async def send(self, source: str, told: Told) -> None:
        """Returns when the broker has acknowledged it."""
        document = orjson.dumps(self._form(source, told))
        headers = [("secencoder.id", told.key(source).encode())]
        try:
            producer = await self._connected()
            await producer.send_and_wait(self._topic, key=source.encode(), value=document, headers=headers)
        except MessageSizeTooLargeError as error:
            raise SinkRefused(f"over the limit of topic {self._topic}") from error
        except (KafkaError, OSError) as error:
            raise SinkDown(f"topic {self._topic}: {reason_of(error)}") from error

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = make_producer(self._kafka)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def stop(self) -> None:
        """Flushes and disconnects."""
        if self._producer is not None:
            await self._producer.stop()


class WebhookSink:
    """A webhook: one request an entry, with its key as ``Idempotency-Key``; any 2xx says that it was taken."""

    name = "webhook"

    def __init__(self, settings: SinkSettings) -> None:
        self._url, self._form = settings.url, form_of(settings.webhook_format)
        self._header, self._seconds = settings.header, settings.webhook_seconds
        self._session: aiohttp.ClientSession | None = None

    async def send(self, source: str, told: Told) -> None:
        """Returns when the webhook answers that it has it."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": told.key(source)}
        if all(self._header):
            headers[self._header[0]] = self._header[1]
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._seconds))
        try:
            async with self._session.post(
                self._url, data=orjson.dumps(self._form(source, told)), headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
            # Its name only: what an error says may quote the address.
            raise SinkDown(f"webhook: {type(error).__name__}") from error
        if status in REFUSED:
            raise SinkRefused(f"webhook answers {status}")
        if not 200 <= status < 300:
            raise SinkDown(f"webhook answers {status}")

    async def stop(self) -> None:
        """Disconnects."""
        if self._session is not None:
            await self._session.close()


def make_sinks(settings: SinkSettings, kafka: KafkaSettings) -> list[Sink]:
    """The sinks of the settings."""
    sinks: list[Sink] = []
    if settings.topic is not None:
        sinks.append(TopicSink(kafka, settings.topic, settings.topic_format))
    if settings.webhook_url is not None:
        sinks.append(WebhookSink(settings))
    return sinks
