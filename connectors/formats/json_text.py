"""From JSON text to its values: one document, several, or what only resembles JSON."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

MAX_CONTAINERS = 1_000_000
"""Objects and lists in one text: more would fill the memory, as each takes many times the room of its braces."""

_LENIENT = json.JSONDecoder(parse_constant=str)
# Between two objects each of which ends a line; those in one another are indented.
_BETWEEN_OBJECTS = re.compile(r"(?<=\})[ \t\r]*\n\s*(?=\{)")


def loads(text: str) -> Any:
    """The value of one JSON document.

    NaN and the infinities are JSON, as Python's and JavaScript's loggers write them: strings of that name. So are
    halves of surrogate pairs, which become U+FFFD. Raises ValueError for what is no JSON.
    """
    if len(text) > MAX_CONTAINERS and text.count("{") + text.count("[") > MAX_CONTAINERS:
        raise ValueError(f"more than {MAX_CONTAINERS} objects and lists")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not ("NaN" in text or "Infinity" in text or "\\u" in text):
            raise
        try:
            return _clean(_LENIENT.decode(text))
        except (ValueError, RecursionError):
            raise error from None


def json_events(text: str) -> list[Any]:
    """The events in JSON text: an object, the items of an array, several objects after one another; the string of a
    quoted one.

    Empty for what holds no object and is no string. What is no JSON among several objects, or a string among the
    items, comes as text.
    """
    try:
        value = loads(text)
    except ValueError:
        return _several(text)
    if isinstance(value, dict | str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, dict | str) for item in value):
        return value if any(isinstance(item, dict) for item in value) else []
    return []


def _several(text: str) -> list[Any]:
    """The objects of text that holds one a line, or each over several lines with its braces at the margin."""
    if text[:1] != "{" or "\n" not in text:
        return []
    events: list[Any] = []
    for part in _BETWEEN_OBJECTS.split(text):
        try:
            value = loads(part)
        except ValueError:
            events += _lines(part)
        else:
            events.append(value if isinstance(value, dict) else part)
    return events if any(isinstance(event, dict) for event in events) else []


def _lines(text: str) -> list[Any]:
    """The objects that are a line each, and what is between them; the text alone when no line is one."""
    events: list[Any] = []
    found = False
    for line in text.split("\n"):
        line = line.rstrip("\r")
        if not line or line.isspace():
            continue
        value = None
        if line.lstrip()[:1] == "{":
            try:
                value = loads(line)
            except ValueError:
                value = None
        found = found or isinstance(value, dict)
        events.append(value if isinstance(value, dict) else line)
    return events if found else [text]


def _clean(value: Any) -> Any:
    """A value of the standard library's parser as orjson would give it."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value
