"""OpenTelemetry's logs as protobuf (``otlp_proto``), the default of the Collector's Kafka exporter."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.otlp_records import NAME, NO_ATTRIBUTES, Resource, Scope, number, seconds
from connectors.envelopes.plain import MAX_DEPTH

_GROUP = 0x0A
"""Tag of the only field of LogsData, a ResourceLogs."""
_IN_GROUP = (0x0A, 0x12, 0x1A)
"""Tags of a ResourceLogs: its resource, a ScopeLogs, its schema."""


class OtlpProto:
    """LogsData, told by its frame: nothing but ResourceLogs up to the last byte."""

    name = NAME
    firsts = b"\n"

    def unwrap(self, value: bytes) -> list[Inner | bytes] | None:
        """One line a log record. Raises ValueError for a message that is cut or no LogsData within a good frame."""
        if value[:1] != b"\x0a" or _is_text(value) or not (_framed(value) or _cut(value)):
            return None
        from google.protobuf.message import DecodeError

        data = _logs_data()()
        try:
            data.ParseFromString(value)
        except DecodeError as error:
            raise ValueError("OTLP: the protobuf message is cut or broken") from error
        lines: list[Inner | bytes] = []
        for group in data.resource_logs:
            resource = Resource(_attributes(group.resource.attributes))
            for scoped in group.scope_logs:
                found = scoped.scope
                rest: dict[str, Any] = {}
                if found.version:
                    rest["version"] = found.version
                if found.dropped_attributes_count:
                    rest["droppedAttributesCount"] = found.dropped_attributes_count
                if found.attributes:
                    rest["attributes"] = _attributes(found.attributes)
                scope = Scope(resource, found.name, rest)
                lines.extend([_line(scope, record) for record in scoped.log_records])
        if not lines:
            data.DiscardUnknownFields()
            if data.ByteSize() != len(value):
                raise ValueError("OTLP: a protobuf message without log records")
        return lines


@cache
def _logs_data() -> Any:
    """The message class; imported with the first such message."""
    from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

    return LogsData


def _line(scope: Scope, record: Any) -> Inner:
    ids: dict[str, Any] | None = None
    if trace := record.trace_id:
        ids = {"traceId": trace.hex()}
    if span := record.span_id:
        ids = {**(ids or {}), "spanId": span.hex()}
    attributes = record.attributes
    return scope.line(
        seconds(record.time_unix_nano) or seconds(record.observed_time_unix_nano),
        record.severity_number,
        record.severity_text,
        _native(record.body, bytes_too=True),
        _attributes(attributes) if attributes else NO_ATTRIBUTES,
        ids,
        record.event_name,
    )


def _attributes(items: Any, depth: int = 1) -> dict[str, Any]:
    return {item.key: _native(item.value, depth) for item in items}


def _native(value: Any, depth: int = 1, *, bytes_too: bool = False) -> Any:
    """An AnyValue as what JSON has for it."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    held = getattr(value, kind)
    if kind == "double_value":
        return number(held)
    if kind == "bytes_value":
        return held if bytes_too else base64.b64encode(held).decode()
    if kind == "array_value":
        return [_native(item, depth + 1) for item in held.values] if depth < MAX_DEPTH else "[...]"
    if kind == "kvlist_value":
        return _attributes(held.values, depth + 1) if depth < MAX_DEPTH else "{...}"
    return held


def _framed(value: bytes) -> bool:
    """Whether the value is ResourceLogs after ResourceLogs, to the end."""
    at, end = 0, len(value)
    while at < end:
        if value[at] != _GROUP:
            return False
        length, at = _varint(value, at + 1)
        if length and (at >= end or value[at] not in _IN_GROUP):
            return False
        at += length
    return at == end


def _cut(value: bytes) -> bool:
    """Whether it begins as LogsData, and goes on past the end."""
    length, at = _varint(value, 1)
    return length > len(value) - at > 0 and value[at] in _IN_GROUP


def _varint(value: bytes, at: int) -> tuple[int, int]:
    """A length and where it ends; what is none is past the end of all."""
    length = shift = 0
    for byte in value[at : at + 5]:
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return length, at
    return 1 << 40, at


def _is_text(value: bytes) -> bool:
    try:
        return value.decode().replace("\n", "").isprintable()
    except UnicodeDecodeError:
        return False
