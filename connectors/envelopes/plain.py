"""Maps of other encodings (MessagePack, Avro, OTLP) as the objects that JSON would give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

MAX_DEPTH = 32
"""Levels that are kept; what is deeper is its own text."""
HEAD = 1_000
"""Characters by which text is told from bytes that are none."""
_UNREADABLE = re.compile("[\\x00\\x02-\\x08\\x0e-\\x1a\\x7f-\\x9f\\ufffd]")
_MOST_UNREADABLE = 0.1


def plain(value: Any, depth: int = 1) -> Any:
    """The same value with text for names and bytes, and only what JSON knows in it."""
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return value
    if isinstance(value, Mapping):
        if depth > MAX_DEPTH:
            return "{...}"
        return {
            name if type(name) is str else text_of(name): plain(item, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value] if depth <= MAX_DEPTH else "[...]"
    return text_of(value)


def text_of(value: Any) -> str:
    """A scalar as text, spelled as in JSON; bytes as UTF-8."""
    if type(value) is str:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return "" if value is None else str(value)


def is_binary(text: str) -> bool:
    """Whether decoded text is no text: a tenth of its beginning are control characters or was no UTF-8."""
    head = text[:HEAD]
    if head.isprintable() and "\ufffd" not in head:
        return False
    return len(_UNREADABLE.findall(head)) > len(head) * _MOST_UNREADABLE
