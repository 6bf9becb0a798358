"""How to reach Kafka: one settings model that serves kafka-python and aiokafka alike."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from kafka.net.sasl.oauth import AbstractTokenProvider
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

CLIENT_LOGGERS = ("kafka", "aiokafka")


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
    schema_registry_url: str | None = Field(
        default=None,
        description="Schema registry for messages in Confluent's wire format, http(s)://host:port, comma list; "
        "they are dead letters when unset",
    )
    schema_registry_username: str | None = Field(
        default=None, description="User name, or API key, at the schema registry"
    )
    schema_registry_password: SecretStr | None = Field(
        default=None, description="Password, or API secret, at the schema registry"
    )
    schema_registry_cafile: Path | None = Field(
        default=None,
        description="PEM file with the CAs to trust for the schema registry; the usual ones when unset",
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
    def _check_registry(self) -> Self:
        if self.schema_registry_url is None:
            self._refuse(
                ("schema_registry_username", "schema_registry_password", "schema_registry_cafile"),
                "has no effect without kafka.schema_registry_url",
            )
            return self
        for url in self.schema_registry_url.split(","):
            _check_registry_url(url.strip())
        if (self.schema_registry_username is None) != (self.schema_registry_password is None):
            raise ValueError(
                "kafka.schema_registry_username and kafka.schema_registry_password need each other"
            )
        return self

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


def _check_registry_url(url: str) -> None:
    """Raises ValueError, which shows no part of a URL with a password in it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "kafka.schema_registry_url: user and password belong into kafka.schema_registry_username and "
            "kafka.schema_registry_password"
        )
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ValueError("kafka.schema_registry_url: expected http://host:port or https://host:port")


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
