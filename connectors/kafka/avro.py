"""Avro payloads of Confluent's wire format; needs the extra ``registry``."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import fastavro
import orjson

from connectors.envelopes.plain import plain

MAX_REFERENCES = 100
"""Schemas that one needs, those that they need included."""


def decoder(schema: Any, referenced: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    """What reads the payloads of a schema. schema: of the registry's client, as all that referenced gives."""
    named: dict[str, Any] = {}
    _name(schema, referenced, named, set())
    parsed = fastavro.parse_schema(orjson.loads(schema.schema_str), named_schemas=named)

    read = fastavro.schemaless_reader
    if _is_recursive(parsed, named, {}):
        # The compiled reader has no bound on depth: a message that nests deeply would end the process.
        from fastavro._read_py import schemaless_reader as read

    def decode(payload: bytes) -> Any:
        stream = io.BytesIO(payload)
        value = read(stream, parsed, None)
        if stream.tell() != len(payload):
            raise ValueError(f"{len(payload) - stream.tell()} bytes are left over")
        return plain(value)

    return decode


def _name(schema: Any, referenced: Callable[[Any], Any], named: dict[str, Any], seen: set[str]) -> None:
    """Parses what a schema refers to, the innermost first."""
    for other in schema.references or ():
        if other.name in seen:
            continue
        if len(seen) >= MAX_REFERENCES:
            raise ValueError(f"it refers to more than {MAX_REFERENCES} others")
        seen.add(other.name)
        inner = referenced(other)
        _name(inner, referenced, named, seen)
        fastavro.parse_schema(orjson.loads(inner.schema_str), named_schemas=named)


def _is_recursive(schema: Any, named: dict[str, Any], within: dict[str, bool]) -> bool:
    """Whether a parsed schema holds itself. Raises ValueError for an array of what takes no bytes.

    within: names seen so far; True while their own parts are looked at.
    """
    name = schema.get("name") if isinstance(schema, dict) else schema if isinstance(schema, str) else None
    if name in named:
        if name in within:
            return within[name]
        schema = named[name]
        within[name] = True
    if isinstance(schema, dict) and "items" in schema and _takes_nothing(schema["items"], named):
        raise ValueError("an array of items without bytes")
    recursive = False
    for part in _parts(schema):
        recursive |= _is_recursive(part, named, within)
    if name in named:
        within[name] = False
    return recursive


def _takes_nothing(schema: Any, named: dict[str, Any]) -> bool:
    """Whether all values of a parsed schema are encoded in no bytes."""
    if isinstance(schema, str):
        return schema == "null" or (schema in named and _takes_nothing(named[schema], named))
    if not isinstance(schema, dict):
        return False
    if "fields" in schema:
        return all(_takes_nothing(part, named) for part in _parts(schema))
    return schema["type"] == "null" or (schema["type"] == "fixed" and schema["size"] == 0)


def _parts(schema: Any) -> list[Any]:
    """The schemas inside a parsed one."""
    if isinstance(schema, list):
        return schema
    if not isinstance(schema, dict):
        return []
    fields = [member["type"] for member in schema.get("fields", ())]
    return fields + [schema[name] for name in ("items", "values") if name in schema]
