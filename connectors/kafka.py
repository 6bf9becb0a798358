"""Kafka: connection settings and the few admin questions the project asks.

Uses kafka-python; ``KafkaSettings.aiokafka_kwargs`` serves the worker's own aiokafka consumer. Imports
nothing of stream_processors, encoder_core or trainer.
"""

from __future__ import annotations

import logging
import socket
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors
from kafka.net.sasl.oauth import AbstractTokenProvider
from kafka.structs import TopicPartition
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

from connectors.backoff import Deadline, OnRetry, retry

PROBE_SECONDS = 5.0
"""Longest a single attempt may take while waiting for a broker."""
CLIENT_LOGGERS = ("kafka", "aiokafka")
BOOTSTRAP_MS = 10_000
"""Longest a client may look for its first broker; use wait_until_reachable to wait longer."""


class BrokerUnreachable(ConnectionError):  # noqa: N818
    """No broker of ``kafka.bootstrap_servers`` answered in time."""


class TopicError(RuntimeError):
    """A topic could not be created, or does not exist."""


class _StaticToken(AbstractTokenProvider):
    """kafka-python's form of a fixed OAUTHBEARER token."""

    def __init__(self, token: SecretStr) -> None:
        super().__init__()
        self._token = token

    def token(self) -> str:
        return self._token.get_secret_value()


class KafkaSettings(BaseModel):
    """How to reach Kafka. Checked as a whole: a setting that would be ignored is an error."""

    # Inputs are hidden in errors: a rejected value may be a secret.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    bootstrap_servers: str = Field(
        default="localhost:9092", description="Brokers to ask first: host:port, comma list"
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    ssl_cafile: Path | None = Field(
        default=None, description="PEM file with the CAs to trust; the system's CAs when unset"
    )
    ssl_certfile: Path | None = Field(
        default=None, description="PEM file with the client certificate (mutual TLS)"
    )
    ssl_keyfile: Path | None = Field(
        default=None,
        description="PEM file with the client's key, unencrypted; the certificate's file when unset",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = Field(
        default=None, description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
    )
    sasl_username: str | None = Field(default=None, description="User name for PLAIN and SCRAM")
    sasl_password: SecretStr | None = Field(default=None, description="Password for PLAIN and SCRAM")
    sasl_oauth_token: SecretStr | None = Field(
        default=None, description="Token for OAUTHBEARER, sent as it is"
    )
    client_id: str = Field(
        default="secencoder-streams", min_length=1, description="Name in the broker's logs and quotas"
    )
    api_version: tuple[int, ...] | None = Field(
        default=None,
        description="Protocol version for kafka-python, e.g. (2, 1) for librdkafka's mock cluster; asked "
        "from the broker when unset",
    )

    @field_validator("bootstrap_servers")
    @classmethod
    def _check_servers(cls, value: str) -> str:
        servers = [server.strip() for server in value.split(",")]
        for server in servers:
            host, _, port = server.rpartition(":")
            if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
                raise ValueError(f"kafka.bootstrap_servers: expected host:port, got {server!r}")
        return ",".join(servers)

    @model_validator(mode="after")
    def _check_security(self) -> Self:
        if "SSL" not in self.security_protocol:
            self._refuse(
                ("ssl_cafile", "ssl_certfile", "ssl_keyfile"),
                f"has no effect with kafka.security_protocol={self.security_protocol}; use SSL or SASL_SSL",
            )
        if self.ssl_keyfile and not self.ssl_certfile:
            raise ValueError("kafka.ssl_keyfile is set without kafka.ssl_certfile")
        if not self.security_protocol.startswith("SASL"):
            self._refuse(
                ("sasl_mechanism", "sasl_username", "sasl_password", "sasl_oauth_token"),
                f"has no effect with kafka.security_protocol={self.security_protocol}; "
                "use SASL_SSL or SASL_PLAINTEXT",
            )
        elif self.sasl_mechanism is None:
            raise ValueError(f"kafka.security_protocol={self.security_protocol} needs kafka.sasl_mechanism")
        elif self.sasl_mechanism == "OAUTHBEARER":
            self._require(("sasl_oauth_token",))
            self._refuse(("sasl_username", "sasl_password"), "has no effect with OAUTHBEARER")
        else:
            self._require(("sasl_username", "sasl_password"))
            self._refuse(("sasl_oauth_token",), f"has no effect with {self.sasl_mechanism}; use OAUTHBEARER")
        return self

    def _refuse(self, names: tuple[str, ...], why: str) -> None:
        for name in names:
            if getattr(self, name) is not None:
                raise ValueError(f"kafka.{name} {why}")

    def _require(self, names: tuple[str, ...]) -> None:
        for name in names:
            if getattr(self, name) is None:
                raise ValueError(f"kafka.sasl_mechanism={self.sasl_mechanism} needs kafka.{name}")

    def addresses(self) -> list[tuple[str, int]]:
        """``bootstrap_servers`` as (host, port) pairs; brackets of IPv6 addresses removed."""
        pairs = [server.rpartition(":") for server in self.bootstrap_servers.split(",")]
        return [(host.strip("[]"), int(port)) for host, _, port in pairs]

    def ssl_context(self) -> ssl.SSLContext | None:
        """A verifying client context, or None without TLS. A file that cannot be read is a ValueError."""
        if "SSL" not in self.security_protocol:
            return None
        return client_ssl_context(
            "kafka", ssl_cafile=self.ssl_cafile, ssl_certfile=self.ssl_certfile, ssl_keyfile=self.ssl_keyfile
        )

    def _shared_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
        }
        context = self.ssl_context()
        if context is not None:
            kwargs["ssl_context"] = context
        if self.sasl_mechanism is not None:
            _keep_logins_out_of_logs()
            kwargs["sasl_mechanism"] = self.sasl_mechanism
        if self.sasl_username is not None and self.sasl_password is not None:
            kwargs["sasl_plain_username"] = self.sasl_username
            kwargs["sasl_plain_password"] = self.sasl_password.get_secret_value()
        return kwargs

    def client_kwargs(self) -> dict[str, Any]:
        """Keyword arguments for any client of kafka-python. They hold secrets: never log them."""
        kwargs = self._shared_kwargs()
        if self.sasl_oauth_token is not None:
            kwargs["sasl_oauth_token_provider"] = _StaticToken(self.sasl_oauth_token)
        if self.api_version is not None:
            kwargs["api_version"] = self.api_version
        return kwargs

    def aiokafka_kwargs(self) -> dict[str, Any]:
        """Keyword arguments for any client of aiokafka. They hold secrets: never log them.

        ``api_version`` is left out: aiokafka negotiates per request and has deprecated the parameter.
        """
        kwargs = self._shared_kwargs()
        if self.sasl_oauth_token is not None:
            kwargs["sasl_oauth_token_provider"] = _aiokafka_token(self.sasl_oauth_token)
        return kwargs


