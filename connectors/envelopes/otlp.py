"""OpenTelemetry's logs as JSON (``otlp_json``): one message holds many records."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import orjson

from connectors.envelopes.envelope import Inner
from connectors.envelopes.otlp_records import NAME, NO_ATTRIBUTES, Resource, Scope, number, seconds, severity
from connectors.envelopes.plain import MAX_DEPTH, plain, text_of
from connectors.envelopes.values import as_text

RESOURCES = 1_024
"""Resources that are remembered with what their lines have in common; more, and all are looked at anew."""
LONGEST_RESOURCE = 4_096
"""Bytes of one that is remembered."""
_MEMBERS = frozenset({"resourceLogs", "resource_logs"})
_SCOPES = ("scopeLogs", "scope_logs", "instrumentationLibraryLogs")
_RECORDS = ("logRecords", "log_records", "logs")
_BESIDE_SCOPES = frozenset({"resource", "schemaUrl", "schema_url", *_SCOPES})
_BESIDE_RECORDS = frozenset({"scope", "instrumentationLibrary", "schemaUrl", "schema_url", *_RECORDS})
"""Members of a resource and of a scope: one that has no other has no records, one that has others has lost them."""


class OtlpJson:
    """An object with ``resourceLogs``; each name may be spelled with underscores too."""

    name = NAME

    def __init__(self) -> None:
        self._resources: dict[bytes, Resource] = {}

    def matches(self, names: frozenset[str]) -> bool:
        """Whether the signature is there."""
        return not names.isdisjoint(_MEMBERS)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """One line a log record; what is no record where one should be is a line with an error."""
        groups = event.get("resourceLogs", event.get("resource_logs"))
        if not isinstance(groups, list):
            return None
        lines: list[Inner] = []
        for group in groups:
            if not isinstance(group, dict):
                lines.append(_odd(group, "resourceLogs"))
                continue
            resource = self._resource(group.get("resource"))
            for scoped in _held(group, _SCOPES, _BESIDE_SCOPES):
                if isinstance(scoped, Inner):
                    lines.append(scoped)
                    continue
                scope = _scope(resource, scoped.get("scope") or scoped.get("instrumentationLibrary"))
                for record in _held(scoped, _RECORDS, _BESIDE_RECORDS):
                    lines.append(record if isinstance(record, Inner) else _line(scope, record))
        return lines

    def _resource(self, found: Any) -> Resource:
        """The resource, which is the same one in many messages."""
        try:
            key = orjson.dumps(found)
        except TypeError:  # deeper than orjson writes
            return _resource_of(found)
        resource = self._resources.get(key)
        if resource is None:
            resource = _resource_of(found)
            if len(self._resources) >= RESOURCES:
                self._resources.clear()
            if len(key) <= LONGEST_RESOURCE:
                self._resources[key] = resource
        return resource


def _held(
    holder: dict[str, Any], spellings: tuple[str, ...], beside: frozenset[str]
) -> Iterator[dict[str, Any] | Inner]:
    """The objects that a resource or a scope holds; what is none, or is under no name that is known, is a line with
    an error.
    """
    for name in spellings:
        held = holder.get(name)
        if held is not None:
            for item in held if type(held) is list else [held]:
                yield item if type(item) is dict else _odd(item, name)
    if not beside.issuperset(holder) and holder.keys().isdisjoint(spellings):
        yield Inner(as_text(holder), error=f"OTLP: {spellings[0]} is missing")


def _resource_of(found: Any) -> Resource:
    return Resource(_attributes(_object(found).get("attributes")))


def _scope(resource: Resource, found: Any) -> Scope:
    """The scope of a resource; one without attributes or a version is made once."""
    if not found:
        return resource.scope("")
    found = _object(found)
    name = text_of(found.get("name"))
    rest = {
        member: value for member, value in found.items() if member not in ("name", "attributes") and value
    }
    if attributes := _attributes(found.get("attributes")):
        rest["attributes"] = attributes
    return Scope(resource, name, plain(rest)) if rest else resource.scope(name)


def _line(scope: Scope, record: dict[str, Any]) -> Inner:
    get = record.get
    body = get("body")
    if body is not None:
        text = body.get("stringValue") if type(body) is dict else None
        body = text if type(text) is str else _body(body)
    attributes = get("attributes")
    level = get("severityText") or get("severity_text")
    ids = None
    if trace := get("traceId") or get("trace_id"):
        ids = {"traceId": trace}
    if span := get("spanId") or get("span_id"):
        ids = {"spanId": span} if ids is None else {"traceId": trace, "spanId": span}
    event = get("eventName") or get("event_name")
    severity_number = get("severityNumber") or get("severity_number")
    return scope.line(
        record_seconds(get("timeUnixNano") or get("time_unix_nano"))
        or record_seconds(get("observedTimeUnixNano") or get("observed_time_unix_nano")),
        _number(severity_number) if severity_number else 0,
        level if type(level) is str else "",
        body,
        _attributes(attributes) if attributes else NO_ATTRIBUTES,
        ids,
        text_of(event) if event else "",
    )


def _attributes(items: Any) -> dict[str, Any]:
    """Attributes by name; those that are none are left out."""
    found: dict[str, Any] = {}
    try:
        for item in items:
            name, value = item["key"], item["value"]
            text = value.get("stringValue")
            if type(name) is not str:
                return _pairs(items, 1)
            found[name] = text if type(text) is str else _native(value)
    except (TypeError, KeyError, AttributeError):
        # of an exporter that writes them as a plain object, or with parts missing
        return plain(items) if isinstance(items, dict) else _pairs(items, 1)
    return found


def _native(value: Any, depth: int = 1) -> Any:
    """An AnyValue as what JSON has for it; bytes stay base64."""
    if type(value) is not dict:
        return plain(value)
    for name, held in value.items():
        read = _READ.get(name)
        if read is not None:
            return read(held, depth)
    return plain(value) if value else None


def _body(value: Any) -> Any:
    """The same with bytes as bytes."""
    if isinstance(value, dict) and isinstance(held := value.get("bytesValue", value.get("bytes_value")), str):
        try:
            return base64.b64decode(held, validate=True)
        except (binascii.Error, ValueError):
            return held
    return _native(value)


def _string(held: Any, _: int) -> Any:
    return held if type(held) is str else plain(held)


def _int(held: Any, _: int) -> Any:
    try:
        return int(held)
    except (TypeError, ValueError, OverflowError):
        return plain(held)


def _double(held: Any, _: int) -> Any:
    try:
        return number(float(held))
    except (TypeError, ValueError, OverflowError):
        return plain(held)


def _array(held: Any, depth: int) -> Any:
    values = held.get("values") if isinstance(held, dict) else held
    if depth >= MAX_DEPTH:
        return "[...]"
    return [_native(item, depth + 1) for item in values] if isinstance(values, list) else []


def _kvlist(held: Any, depth: int) -> Any:
    values = held.get("values") if isinstance(held, dict) else held
    return _pairs(values, depth + 1) if depth < MAX_DEPTH else "{...}"


_READ = {
    f"{kind}{spelling}": read
    for kind, read in {
        "string": _string,
        "int": _int,
        "double": _double,
        "array": _array,
        "kvlist": _kvlist,
        "bool": _string,
        "bytes": _string,
    }.items()
    for spelling in ("Value", "_value")
}
"""How the value of each kind is read."""


def _pairs(items: Any, depth: int) -> dict[str, Any]:
    found = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return {text_of(item.get("key")): _native(item.get("value"), depth) for item in found}


def record_seconds(stamp: Any) -> float | None:
    """Epoch seconds of a record's time; None when it states none."""
    if not stamp:
        return None
    try:
        return seconds(int(stamp))
    except (TypeError, ValueError, OverflowError):
        return None


def _number(value: Any) -> int:
    """A severity number, which may be text or its name; 0 for what is none."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return severity(value) if isinstance(value, str) else 0


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _odd(value: Any, where: str) -> Inner:
    return Inner(as_text(value), error=f"OTLP: expected an object in {where}")
