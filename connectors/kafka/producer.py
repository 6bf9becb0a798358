"""A Kafka producer that counts what became of every line. Imports nothing of stream_processors or encoder_core."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Literal

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from typing_extensions import Self

from connectors.kafka.reaching import client
from connectors.kafka.settings import KafkaSettings
from connectors.waiting import Deadline

MAX_REQUEST_BYTES = 16 * 1024 * 1024
"""Above any sensible ``max.message.bytes``: the broker refuses a message, not the client."""
MAX_OUTSTANDING_BYTES = 32 * 1024 * 1024
"""kafka-python 3 puts no bound on its buffer; LineProducer.send waits when this much is unacknowledged."""


class DeliveryError(RuntimeError):
    """Messages were not delivered; ``failed`` counts them and ``__cause__`` is the first failure."""

    def __init__(self, message: str, failed: int) -> None:
        super().__init__(message)
        self.failed = failed


class LineProducer:
    """Sends lines to one topic, idempotent and acknowledged by all replicas, and counts what became of them.

    Use it as a context manager: leaving it flushes and closes. ``delivered`` and ``failed`` are counts of
    messages. A failed delivery raises DeliveryError at the next flush; what is sent after it still goes out.
    Messages on their way together with a refused one count as failed. Not for use from several threads.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        *,
        linger_ms: int = 20,
        delivery_timeout_seconds: float = 120.0,
        compression: Literal["gzip", "snappy", "lz4", "zstd"] | None = None,
    ) -> None:
        self.topic = topic
        self.sent = 0
        self.delivered = 0
        self.failed = 0
        self._delivery_timeout = delivery_timeout_seconds
        self._first_failure: Exception | None = None
        self._unreported = 0
        self._outstanding_bytes = 0
        self._settled = threading.Condition()
        timeout_ms = int(delivery_timeout_seconds * 1000)
        self._settings = settings
        self._options: dict[str, Any] = {
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": linger_ms,
            "batch_size": 64 * 1024,
            "compression_type": compression,
            "max_request_size": MAX_REQUEST_BYTES,
            "delivery_timeout_ms": timeout_ms,
            # kafka-python refuses a delivery timeout below linger + request timeout.
            "request_timeout_ms": max(1, min(30_000, timeout_ms - linger_ms)),
            "max_block_ms": min(60_000, timeout_ms),
        }
        self._refused = False
        self._producer = client(KafkaProducer, settings, **self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.close()
        else:  # what went wrong matters more than what was still on its way
            self._producer.close(timeout=1)

    def send(self, value: bytes, key: bytes | None = None, timestamp_ms: int | None = None) -> None:
        """Queue one message. Waits while too much is unacknowledged; raises DeliveryError if that lasts.

        ``timestamp_ms`` is milliseconds since the epoch, UTC; the time of sending when left out.
        """
        size = len(value) + (len(key) if key else 0)
        if self._outstanding_bytes > MAX_OUTSTANDING_BYTES:
            self._wait(lambda: self._outstanding_bytes <= MAX_OUTSTANDING_BYTES // 2, self._delivery_timeout)
        if self._refused:
            self._renew()
        self.sent += 1
        with self._settled:
            self._outstanding_bytes += size
        try:
            future = self._producer.send(self.topic, value=value, key=key, timestamp_ms=timestamp_ms)
        except (
            kafka_errors.KafkaTimeoutError
        ) as error:  # no metadata: each further message would wait as long
            self._on_failed(size, error)
            self._raise_failures()
        except kafka_errors.KafkaError as error:  # this one message, e.g. too large
            self._on_failed(size, error)
        else:
            future.add_callback(self._on_delivered, size)
            future.add_errback(self._on_refused, size)

    def flush(self, timeout_seconds: float | None = None) -> None:
        """Wait until all that was sent is delivered or failed; raise DeliveryError if anything failed."""
        seconds = self._delivery_timeout if timeout_seconds is None else timeout_seconds
        deadline = Deadline(seconds)
        try:
            self._producer.flush(timeout=seconds)
        except kafka_errors.KafkaTimeoutError as error:
            raise DeliveryError(
                f"{self.sent - self.delivered} of {self.sent} messages for topic {self.topic!r} were not "
                f"acknowledged within {seconds:g} s",
                self.sent - self.delivered,
            ) from error
        # The client's flush may return before the callbacks of the last batch have run.
        self._wait(lambda: self.delivered + self.failed == self.sent, deadline.remaining + 1)
        self._raise_failures()

    def close(self) -> None:
        """Flush, then release the connections, also when the flush raises."""
        try:
            self.flush()
        finally:
            self._producer.close(timeout=5)

    def _wait(self, condition: Any, seconds: float) -> None:
        with self._settled:
            if not self._settled.wait_for(condition, timeout=seconds):
                missing = self.sent - self.delivered
                raise DeliveryError(
                    f"{missing} of {self.sent} messages for topic {self.topic!r} were not acknowledged "
                    f"within {seconds:g} s",
                    missing,
                )

    def _on_delivered(self, size: int, _metadata: Any) -> None:
        with self._settled:
            self.delivered += 1
            self._outstanding_bytes -= size
            self._settled.notify()

    def _renew(self) -> None:
        """An idempotent kafka-python producer is dead after one refused message: replace it."""
        self._producer.close(timeout=1)
        self._refused = False
        self._producer = client(KafkaProducer, self._settings, **self._options)

    def _on_refused(self, size: int, error: Exception) -> None:
        self._refused = True
        self._on_failed(size, error)

    def _on_failed(self, size: int, error: Exception) -> None:
        with self._settled:
            self.failed += 1
            self._unreported += 1
            self._outstanding_bytes -= size
            self._first_failure = self._first_failure or error
            self._settled.notify()

    def _raise_failures(self) -> None:
        with self._settled:
            failed, self._unreported = self._unreported, 0
            cause, self._first_failure = self._first_failure, None
        if failed:
            raise DeliveryError(
                f"{failed} of {self.sent} messages were not delivered to topic {self.topic!r}: {cause}",
                failed,
            ) from cause
