"""What the two encodings of OpenTelemetry's logs have in common: from a record's parts to its line."""

from __future__ import annotations

import math
from typing import Any

from connectors import formats
from connectors.envelopes import levels, stamps
from connectors.envelopes.envelope import Inner
from connectors.envelopes.paths import add_columns
from connectors.envelopes.plain import is_binary, text_of
from connectors.records import CONTAINER, HOST, LEVEL, LOGGER, NAMESPACE, ORIGIN, SERVICE

NAME = "otlp"
EVENT_NAME = "event.name"
BODY = "body"
"""Name of a list that is a body."""
NO_ATTRIBUTES: dict[str, Any] = {}
_COLUMNS = {
    "service.name": SERVICE,
    "host.name": HOST,
    "k8s.namespace.name": NAMESPACE,
    "k8s.container.name": CONTAINER,
}
_ELSE = {"container.name": CONTAINER, "k8s.node.name": HOST}
"""Resource attributes that stand for a column when its own attribute is missing."""
_STREAM = ("k8s.pod.name", "service.instance.id", "container.id", "log.file.path")
_SHIPPERS = ("log.file.", "log.record.")
_SHIPPERS_NAMES = frozenset({"log.iostream", "logtag"})
"""Attributes of a record that its collector made: where it was read, and the line as it was before."""
_READ_FROM = ("log.file.path", "log.file.name", "log.iostream")
_MAX_SCOPES, _LONGEST_NAME = 8, 256
_MAX_LEVELS, _LONGEST_LEVEL = 16, 32
"""Of a resource's scopes, and of their levels, so many of so many characters are remembered."""
_NANOSECONDS = 1_000_000_000
_EARLIEST, _LATEST = stamps.EARLIEST * _NANOSECONDS, stamps.LATEST * _NANOSECONDS
_SEVERITY_NUMBER = "SEVERITY_NUMBER_"


class Resource:
    """What the records of one resource share. attributes: by name, as ``plain`` values."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        self.columns: dict[str, str] = {}
        self.rest: dict[str, Any] = {}
        for name, value in attributes.items():
            column = _COLUMNS.get(name)
            if column is not None and (text := text_of(value)):
                self.columns[column] = text
            else:
                self.rest[name] = value
        for name, column in _ELSE.items():
            if column not in self.columns and (text := text_of(self.rest.get(name))):
                self.columns[column] = text
        origin = [self.columns.get(name, "") for name in ORIGIN]
        self.stream = " ".join(filter(None, origin + [text_of(self.rest.get(name)) for name in _STREAM]))
        self._scopes: dict[str, Scope] = {}

    def scope(self, name: str) -> Scope:
        """Its scope of which no more than the name is said."""
        scope = self._scopes.get(name)
        if scope is None:
            scope = Scope(self, name, {})
            if len(self._scopes) < _MAX_SCOPES and len(name) <= _LONGEST_NAME:
                self._scopes[name] = scope
        return scope


class Scope:
    """What the records of one instrumentation scope share; it makes their lines."""

    def __init__(self, resource: Resource, name: str, rest: dict[str, Any]) -> None:
        columns = {**resource.columns, LOGGER: name} if name else resource.columns
        self._columns = {"": columns}
        self._stream = resource.stream
        self._shipper: dict[str, Any] = {"resource": resource.rest} if resource.rest else {}
        if rest:
            self._shipper["scope"] = rest
        self._shared = {NAME: self._shipper} if self._shipper else None

    def line(
        self,
        time: float | None,
        number: int,
        level: str,
        body: Any,
        attributes: dict[str, Any],
        ids: dict[str, Any] | None,
        event: str,
    ) -> Inner:
        """The line of one record.

        time: epoch seconds. body: text, bytes, or a ``plain`` value, None for no body. ids: what else of the record is
        the shipper's. event: its event name.
        """
        columns = self._columns.get(level)
        if columns is None:
            columns = {**self._columns[""], LEVEL: level}
            if len(self._columns) < _MAX_LEVELS and len(level) <= _LONGEST_LEVEL:
                self._columns[level] = columns
        stream = self._stream
        for name in attributes:
            if name[:3] == "log":
                attributes, made = _apart(attributes)
                if made:
                    ids = {**ids, **made} if ids is not None else made
                    for part in _READ_FROM:
                        if part in made and (text := text_of(made[part])):
                            stream = f"{stream} {text}" if stream else text
                break
        is_text = type(body) is str
        inner = Inner(
            body if is_text else "",
            time,
            number if 1 <= number <= 24 else severity(level) if level else 0,
            columns,
            self._shared if ids is None else {NAME: {**self._shipper, **ids}},
            None,
            None,
            stream,
        )
        if attributes or event:
            _add_content(inner, body, attributes, event)
        elif not is_text:
            _set_line(inner, body, attributes, event)
        return inner


def _add_content(inner: Inner, body: Any, attributes: dict[str, Any], event: str) -> None:
    """Attributes and event name as columns beside a body that is text, as members of a line that is an object."""
    if not body or type(body) is not str:
        _set_line(inner, body, attributes, event)
        if type(inner.line) is not str:
            return
    own = dict(inner.columns)
    if event:
        own[EVENT_NAME] = event
    for name, value in attributes.items():
        if type(value) is str and len(own) < formats.MAX_FIELDS:
            own[name] = value
        elif type(value) is int and len(own) < formats.MAX_FIELDS:
            own[name] = str(value)
        else:
            own.pop(name, None)
            add_columns(own, attributes, (name,))
    inner.columns = own


def _set_line(inner: Inner, body: Any, attributes: dict[str, Any], event: str) -> None:
    """The line of a body that is no text or is empty."""
    if isinstance(body, bytes):
        inner.line = formats.decode(body)
        if is_binary(inner.line):
            inner.error = f"OTLP body of {len(body)} bytes that are no text"
        return
    if isinstance(body, dict):
        content = body
    elif isinstance(body, list):
        content = {BODY: body}
    elif body or body is False or body == 0:
        inner.line = text_of(body)
        return
    elif attributes or event:
        content = NO_ATTRIBUTES
    else:
        return
    inner.line = {**attributes, **content}
    if event:
        inner.line.setdefault(EVENT_NAME, event)


def _apart(attributes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A record's attributes that are content, and those that its collector made."""
    content: dict[str, Any] = {}
    made: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in _SHIPPERS_NAMES or name.startswith(_SHIPPERS):
            made[name] = value
        else:
            content[name] = value
    return content, made


def severity(level: str) -> int:
    """The number of a level's word, of a number's own name such as ``SEVERITY_NUMBER_INFO2`` too; 0 for neither."""
    if not level.startswith(_SEVERITY_NUMBER):
        return levels.of_word(level)
    name = level.removeprefix(_SEVERITY_NUMBER)
    step = int(name[-1]) - 1 if name[-1:] in ("2", "3", "4") else 0
    least = levels.of_word(name[:-1] if step else name)
    return least + step if least else 0


def seconds(stamp: float) -> float | None:
    """Epoch seconds of a number of nanoseconds, of smaller ones in the unit that they must be in; None for none."""
    return stamp / _NANOSECONDS if _EARLIEST <= stamp < _LATEST else stamps.since_epoch(stamp)


def number(value: float) -> float | str:
    """A double as JSON knows it: what is not finite is its name."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