def _keep_logins_out_of_logs() -> None:
    """At DEBUG the clients print their configuration and requests whole, passwords and tokens included."""
    for name in CLIENT_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))


def _aiokafka_token(secret: SecretStr) -> Any:
    """The same for aiokafka; imported late, since only the worker needs aiokafka."""
    from aiokafka.abc import AbstractTokenProvider as AsyncTokenProvider

    class StaticToken(AsyncTokenProvider):
        async def token(self) -> str:
            return secret.get_secret_value()

    return StaticToken()


def client_ssl_context(section: str, **files: Path | None) -> ssl.SSLContext:
    """A verifying client context from a CA file, a certificate and a key, in this order.

    ``section`` and the argument names make up the setting that an error names, e.g. ``kafka.ssl_cafile``.
    """
    for setting, path in files.items():
        if path is not None and not path.is_file():
            raise ValueError(f"{section}.{setting}: no such file: {path}")
    (ca_name, cafile), (cert_name, certfile), (_, keyfile) = files.items()
    try:
        context = ssl.create_default_context(cafile=cafile)
    except ssl.SSLError as error:
        raise ValueError(f"{section}.{ca_name}: no PEM certificates in {cafile}") from error
    if certfile is not None:
        try:
            # An empty password keeps OpenSSL from asking for one on the terminal.
            context.load_cert_chain(certfile, keyfile, password="")
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(
                f"{section}.{cert_name}: cannot use {certfile} with its key (PEM, unencrypted)"
            ) from error
    return context


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


