"""What people see of a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from connectors.records import Line

TEXT_CHARACTERS = 4_000
"""Characters of a line kept with an anomaly or as a pattern's example."""


def display_text(line: Line) -> str:
    """The line for people, as it stood in its envelope or as it came, cut to a few kilobytes.

    Bytes that can't be decoded are replaced, an object in an envelope is JSON.
    """
    held = line.record.line
    if held is None and line.value is not None:
        return line.value[: 4 * TEXT_CHARACTERS].decode("utf-8", "replace")[:TEXT_CHARACTERS]
    text = line.record.text if held is None else held if isinstance(held, str) else as_json(held)
    return (text or line.record.text)[:TEXT_CHARACTERS].encode("utf-8", "replace").decode()


def as_json(value: Mapping[str, Any]) -> str:
    """An object as JSON, whatever it holds; empty when it is nested too deep."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a number of more than 64 bits, half of a surrogate pair
        try:
            return json.dumps(value, default=str, separators=(",", ":"), ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            return ""
