"""A trace of each batch for OpenTelemetry: what was done with it, when, and for how long. Off unless it is asked for.

Spans hold numbers and the topic's name, nothing of a line. They leave in the background, the oldest are dropped when
nobody takes them, and no failure of theirs reaches the worker.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.config import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span
    from opentelemetry.sdk.trace.export import SpanExporter

SERVICE = "secencoder"
TOPIC, PARTITION = "messaging.destination.name", "messaging.destination.partition.id"
MESSAGES, FIRST = "messaging.batch.message_count", "messaging.kafka.offset"
QUEUED_SPANS = 4_096
"""Spans that wait to be sent; further ones are dropped."""
EXPORT_SECONDS = 5.0
"""Longest wait for spans to be taken, with all tries."""


class TelemetrySettings(BaseModel):
    """Where traces go. What OpenTelemetry's own variables say (``OTEL_EXPORTER_OTLP_HEADERS``) holds as well."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str | None = Field(
        None,
        pattern="^https?://",
        description="Where traces of batches go by OTLP/HTTP, e.g. http://collector:4318/v1/traces; none when unset",
    )
    share: float = Field(1.0, gt=0, le=1, description="Share of the batches that are traced")


class Tracing:
    """Makes the spans of batches: ``batch``, and inside it the stages."""

    def __init__(self, exporter: SpanExporter, *, version: str, model: str, share: float = 1.0) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

        self._exporter = exporter
        about = {"service.name": SERVICE, "service.version": version, "secencoder.model": model}
        self._provider = TracerProvider(
            TraceIdRatioBased(share), Resource.create(about), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, QUEUED_SPANS))
        self._tracer: Any = self._provider.get_tracer(SERVICE, version)

    @contextmanager
    def batch(
        self, topic: str, partition: int, messages: Sequence[Any], end: int, fetched: tuple[int, int]
    ) -> Iterator[None]:
        """The span of a batch, from when fetching it began. The stages inside it become its children."""
        about = {TOPIC: topic, PARTITION: str(partition), MESSAGES: len(messages), "secencoder.end": end}
        if messages:
            about[FIRST] = messages[0].offset
        with self._span("batch", about, start=fetched[0] or None) as span:
            if span.is_recording():
                size = sum(len(message.value or b"") for message in messages)
                span.set_attribute("secencoder.bytes", size)
                fetch = self._tracer.start_span("fetch", start_time=fetched[0], attributes=about)
                fetch.set_attribute("secencoder.bytes", size)
                fetch.end(fetched[1])
            yield

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[..., None]]:
        """The span of a stage of the batch that is under way here; none outside of a batch."""
        from opentelemetry.trace import get_current_span

        batch: Any = get_current_span()
        if not batch.is_recording():
            yield _no_note
            return
        about = {key: batch.attributes[key] for key in (TOPIC, PARTITION) if key in batch.attributes}
        with self._span(name, about) as span:

            def note(**more: Any) -> None:
                for key, value in more.items():
                    if value is not None:
                        span.set_attribute(f"secencoder.{key}", value)

            yield note

    @contextmanager
    def _span(self, name: str, about: dict[str, Any], *, start: int | None = None) -> Iterator[Span]:
        """A span that says which kind of error ended it, and not what the error says: that may quote a line."""
        from opentelemetry.trace import StatusCode

        with self._tracer.start_as_current_span(
            name, attributes=about, start_time=start, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise

    async def stop(self) -> None:
        """Sends what waits, as far as it is taken in time."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, EXPORT_SECONDS)
        await asyncio.to_thread(self._exporter.shutdown)  # no more tries: the process may end


def make_tracing(settings: TelemetrySettings, *, version: str, model: str) -> Tracing | None:
    """Traces as the settings ask for; None for none. Raises SettingsError when OpenTelemetry is not installed."""
    if settings.endpoint is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise SettingsError(
            'telemetry.endpoint: needs the extra "otel": pip install "secencoder-streams[otel]"'
        ) from error
    exporter = OTLPSpanExporter(settings.endpoint, timeout=EXPORT_SECONDS)
    return Tracing(exporter, version=version, model=model, share=settings.share)


def _no_note(**about: object) -> None:
    pass
