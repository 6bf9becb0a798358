"""Waiting for a broker that answers, and clients of kafka-python that say so when none does."""

from __future__ import annotations

import socket
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors

from connectors.kafka.settings import KafkaSettings
from connectors.waiting import Deadline, OnRetry, retry

PROBE_SECONDS = 5.0
"""Longest a single attempt may take while waiting for a broker."""
BOOTSTRAP_MS = 10_000
"""Longest a client may look for its first broker; use wait_until_reachable to wait longer."""


class BrokerUnreachable(ConnectionError):  # noqa: N818
    """No broker of ``kafka.bootstrap_servers`` answered in time."""


def client(factory: Any, settings: KafkaSettings, **options: Any) -> Any:
    """A client of kafka-python. Raises BrokerUnreachable."""
    try:
        return factory(**settings.client_kwargs(), bootstrap_timeout_ms=BOOTSTRAP_MS, **options)
    except kafka_errors.KafkaTimeoutError as error:
        raise BrokerUnreachable(
            f"no Kafka broker at {settings.bootstrap_servers} within {BOOTSTRAP_MS // 1000} s "
            "(setting kafka.bootstrap_servers)"
        ) from error


def wait_until_reachable(
    settings: KafkaSettings, deadline_seconds: float = 30.0, on_retry: OnRetry | None = None
) -> None:
    """Return once a broker answers; raise BrokerUnreachable when none did within ``deadline_seconds``.

    Between attempts the wait doubles, with jitter; ``on_retry(reason, seconds)`` is called before each wait.
    """
    kwargs = settings.client_kwargs()
    # kafka-python reports a timeout for each of them: another protocol, a certificate, a refused login.
    suspects = ["security_protocol"]
    suspects += ["ssl_cafile"] if "SSL" in settings.security_protocol else []
    suspects += ["sasl_mechanism and its credentials"] if settings.sasl_mechanism else []
    hint = "check " + ", ".join(f"kafka.{suspect}" for suspect in suspects)

    def attempt(seconds_left: float) -> str | None:
        seconds = min(PROBE_SECONDS, max(seconds_left, 0.2))
        failure = _probe_sockets(settings.addresses(), seconds)
        return failure if failure is not None else _probe_protocol(kwargs, seconds, hint)

    failure = retry(attempt, Deadline(deadline_seconds), on_retry)
    if failure is not None:
        raise BrokerUnreachable(
            f"no Kafka broker at {settings.bootstrap_servers} within {deadline_seconds:g} s: {failure} "
            "(setting kafka.bootstrap_servers)"
        )


def _probe_sockets(addresses: list[tuple[str, int]], seconds: float) -> str | None:
    """None when any address accepts a connection, else why the last one did not.

    Asked before kafka-python, whose bootstrap logs several lines per attempt and hides the reason.
    """
    failure = None
    for address in addresses:
        try:
            socket.create_connection(address, timeout=seconds).close()
        except OSError as error:
            failure = (error.strerror or str(error) or type(error).__name__).lower()
        else:
            return None
    return failure


def _probe_protocol(kwargs: dict[str, Any], seconds: float, hint: str) -> str | None:
    try:
        KafkaAdminClient(**kwargs, bootstrap_timeout_ms=int(seconds * 1000)).close()
    except kafka_errors.KafkaError as error:
        if isinstance(error, kafka_errors.KafkaTimeoutError):
            return f"connected, but not accepted as a Kafka client; {hint}"
        return f"{error}; {hint}"
    return None
