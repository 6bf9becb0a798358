"""Values inside an envelope's object: by dotted path, as text, as columns. Never raises for any content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.formats import MAX_FIELDS

MAX_DEPTH = 32
"""Levels of nesting that become columns."""
MISSING: Any = object()
"""What ``get`` gives where there is nothing: a value may be null."""


def get(node: Any, path: str, default: Any = None) -> Any:
    """The value under a dotted path, whether its names are nested, written with literal dots, or both in turn."""
    if type(node) is not dict:
        return default
    if path in node:
        return node[path]
    end = path.find(".")
    while end != -1:
        if path[:end] in node:
            found = get(node[path[:end]], path[end + 1 :], MISSING)
            if found is not MISSING:
                return found
        end = path.find(".", end + 1)
    return default


def without(node: dict[str, Any], path: str) -> dict[str, Any]:
    """The object without the value under a path that ``get`` finds: a copy of the objects on the way alone."""
    if path in node:
        return {name: value for name, value in node.items() if name != path}
    end = path.find(".")
    while end != -1:
        head, rest = path[:end], path[end + 1 :]
        if get(node.get(head), rest, MISSING) is not MISSING:
            return {**node, head: without(node[head], rest)}
        end = path.find(".", end + 1)
    return node


def text(value: Any) -> str:
    """A string, or a number as JSON spells it; empty for anything else and for null."""
    if type(value) is str:
        return value
    return str(value) if type(value) in (int, float) else ""


def string(node: Any, *names: str) -> str:
    """The first member of an object with one of these names that is a string and not empty; else empty."""
    if type(node) is dict:
        for name in names:
            value = node.get(name)
            if type(value) is str and value:
                return value
    return ""


def add_columns(columns: dict[str, str], node: Mapping[str, Any], names: Iterable[str]) -> None:
    """Adds members that are content: nested names joined by dots, lists by commas, nulls left out.

    A column that is there stays; at most ``MAX_FIELDS`` and ``MAX_DEPTH`` levels.
    """
    for name in names:
        _add(columns, name, node[name], 1)


def _add(columns: dict[str, str], name: str, value: Any, depth: int) -> None:
    if len(columns) >= MAX_FIELDS:
        return
    if type(value) is dict:
        if depth < MAX_DEPTH:
            for key, inner in value.items():
                _add(columns, f"{name}.{key}", inner, depth + 1)
    elif type(value) is list:
        plain = [_plain(item) for item in value if type(item) not in (dict, list)]
        if plain:
            columns.setdefault(name, ",".join(plain))
        for item in value if depth < MAX_DEPTH else ():
            if type(item) is dict:
                _add(columns, name, item, depth + 1)
    elif value is not None and value != "":
        columns.setdefault(name, _plain(value))


def _plain(value: Any) -> str:
    if type(value) is str:
        return value
    if value is True:
        return "true"
    return "false" if value is False else "" if value is None else str(value)
