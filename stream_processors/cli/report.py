"""Answers as tables for people and as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connectors.findings import Anomaly, SourceStats
from stream_processors.answers.queries import PartitionLag
from stream_processors.answers.similar import Match
from stream_processors.detection.merging import Sample

PIPE_WIDTH = 160
console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def as_dict(record: Any) -> dict[str, Any]:
    """A dataclass's fields; bytes such as vectors are left out."""
    fields = ((f.name, getattr(record, f.name)) for f in dataclasses.fields(record))
    return {name: value for name, value in fields if not isinstance(value, bytes)}


def _plain(value: Any) -> Any:
    return as_dict(value) if dataclasses.is_dataclass(value) else str(value)


def clock(timestamp: float) -> str:
    """UTC date and time of seconds since the epoch; a dash for the epoch itself, which means unknown."""
    if timestamp <= 0:
        return "-"
    return datetime.fromtimestamp(timestamp, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table whose last column takes the room that is left, cut to one line a row."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    room = console.width
    for place, name in enumerate(columns[:-1]):
        width = max([len(name), *(len(row[place]) for row in cells)])
        table.add_column(name, no_wrap=True, min_width=width)
        room -= width + 2
    table.add_column(columns[-1], no_wrap=True)
    for row in cells:
        last = row[-1] if len(row[-1]) <= room else row[-1][: max(room - 1, 0)] + "…"
        table.add_row(*map(escape, [*row[:-1], last]))
    console.print(table)
    console.print()


def printable(text: str) -> str:
    """The text with control characters, which could move a terminal's cursor, made visible."""
    return "".join(char if char.isprintable() else "\ufffd" if char not in "\t\n" else " " for char in text)


def show_facts(facts: Mapping[str, Any], as_json: bool) -> None:
    """Names and values."""
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if isinstance(value, Mapping):
            value = json.dumps(value)
        console.print(f"[bold]{name:<14}[/bold] {escape(str(value))}", soft_wrap=True)


def place_of(partition: int, offset: int, index: int) -> str:
    """A line's identity; the index is left out for the first line of a message, most often the only one."""
    return f"{partition}:{offset}:{index}" if index else f"{partition}:{offset}"


def warming_up(stats: SourceStats) -> str:
    """What is to be known of a source's warm-up before its alerts are read; empty when it is over."""
    warmups = stats.warmups
    if not warmups:
        return ""
    waiting = max(warmups.values(), key=lambda warmup: (warmup.ends or 0, warmup.of - warmup.lines))
    of = max(len(stats.applied), len(warmups))
    where = f" in {len(warmups)} of {of} partitions, the last of them" if of > 1 else ""
    lines = f"{waiting.lines:,} of {waiting.of:,} lines seen"
    until = "when they have come"
    if waiting.ends:
        until += f" or at {clock(waiting.ends)} UTC, whichever is first"
        if waiting.lines < waiting.least:
            until += f", but not with fewer than {waiting.least}"
    return f"{stats.source} is warming up{where}: {lines}; lines that wait are scored {until}"


def say(sentence: str) -> None:
    """A line of text, safe to print."""
    console.print(escape(printable(sentence)), soft_wrap=True)


def remark(sentence: str) -> None:
    """A word on what takes long, on stderr: answers are on stdout."""
    click.echo(f"secencoder: {sentence}", err=True)


def show_anomalies(
    anomalies: Sequence[Anomaly],
    marks: Mapping[str, str] | None = None,
    *,
    note: str = "",
    explain: bool = False,
) -> None:
    """Flagged lines; ``marks`` maps a line's text to a word shown beside it, ``note`` stands above them.

    explain: whether each is followed by its reasons, in place of the table.
    """
    if note:
        say(note)
    if explain:
        for anomaly in anomalies:
            say(f"{anomaly.score:.3f}  {clock(anomaly.timestamp)}  {anomaly.text}")
            for reason in anomaly.reasons:
                say(f"  - {reason.kind} ({reason.score:.1f}): {reason.text}")
        return
    rows = [
        (
            rank,
            f"{anomaly.score:.3f}",
            clock(anomaly.timestamp),
            place_of(anomaly.partition, anomaly.offset, anomaly.index),
            *([marks.get(anomaly.text, "")] if marks is not None else []),
            anomaly.text,
        )
        for rank, anomaly in enumerate(anomalies, 1)
    ]
    planted = ["planted"] if marks is not None else []
    show_table("Most unusual lines", ["#", "score", "time (UTC)", "place", *planted, "line"], rows)


def show_sample(sample: Sample) -> None:
    """The lines to read of one window."""
    when = f"window of {clock(sample.start)}" if sample.start > 0 else "the whole input"
    rows = [
        (f"{weight:,}" if weight else "-", place_of(*place), text)
        for weight, (*place, text) in zip(sample.stands_for, sample.lines, strict=True)
    ]
    late = f", {sample.late:,} of them late" if sample.late else ""
    title = f"What to read of {when}: {len(rows)} of {sample.count:,} lines{late}"
    show_table(title, ["stands for", "place", "line"], rows)


def show_matches(matches: Sequence[Match]) -> None:
    """Patterns that answer a question, the best first."""
    rows = [
        (
            f"{m.words:.1f}" if m.words else "-",
            f"{m.cosine:.3f}" if m.cosine is not None else "-",
            *(m.pattern.id, f"{m.pattern.count:,}", m.pattern.template or m.pattern.example),
        )
        for m in matches
    ]
    show_table("Similar patterns", ["words", "cosine", "id", "lines", "pattern"], rows)


def show_sources(sources: Sequence[SourceStats], total: int | None = None) -> None:
    """Totals of sources, out of ``total``."""
    rows = [
        (
            *(s.source, f"{s.lines:,}", s.templates, s.patterns, s.warming_up),
            *(s.dead_letters, s.parse_errors, s.cut, s.expired, len(s.applied)),
        )
        for s in sources
    ]
    columns = [
        "source",
        "lines",
        "templates",
        "patterns",
        "warming up",
        "dead letters",
        "parse errors",
        "cut",
        "expired",
        "partitions",
    ]
    title = "Sources" if total in (None, len(sources)) else f"Sources ({len(sources)} of {total})"
    show_table(title, columns, rows)


def show_lags(lags: Sequence[PartitionLag], total: int) -> None:
    """Offsets of partitions, out of ``total``; one that was never applied says so."""
    rows = [
        (
            *(g.source, g.partition, "never" if g.applied is None else g.applied),
            *(_dash(g.committed), g.beginning, g.end, f"{g.lag:,}", g.trouble or ""),
        )
        for g in lags
    ]
    title = "Lag" if len(lags) == total else f"Lag (the furthest behind, {len(lags)} of {total} partitions)"
    columns = ["source", "partition", "applied", "committed", "beginning", "end", "lag", "trouble"]
    show_table(title, columns, rows)


def _dash(offset: int | None) -> str:
    return "-" if offset is None else str(offset)
