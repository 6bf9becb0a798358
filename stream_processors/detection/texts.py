"""What people see of a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectors.records import Line
from encoder_core.templates import Parameter
from stream_processors.detection.entities import entities_of

TEXT_CHARACTERS = 4_000
"""Characters of a line kept with an anomaly or as a pattern's example."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an alert says of a line."""

    offset: int
    index: int
    timestamp: float
    text: str
    format: str
    cut: bool
    entities: tuple[str, ...] = ()
    """Who and where."""


def shown(line: Line, parameters: Sequence[Parameter] = (), names: Sequence[str] = ()) -> Shown:
    """What an alert would say of a line. parameters: what varies in its text. names: of columns, who it is about."""
    record, text = line.record, display_text(line)
    entities = entities_of(record, parameters, names)
    return Shown(line.offset, line.index, line.timestamp, text, record.format, line.cut, entities)


def display_text(line: Line) -> str:
    """The line as it stood in its envelope, or came, for people: undecodable bytes replaced, cut to a few kilobytes."""
    inner = line.record.line
    if inner is None and line.value is not None:
        return line.value[: 4 * TEXT_CHARACTERS].decode("utf-8", "replace")[:TEXT_CHARACTERS]
    text = line.record.text if inner is None else inner if isinstance(inner, str) else compact(inner)
    return encodable((line.record.text if text is None else text)[:TEXT_CHARACTERS])


def encodable(text: str) -> str:
    """The text with lone surrogates replaced: what can be sent."""
    return text.encode("utf-8", "replace").decode()


def compact(value: Any) -> str | None:
    """JSON in one line; None for what has none."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except (TypeError, ValueError, RecursionError):
        return None
