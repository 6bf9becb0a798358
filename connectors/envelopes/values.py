"""Members of a server's or a cloud's record as words, columns and text, in whatever type they come; nothing raises."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import orjson

from connectors.envelopes.envelope import Inner
from connectors.formats import MAX_FIELDS


def word(value: Any) -> str:
    """Text that says something, or a number as text; empty for what is missing: null, ``-``, other types."""
    kind = type(value)
    if kind is str:
        return "" if value == "-" else str(value)
    return str(value) if kind is int else ""


def columns(named: Mapping[str, Any]) -> dict[str, str]:
    """Columns of the words among the values."""
    return {name: text for name, value in named.items() if (text := word(value))}


def scalars(event: Mapping[str, Any], known: Container[str]) -> dict[str, str]:
    """Text, numbers and booleans under names that are not known, as columns; at most MAX_FIELDS."""
    found: dict[str, str] = {}
    for name, value in event.items():
        if name not in known and len(found) < MAX_FIELDS:
            kind = type(value)
            if kind is str:
                found[name] = value
            elif kind is int or kind is float:
                found[name] = str(value)
            elif kind is bool:
                found[name] = "true" if value else "false"
    return found


def without(event: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The members but these few."""
    rest = event.copy()
    for name in names:
        rest.pop(name, None)
    return rest


def only(event: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """The members under these names."""
    return {name: value for name, value in event.items() if name in names}


def as_text(value: Any) -> str:
    """Any JSON value as text: a string itself, everything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # deeper or larger than JSON goes
        return str(value)


def misplaced(value: Any, where: str) -> Inner:
    """The line of an item that is no event; its error names the place."""
    return Inner(as_text(value), error=f"{where}: an item is no object")
