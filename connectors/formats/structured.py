"""JSON objects, nested or flat."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.formats.pairs import Leaves, add_leaf, is_event_time, joined, render
from connectors.formats.text import parse_raw
from connectors.formats.times import parse_time
from connectors.records import Record

MAX_DEPTH = 32


def parse_json(line: str, *, time: float | None = None) -> Record:
    """The record of a JSON object; raw with ``parse_error`` when the line is none."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return parse_raw(line, error=f"invalid JSON: {error}")
    return parse_object(value, line, time=time)


def parse_object(value: dict[str, Any], text: str | None = None, *, time: float | None = None) -> Record:
    """The record of an object; text: as it came.

    Nested names are joined by dots. At most ``pairs.MAX_FIELDS`` leaves and ``MAX_DEPTH`` levels are kept.
    """
    leaves: Leaves = {}
    _flatten(value, "", leaves, 1)
    if text is None or "\\u0000" in text:
        leaves = {_without_nul(name): _without_nul(leaf) for name, leaf in leaves.items()}
    fields = joined(leaves)
    stated = event_time(fields)
    return Record(text=render(leaves), format="json", fields=fields, time=time if stated is None else stated)


def json_events(text: str) -> list[Any]:
    """The objects in JSON text: one document, the items of an array, or one a line; the string of a quoted one.

    Empty for what is no JSON. A line of several that is none comes as the text that it is.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _json_lines(text)
    if isinstance(value, dict | str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    return []


def _json_lines(text: str) -> list[Any]:
    lines = [line for line in text.splitlines() if line and not line.isspace()]
    if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
        return []
    events: list[Any] = []
    for line in lines:
        try:
            events.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            events.append(line)
    return events if any(isinstance(event, dict) for event in events) else []


def event_time(fields: dict[str, str]) -> float | None:
    """The first time among the fields whose key names the event's time, in epoch seconds."""
    for name, value in fields.items():
        if is_event_time(name) and (seconds := parse_time(value)) is not None:
            return seconds
    return None


def _flatten(node: dict[str, Any], prefix: str, leaves: Leaves, depth: int) -> None:
    """Add the leaves below ``node``, each under ``prefix`` and its dotted name."""
    for key, value in node.items():
        name = prefix + key
        if type(value) is str:
            add_leaf(leaves, name, value)
        elif type(value) is dict:
            if depth < MAX_DEPTH:
                _flatten(value, name + ".", leaves, depth + 1)
        elif type(value) is list:
            if depth < MAX_DEPTH:
                _flatten_list(value, name, leaves, depth + 1)
        else:
            add_leaf(leaves, name, _scalar(value))


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


def _without_nul(leaf: Any) -> Any:
    if isinstance(leaf, list):
        return [item.replace("\x00", "\ufffd") for item in leaf]
    return leaf.replace("\x00", "\ufffd")
