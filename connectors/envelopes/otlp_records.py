"""What the two encodings of OpenTelemetry's logs have in common: from a record's parts to its line."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

from connectors import formats
from connectors.envelopes.envelope import Inner
from connectors.envelopes.plain import MAX_COLUMNS, add_columns, is_binary, text_of
from connectors.records import (
    CONTAINER,
    DEBUG,
    ERROR,
    FATAL,
    HOST,
    INFO,
    LEVEL,
    LOGGER,
    NAMESPACE,
    ORIGIN,
    SERVICE,
    TRACE,
    WARN,
)

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
_LEVELS = {"TRACE": TRACE, "DEBUG": DEBUG, "INFO": INFO, "WARN": WARN, "ERROR": ERROR, "FATAL": FATAL}
_LEVELS |= {"INFORMATION": INFO, "NOTICE": INFO + 1, "WARNING": WARN, "ERR": ERROR, "CRITICAL": FATAL}
_MAX_LEVELS = 64
_UNITS = ((1e14, 1e6), (1e11, 1e3), (0, 1.0))
"""The least number that is in a unit, and how many of it make a second."""


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
        *,
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
            if len(self._columns) < _MAX_LEVELS:
                self._columns[level] = columns
        stream = self._stream
        for name in attributes:
            if name[:3] == "log":
                attributes, made = _apart(attributes)
                ids = {**(ids or {}), **made}
                stream = " ".join(filter(None, (stream, *(text_of(made.get(name)) for name in _READ_FROM))))
                break
        inner = Inner(
            body if type(body) is str else "",
            time,
            number if 1 <= number <= 24 else severity(level),
            columns,
            self._shared if ids is None else {NAME: {**self._shipper, **ids}},
            stream=stream,
        )
        if attributes or event:
            _add_content(inner, body, attributes, event)
        elif type(body) is not str:
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
    room = MAX_COLUMNS - len(own)
    for name, value in attributes.items() if len(attributes) < room else islice(attributes.items(), room):
        if type(value) is str:
            own[name] = value
        elif type(value) is int:
            own[name] = str(value)
        else:
            add_columns(own, name, value)
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
        of_collector = name in _SHIPPERS_NAMES or name.startswith(_SHIPPERS)
        (made if of_collector else content)[name] = value
    return content, made


def severity(level: str) -> int:
    """The number of a level's word, of an enumeration's name such as ``SEVERITY_NUMBER_INFO2`` too; 0 for neither."""
    name = level.upper().removeprefix("SEVERITY_NUMBER_")
    step = int(name[-1]) - 1 if name[-1:] in ("2", "3", "4") else 0
    least = _LEVELS.get(name[:-1] if step else name, 0)
    return least + step if least else 0


def seconds(stamp: float) -> float | None:
    """Epoch seconds of a number of nanoseconds, of smaller ones in micro-, milliseconds or seconds; None for 0."""
    if 1e17 <= stamp < 4.2e18:
        return stamp / 1e9
    if not 0 < stamp < 1e17:
        return None
    return next(stamp / parts for least, parts in _UNITS if stamp >= least)


def number(value: float) -> float | str:
    """A double as JSON knows it: what is not finite is its name."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
