"""From an exception to an exit code and one line."""

from __future__ import annotations

import redis
from kafka.errors import KafkaError

from connectors.envelopes.plugins import PluginError
from connectors.kafka import BrokerUnreachable, TopicError
from connectors.kafka.producer import DeliveryError
from connectors.redis import StoreUnreachable
from connectors.store import Occupied, StoreRefused
from encoder_core import BundleError
from stream_processors.demo.run import DemoError
from stream_processors.demo.servers import EmbeddedServerError
from stream_processors.settings import SettingsError

WRONG_INPUT = (SettingsError, BundleError, TopicError, PluginError)
FAILURES = (
    BrokerUnreachable,
    StoreUnreachable,
    StoreRefused,
    Occupied,
    EmbeddedServerError,
    DeliveryError,
    DemoError,
    redis.RedisError,
    KafkaError,
)


def exit_code_and_line(error: Exception) -> tuple[int, str | None]:
    """2 for wrong input, 1 for a failure at run time; no line for what is a defect and deserves its traceback."""
    if (
        isinstance(error, OSError)
        and error.filename is not None
        and not isinstance(error, WRONG_INPUT + FAILURES)
    ):
        return 2, f"{error.filename}: {error.strerror}"
    line = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, WRONG_INPUT):
        return 2, line
    return (1, line) if isinstance(error, FAILURES) else (1, None)