def ensure_topic(
    settings: KafkaSettings, name: str, partitions: int, *, replication_factor: int = -1, **config: Any
) -> int:
    """Create the topic unless it exists; return how many partitions it has, which may differ then.

    ``config`` are topic settings with underscores for dots, e.g. ``retention_ms=3600000``. A factor of -1
    means the broker's default. librdkafka's mock cluster cannot create topics on request; there the topic
    comes into being with the cluster's own number of partitions. Raises TopicError.
    """
    topic = {
        "num_partitions": partitions,
        "replication_factor": replication_factor,
        "configs": {key.replace("_", "."): _as_text(value) for key, value in config.items()},
    }
    refused = f"topic {name!r} cannot be created on {settings.bootstrap_servers}"
    with closing(client(KafkaAdminClient, settings)) as admin:
        existing = _partition_count(admin, name)
        if existing:
            return existing
        try:
            (answer,) = admin.create_topics({name: topic}, raise_errors=False)["topics"]
        except (kafka_errors.UnknownBrokerIdError, kafka_errors.IncompatibleBrokerVersion) as error:
            return _auto_create(settings, name, f"{refused}: {error}")
        except (kafka_errors.KafkaError, ValueError) as error:
            raise TopicError(f"{refused}: {error}") from error
        code = answer["error_code"]
        if code not in (0, kafka_errors.TopicAlreadyExistsError.errno):
            reason = answer.get("error_message") or kafka_errors.for_code(code).__name__
            raise TopicError(f"{refused}: {reason}")
        admin.wait_for_topics([name])
        return _partition_count(admin, name)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def client(factory: Any, settings: KafkaSettings, **options: Any) -> Any:
    """A client of kafka-python. Raises BrokerUnreachable."""
    try:
        return factory(**settings.client_kwargs(), bootstrap_timeout_ms=BOOTSTRAP_MS, **options)
    except kafka_errors.KafkaTimeoutError as error:
        raise BrokerUnreachable(
            f"no Kafka broker at {settings.bootstrap_servers} within {BOOTSTRAP_MS // 1000} s "
            "(setting kafka.bootstrap_servers)"
        ) from error


def _partition_count(admin: Any, name: str) -> int:
    return sum(len(topic["partitions"]) for topic in admin.describe_topics([name]))


def _auto_create(settings: KafkaSettings, name: str, refused: str) -> int:
    """Ask for the topic's metadata as a producer, which creates it on a cluster that has no CreateTopics."""
    with closing(client(KafkaProducer, settings, max_block_ms=BOOTSTRAP_MS)) as producer:
        try:
            return len(producer.partitions_for(name))
        except kafka_errors.KafkaError as error:
            raise TopicError(refused) from error


def _partitions(consumer: Any, settings: KafkaSettings, topic: str) -> list[TopicPartition]:
    partitions = consumer.partitions_for_topic(topic)
    if not partitions:
        raise TopicError(f"topic {topic!r} does not exist on {settings.bootstrap_servers}")
    return [TopicPartition(topic, partition) for partition in sorted(partitions)]


def end_offsets(settings: KafkaSettings, topic: str) -> dict[int, int]:
    """Per partition the offset up to which lines can be read. Raises TopicError for an unknown topic.

    That is where the next message will be, or the first one of a transaction that is still open: a reader of
    committed messages gets no further.
    """
    return _offsets(settings, topic, "end_offsets")


def beginning_offsets(settings: KafkaSettings, topic: str) -> dict[int, int]:
    """Per partition the offset of the first message that is kept. Raises TopicError for an unknown topic."""
    return _offsets(settings, topic, "beginning_offsets")


def _offsets(settings: KafkaSettings, topic: str, question: str) -> dict[int, int]:
    options = {"allow_auto_create_topics": False, "isolation_level": "read_committed"}
    with closing(client(KafkaConsumer, settings, **options)) as consumer:
        offsets = getattr(consumer, question)(_partitions(consumer, settings, topic))
        return {partition.partition: offset for partition, offset in offsets.items()}


def committed(settings: KafkaSettings, group: str, topic: str) -> dict[int, int]:
    """Per partition the group's committed offset; a partition without a commit is left out.

    Asks without joining the group, so nobody's partitions move. Raises TopicError for an unknown topic.
    """
    consumer = client(
        KafkaConsumer, settings, group_id=group, enable_auto_commit=False, allow_auto_create_topics=False
    )
    with closing(consumer):
        offsets = {
            partition.partition: consumer.committed(partition)
            for partition in _partitions(consumer, settings, topic)
        }
    return {partition: offset for partition, offset in offsets.items() if offset is not None}
