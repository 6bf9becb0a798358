"""Confluent's wire format: a zero byte, four of a schema's id, then Avro, Protobuf or JSON."""

from __future__ import annotations

from typing import Any, Protocol

from connectors.envelopes.envelope import Inner, Undecodable

HEADER_BYTES = 5
MAX_SCHEMA_ID = 1 << 24
"""Ids count from 1; a larger number is not one but text, of UTF-16 for instance, or another encoding."""


class Schemas(Protocol):
    """What knows the schemas by their ids."""

    def event(self, schema_id: int, payload: bytes) -> str | dict[str, Any]:
        """The payload's text, or the object that it encodes.

        Raises Undecodable when it is not of its schema or there is no such one; RegistryUnreachable.
        """


class Confluent:
    """Messages of producers with a schema registry; without one here they are dead letters that say so."""

    name = "confluent"
    firsts = b"\0"

    def __init__(self, schemas: Schemas | None = None) -> None:
        self._schemas = schemas

    def unwrap(self, value: bytes) -> list[Inner | bytes] | None:
        """The one line in it. Raises Undecodable and RegistryUnreachable."""
        if value[:1] != b"\0" or len(value) < HEADER_BYTES:
            return None
        schema_id = int.from_bytes(value[1:HEADER_BYTES], "big")
        if not 0 < schema_id < MAX_SCHEMA_ID:
            return None
        if self._schemas is None:
            raise Undecodable(
                f"Confluent wire format with schema {schema_id}; set kafka.schema_registry_url to read it"
            )
        line = self._schemas.event(schema_id, value[HEADER_BYTES:])
        return [Inner(line, shipper={self.name: {"schema.id": schema_id}})]
