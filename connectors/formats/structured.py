"""JSON objects, nested or flat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.formats.clock import UTC, Clock
from connectors.formats.json_text import loads
from connectors.formats.object_shapes import ObjectShapes
from connectors.formats.pairs import MAX_FIELDS, Leaves, add_leaf, event_times, joined, render
from connectors.formats.severity import severity_of_fields
from connectors.formats.text import parse_raw
from connectors.formats.times import parse_time
from connectors.records import Record

MAX_DEPTH = 32
MESSAGES = (
    *("message", "msg", "MESSAGE", "Message", "@message", "@m", "short_message", "log"),
    *("textPayload", "body", "event"),
)
"""Where loggers put what is for people, the best first."""


def parse_json(line: str, *, time: float | None = None, clock: Clock = UTC) -> Record:
    """The record of a JSON object; raw with ``parse_error`` when the line is none.

    clock: of times that state no zone.
    """
    try:
        value = loads(line)
    except ValueError as error:
        return parse_raw(line, error=f"invalid JSON: {error}")
    if not isinstance(value, dict):
        return parse_raw(line, error="invalid JSON: no object")
    return parse_object(value, line, time=time, clock=clock)


def parse_object(
    value: dict[str, Any], text: str | None = None, *, time: float | None = None, clock: Clock = UTC
) -> Record:
    """The record of an object; text: as it came.

    Nested names are joined by dots. At most ``pairs.MAX_FIELDS`` leaves and ``MAX_DEPTH`` levels are kept. ``time``
    (epoch seconds) is used when the object states none itself.
    """
    may_hold_nul = text is None or "\\u0000" in text
    if record := OBJECTS.record(value, time, clock, may_hold_nul):
        return record
    return parse_plainly(value, time=time, clock=clock)


def parse_plainly(value: dict[str, Any], *, time: float | None = None, clock: Clock = UTC) -> Record:
    """The same, whatever is known of the object's shape."""
    leaves = flatten(value)
    _replace_nul(leaves)
    fields = joined(leaves)
    stated = event_time(fields, clock)
    return Record(
        render(leaves),
        "json",
        fields,
        time if stated is None else stated,
        severity_of_fields(fields),
        message=message_of(value),
    )


def event_time(fields: Mapping[str, str], clock: Clock = UTC) -> float | None:
    """The first time among the fields whose key names the event's time, in epoch seconds."""
    for name in event_times(tuple(fields)):
        if (seconds := parse_time(fields[name], clock)) is not None:
            return seconds
    return None


def message_of(event: Mapping[str, Any]) -> str | None:
    """What an object says to people; None when it has no such member of its own that is text."""
    for name in MESSAGES:
        message = event.get(name)
        if message and type(message) is str:
            return message if "\x00" not in message else _without_nul(message)
    return None


def flatten(event: dict[str, Any]) -> Leaves:
    """The leaves of an object under their dotted names."""
    leaves: Leaves = {}
    _flatten(event, "", leaves, 1)
    return leaves


def _flatten(node: dict[str, Any], prefix: str, leaves: Leaves, depth: int) -> None:
    """Add the leaves below ``node``, each under ``prefix`` and its dotted name."""
    for key, value in node.items():
        name = prefix + key
        kind = type(value)
        if kind is dict:
            if depth < MAX_DEPTH:
                _flatten(value, name + ".", leaves, depth + 1)
            continue
        if kind is list:
            if depth < MAX_DEPTH:
                _flatten_list(value, name, leaves, depth + 1)
            continue
        if kind is not str:
            value = _scalar(value)
        if name in leaves or len(leaves) >= MAX_FIELDS:
            add_leaf(leaves, name, value)
        else:
            leaves[name] = value


def _flatten_list(items: list[Any], name: str, leaves: Leaves, depth: int) -> None:
    """Add the items of a list under the list's own name."""
    for item in items:
        if isinstance(item, dict):
            if depth < MAX_DEPTH:
                _flatten(item, name + ".", leaves, depth + 1)
        elif isinstance(item, list):
            if depth < MAX_DEPTH:
                _flatten_list(item, name, leaves, depth + 1)
        else:
            add_leaf(leaves, name, _scalar(item))


def _scalar(value: Any) -> str:
    """A JSON scalar as text, spelled as in JSON; null is empty."""
    if value is None:
        return ""
    if value is True:
        return "true"
    return "false" if value is False else str(value)


def _replace_nul(leaves: Leaves) -> None:
    """Makes the NULs that an object's text can't show, escaped as they are, replacement characters."""
    values = [leaf if type(leaf) is str else "".join(leaf) for leaf in leaves.values()]
    if "\x00" not in "".join(leaves) and "\x00" not in "".join(values):
        return
    cleaned = {_without_nul(name): _without_nul(leaf) for name, leaf in leaves.items()}
    leaves.clear()
    leaves.update(cleaned)


def _without_nul(leaf: Any) -> Any:
    if isinstance(leaf, list):
        return [item.replace("\x00", "\ufffd") for item in leaf]
    return leaf.replace("\x00", "\ufffd")


OBJECTS = ObjectShapes(flatten, _scalar, MESSAGES)
