"""OpenTelemetry's logs as JSON (``otlp_json``): one message holds many records."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from connectors.envelopes.envelope import Inner
from connectors.envelopes.otlp_records import NAME, NO_ATTRIBUTES, Resource, Scope, number, seconds, severity
from connectors.envelopes.plain import MAX_DEPTH, plain, text_of

_MEMBERS = frozenset({"resourceLogs", "resource_logs"})


class OtlpJson:
    """An object with ``resourceLogs``; each name may be spelled with underscores too."""

    name = NAME

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
            resource = Resource(_attributes(_object(group.get("resource")).get("attributes")))
            for name in ("scopeLogs", "scope_logs", "instrumentationLibraryLogs"):
                scopes = group.get(name)
                for scoped in scopes if isinstance(scopes, list) else [scopes] if scopes else ():
                    if isinstance(scoped, dict):
                        _add_scope(lines, resource, scoped)
                    else:
                        lines.append(_odd(scoped, name))
        return lines


def _add_scope(lines: list[Inner], resource: Resource, scoped: dict[str, Any]) -> None:
    """Adds the lines of one scope."""
    found = _object(scoped.get("scope") or scoped.get("instrumentationLibrary"))
    rest = {name: value for name, value in found.items() if name not in ("name", "attributes") and value}
    if attributes := _attributes(found.get("attributes")):
        rest["attributes"] = attributes
    scope = Scope(resource, text_of(found.get("name")), plain(rest))
    for name in ("logRecords", "log_records", "logs"):
        records = scoped.get(name)
        for record in records if isinstance(records, list) else [records] if records else ():
            if isinstance(record, dict):
                lines.append(_line(scope, record))
            else:
                lines.append(_odd(record, name))


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
    return scope.line(
        time=_seconds(get("timeUnixNano") or get("time_unix_nano"))
        or _seconds(get("observedTimeUnixNano") or get("observed_time_unix_nano")),
        number=_number(get("severityNumber") or get("severity_number")),
        level=level if type(level) is str else "",
        body=body,
        attributes=_attributes(attributes) if attributes else NO_ATTRIBUTES,
        ids=ids,
        event=text_of(get("eventName") or get("event_name")),
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


def _seconds(stamp: Any) -> float | None:
    if not stamp:
        return None
    try:
        return seconds(stamp if type(stamp) is int else int(stamp))
    except (TypeError, ValueError, OverflowError):
        return None


def _number(value: Any) -> int:
    """A severity number, which may be text or its name; 0 for what is none."""
    if type(value) is int:
        return value
    try:
        return int(value) if value else 0
    except (TypeError, ValueError, OverflowError):
        return severity(value) if isinstance(value, str) else 0


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _odd(value: Any, where: str) -> Inner:
    return Inner(orjson.dumps(value).decode(), error=f"OTLP: expected an object in {where}")
