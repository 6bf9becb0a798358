"""Schemas of Confluent's wire format, asked from the registry once each."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from connectors.config import SettingsError
from connectors.envelopes.envelope import RegistryUnreachable, Undecodable
from connectors.kafka.settings import KafkaSettings, client_ssl_context

TIMEOUT_SECONDS = 5
"""Of one question to the registry; whoever reads the message asks again."""
MISSING_SECONDS = 60
"""How long a schema that the registry does not have is not asked for again."""
MAX_SCHEMAS = 10_000
NOT_FOUND = (404, 422)
DENIED = (401, 403)

Decode = Callable[[bytes], Any]
"""From a payload to its text or to an object of what JSON knows."""


class SchemaRegistry:
    """The registry of ``kafka.schema_registry_url``; it needs the extra ``registry``."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Asks the registry nothing yet. Raises SettingsError without the extra, ValueError for an unfit file."""
        config = client_config(settings) | {"timeout": TIMEOUT_SECONDS, "max.retries": 0}
        try:
            from confluent_kafka.schema_registry import SchemaRegistryClient
        except ImportError as error:
            raise SettingsError(
                "kafka.schema_registry_url needs the extra: pip install 'secencoder-streams[registry]'"
            ) from error
        self._url = config["url"]
        self._client = SchemaRegistryClient(config)
        # A client remembers a schema in the form in which it was first asked for: text here, descriptors there.
        self._descriptors = SchemaRegistryClient(config)
        self._decoders: dict[int, Decode] = {}
        self._missing: dict[int, tuple[float, str]] = {}

    def event(self, schema_id: int, payload: bytes) -> str | dict[str, Any]:
        """The payload's text, or the object that it encodes. Raises Undecodable and RegistryUnreachable."""
        decode = self._decoders.get(schema_id)
        if decode is None:
            decode = self._decoder(schema_id)
        try:
            value = decode(payload)
        except Exception as error:  # every encoding has errors of its own for bytes that don't fit
            raise Undecodable(f"payload is not of schema {schema_id}: {one_line(error)}") from error
        return value if isinstance(value, str | dict) else {"value": value}

    def _decoder(self, schema_id: int) -> Decode:
        until, reason = self._missing.get(schema_id, (0.0, ""))
        if time.monotonic() < until:
            raise Undecodable(reason)
        try:
            decode = self._made(schema_id)
        except Undecodable as error:
            if len(self._missing) >= MAX_SCHEMAS:
                self._missing.clear()
            self._missing[schema_id] = (time.monotonic() + MISSING_SECONDS, str(error))
            raise
        if len(self._decoders) >= MAX_SCHEMAS:
            self._decoders.clear()
        self._decoders[schema_id] = decode
        return decode

    def _made(self, schema_id: int) -> Decode:
        schema = self._ask(schema_id, lambda: self._client.get_schema(schema_id))
        kind = schema.schema_type or "AVRO"
        if kind == "JSON":
            return lambda payload: payload.decode("utf-8", "replace")
        try:
            if kind == "AVRO":
                from connectors.kafka import avro

                return avro.decoder(schema, lambda other: self._referenced(schema_id, self._client, other))
            if kind == "PROTOBUF":
                from connectors.kafka import protobuf

                schema = self._ask(
                    schema_id, lambda: self._descriptors.get_schema(schema_id, fmt="serialized")
                )
                return protobuf.decoder(
                    schema, lambda other: self._referenced(schema_id, self._descriptors, other, "serialized")
                )
        except (Undecodable, RegistryUnreachable):
            raise
        except Exception as error:
            raise Undecodable(f"schema {schema_id} can't be used: {one_line(error)}") from error
        raise Undecodable(f"schema {schema_id} is {kind}: only AVRO, PROTOBUF and JSON are known")

    def _referenced(self, schema_id: int, client: Any, other: Any, form: str | None = None) -> Any:
        """A schema that another one names."""
        return self._ask(schema_id, lambda: client.get_version(other.subject, other.version, fmt=form)).schema

    def _ask(self, schema_id: int, question: Callable[[], Any]) -> Any:
        from confluent_kafka.schema_registry import SchemaRegistryError

        try:
            return question()
        except SchemaRegistryError as error:
            if error.http_status_code in NOT_FOUND:
                raise Undecodable(f"the registry has no schema {schema_id}") from error
            hint = "; check kafka.schema_registry_username" if error.http_status_code in DENIED else ""
            reason = f"HTTP status {error.http_status_code}{hint}"
        except Exception as error:  # the HTTP client differs between versions, and so do its errors
            reason = one_line(error)
        raise RegistryUnreachable(
            f"no schema from the registry at {self._url}: {reason} (setting kafka.schema_registry_url)"
        )


def client_config(settings: KafkaSettings) -> dict[str, Any]:
    """The configuration of a registry client. It holds a secret: never log it. Raises ValueError for an unfit file."""
    config: dict[str, Any] = {"url": settings.schema_registry_url}
    if settings.schema_registry_cafile is not None:
        cafile = settings.schema_registry_cafile
        client_ssl_context("kafka", schema_registry_cafile=cafile, certfile=None, keyfile=None)
        config["ssl.ca.location"] = str(cafile)
    if settings.schema_registry_username is not None and settings.schema_registry_password is not None:
        password = settings.schema_registry_password.get_secret_value()
        config["basic.auth.user.info"] = f"{settings.schema_registry_username}:{password}"
    return config


def one_line(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
