"""``secencoder parse``: how messages are read, line by line."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import click

from connectors.formats import decode
from connectors.records import FATAL, Line, Record
from stream_processors.cli import report
from stream_processors.cli.files import opened, read_lines
from stream_processors.cli.options import json_option, settings_from, settings_options
from stream_processors.detection.reading import Step
from stream_processors.scan import read_steps

SHOWN = 1_000
"""Messages of a table when no limit is given."""
WIDE = 60
"""Characters of a cell that is not the last."""
MAX_DEPTH = 64
"""Levels of a shipper's data that are shown."""
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@click.command()
@click.argument("file")
@click.option("--envelope", metavar="NAME", help="auto, none or one envelope [setting stream.envelope].")
@click.option("--topic", default="logs", help="Read with the settings of this topic.")
@click.option("--whole", is_flag=True, help="FILE is one message, not one a line: for binary messages.")
@click.option(
    "--limit", type=click.IntRange(1), help=f"Messages to read; {SHOWN:,} for a table, all for JSON."
)
@click.option("--shipper", is_flag=True, help="Show what else the shippers said; JSON always has it.")
@json_option
@settings_options
def parse(
    file: str,
    envelope: str | None,
    topic: str,
    whole: bool,
    limit: int | None,
    shipper: bool,
    as_json: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    **shortcuts: str | None,
) -> None:
    """Show how the messages in FILE (or stdin for -) are read: envelope, format, time, message, columns.

    With --json every line of every message is one JSON object on a line of its own.
    """
    if envelope:
        assignments = (*assignments, f"stream.envelope={envelope}")
    reading = settings_from(config, assignments, **shortcuts).stream.reading(topic)
    seen: Counter[tuple[str, str]] = Counter()
    messages = errors = 0
    rows: list[dict[str, Any]] = []
    with opened(file) as (stream, _):
        chosen = islice(values(stream, whole), limit or (None if as_json else SHOWN))
        for step in read_steps(chosen, reading):
            messages = step.end
            for row in rows_of(step):
                seen[row["envelope"], row["format"]] += 1
                errors += row["parse_error"] is not None
                if as_json:
                    click.echo(json.dumps(row, ensure_ascii=False))
                else:
                    rows.append(row)
    if rows:
        show(rows, with_shipper=shipper)
    kinds = ", ".join(f"{count:,} {shown_kind(*kind)}" for kind, count in seen.most_common())
    summary = f"{messages:,} messages, {seen.total():,} lines, {errors:,} parse errors"
    click.echo(f"{summary}: {kinds}" if kinds else summary, err=True)


def values(stream: BinaryIO, whole: bool) -> Iterable[bytes]:
    """The messages of a file."""
    return [stream.read()] if whole else read_lines(stream)


def rows_of(step: Step) -> Iterator[dict[str, Any]]:
    """What is read of each line, as JSON has it; a message that can't be decoded is one line."""
    failed = [replace(f.line, record=unread(f.error)) for f in step.failed]
    for line in sorted([*step.lines, *failed], key=lambda line: (line.offset, line.index)):
        yield as_row(line, step.joined.get((line.offset, line.index), [line]))


def unread(error: Exception) -> Record:
    """The record of what a worker puts into the dead-letter topic."""
    return Record(text="", format="raw", parse_error=" ".join(str(error).split()))


def as_row(line: Line, parts: Sequence[Line]) -> dict[str, Any]:
    """A line under the names of the JSON output, safe to print; parts: what it was joined from."""
    record = line.record
    text: Any = record.line
    if text is None:
        text = "\n".join(decode(part.value or b"") for part in parts)
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
            "line": text if isinstance(text, str) else json.dumps(plain(text), ensure_ascii=False),
        }
    )


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


def show(rows: list[dict[str, Any]], *, with_shipper: bool) -> None:
    """A row a line; the last column is cut to the terminal."""
    columns = ["line", "envelope", "format", "time (UTC)", "severity", "message", "columns"]
    table = []
    for row in rows:
        message = row["message"] if row["parse_error"] is None else f"{row['parse_error']}: {row['line']}"
        cells = [
            f"{row['offset']}:{row['index']}",
            row["envelope"] or "-",
            row["format"],
            row["time"] or "-",
            row["severity_text"],
            cut(message),
            pairs(row["columns"]),
        ]
        if with_shipper:
            cells[-1] = cut(cells[-1])
            cells.append(pairs(dict(flattened(row["shipper"]))) if row["shipper"] else "-")
        table.append(cells)
    report.show_table("", [*columns, "shipper"] if with_shipper else columns, table)


def pairs(values: Mapping[str, Any]) -> str:
    """``name=value`` of all values."""
    return " ".join(f"{name}={value}" for name, value in values.items())


def cut(text: str) -> str:
    """At most ``WIDE`` characters."""
    return text if len(text) <= WIDE else text[: WIDE - 1] + "…"


def shown_kind(envelope: str, format_: str) -> str:
    """The kind of a line in the summary."""
    return f"{format_} in {envelope}" if envelope else format_
