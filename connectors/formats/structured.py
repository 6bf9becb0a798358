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
    """The record of a JSON object; raw with ``parse_error`` when the line is none.

    Nested names are joined by dots. At most ``pairs.MAX_FIELDS`` leaves and ``MAX_DEPTH`` levels are kept.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return parse_raw(line, error=f"invalid JSON: {error}")
    leaves: Leaves = {}
    _flatten(value, "", leaves, 1)
    if "\\u0000" in line:
        leaves = {_without_nul(name): _without_nul(leaf) for name, leaf in leaves.items()}
    fields = joined(leaves)
    stated = event_time(fields)
    return Record(text=render(leaves), format="json", fields=fields, time=time if stated is None else stated)


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
