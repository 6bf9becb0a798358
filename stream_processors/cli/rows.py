"""How ``secencoder parse`` shows a line: under the names of its JSON output, safe to print."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from connectors.formats import decode
from connectors.records import FATAL, Line, Record
from encoder_core.templates import Match
from stream_processors.detection.reading import Step

WIDE = 60
"""Characters of a cell that is not the last."""
MAX_DEPTH = 64
"""Levels of a shipper's data that are shown."""
Joined = Mapping[tuple[int, int], list[Line]]
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def lines_of(step: Step) -> list[Line]:
    """The lines of a step in order, those that failed among them; a message that can't be decoded is one line."""
    failed = [replace(failure.line, record=unread(failure.error)) for failure in step.failed]
    return sorted([*step.lines, *failed], key=lambda line: (line.offset, line.index))


def unread(error: Exception) -> Record:
    """The record of what a worker puts into the dead-letter topic."""
    return Record(text="", format="raw", parse_error=" ".join(str(error).split()))


def as_row(line: Line, joined: Joined) -> dict[str, Any]:
    """A line under the names of the JSON output, safe to print. joined: of ``Step``, what lines were joined from."""
    record = line.record
    return plain(
        {
            "offset": line.offset,
            "index": line.index,
            "envelope": record.envelope,
            "format": record.format,
            "time": iso(record.time),
            "severity": record.severity,
            "severity_text": severity_text(record.severity),
            "message": record.text if record.message is None else record.message,
            "text": record.text,
            "columns": record.fields,
            "shipper": record.shipper or {},
            "parse_error": record.parse_error,
            "line": example_of(line, joined),
        }
    )


def matched(match: Match | None, pattern: str | None) -> dict[str, Any]:
    """The template of a line under the names of the JSON output; nulls for a line that has none."""
    if match is None:
        return dict.fromkeys(("template", "template_id", "parameters", "pattern_id"))
    return plain(
        {
            "template": match.template,
            "template_id": match.id,
            "parameters": [parameter._asdict() for parameter in match.parameters],
            "pattern_id": pattern,
        }
    )


def example_of(line: Line, joined: Joined) -> str:
    """The line as it stood in its envelope."""
    text: Any = line.record.line
    if text is None:
        parts = joined.get((line.offset, line.index), [line])
        text = "\n".join(decode(part.value or b"") for part in parts)
    return text if isinstance(text, str) else json.dumps(plain(text), ensure_ascii=False)


def iso(time: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601, UTC, to the microsecond where it has a fraction; None when it has none."""
    try:
        at = datetime.fromtimestamp(time, timezone.utc) if time is not None else None
    except (ValueError, OverflowError, OSError):
        return None
    return at.isoformat().replace("+00:00", "Z") if at else None


def severity_text(severity: int) -> str:
    """OpenTelemetry's short name of a severity number, 1 to 24: ``WARN``, ``WARN2``."""
    range_, within = divmod(min(max(severity, 1), FATAL + 3) - 1, 4)
    return _SEVERITIES[range_] + (str(within + 1) if within else "")


def plain(value: Any, depth: int = 0) -> Any:
    """A value that JSON can say and a terminal can show: bytes and what UTF-8 has no form for are replaced."""
    if isinstance(value, Mapping | list | tuple) and depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {plain(str(name)): plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode()


def flattened(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested data under dotted names."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flattened(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def pairs(values: Mapping[str, Any]) -> str:
    """``name=value`` of all values."""
    return " ".join(f"{name}={value}" for name, value in values.items())


def cut(text: str, width: int = WIDE) -> str:
    """At most as many characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def shown_kind(envelope: str, format_: str) -> str:
    """The kind of a line in the summary."""
    return f"{format_} in {envelope}" if envelope else format_
