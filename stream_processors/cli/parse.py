"""``secencoder parse``: how messages are read, which templates their lines have and which patterns those make."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from stream_processors.assembly import make_templates
from stream_processors.cli import report
from stream_processors.cli.files import opened, read_lines
from stream_processors.cli.options import json_option, settings_from, settings_options
from stream_processors.cli.rows import (
    as_row,
    cut,
    example_of,
    flattened,
    lines_of,
    matched,
    pairs,
    shown_kind,
)
from stream_processors.scan import read_steps

if TYPE_CHECKING:
    from connectors.envelopes import ReadingSettings
    from stream_processors.cli.seen import SeenTemplates
    from stream_processors.detection.reading import Step

SHOWN_LINES = 1_000
"""Messages of a table of lines when no limit is given."""
SHOWN_TEMPLATES = 200
"""Rows of a table of templates."""
WIDE_TEMPLATE = 72
"""Characters of a template in it."""
MEGABYTE = 1 << 20

Steps = Callable[[], "Iterable[Step]"]
"""Reads the input, from its beginning each time."""


@click.command()
@click.argument("file")
@click.option("--envelope", metavar="NAME", help="auto, none or one envelope [setting stream.envelope].")
@click.option("--topic", default="logs", help="Read with the settings of this topic.")
@click.option("--whole", is_flag=True, help="FILE is one message, not one a line: for binary messages.")
@click.option(
    "--limit", type=click.IntRange(1), help=f"Messages to read; {SHOWN_LINES:,} for --lines, else all."
)
@click.option("--lines", "by_line", is_flag=True, help="A table of lines instead of templates.")
@click.option(
    "--shipper", is_flag=True, help="Show what else the shippers said, with --lines; JSON always has it."
)
@json_option
@settings_options
def parse(
    file: str,
    envelope: str | None,
    topic: str,
    whole: bool,
    limit: int | None,
    by_line: bool,
    shipper: bool,
    as_json: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    **shortcuts: str | None,
) -> None:
    """Show how the messages in FILE (or stdin for -) are read: their templates, with counts, pattern and an example.

    With --lines every line is a row: envelope, format, time, message, columns. With --json every line of every message
    is one JSON object on a line of its own, which has its template, parameters and pattern as well.
    """
    from stream_processors.cli.seen import SeenTemplates
    from stream_processors.operations.compiling import compile_ahead, told_of_compiling

    if envelope:
        assignments = (*assignments, f"stream.envelope={envelope}")
    settings = settings_from(config, assignments, **shortcuts)
    if limit is None and by_line and not as_json:
        limit = SHOWN_LINES
    counts = Counts()
    with steps_of(file, settings.stream.reading(topic), whole=whole, limit=limit, again=as_json) as steps:
        if by_line and not as_json:
            show_lines(counts.counted(steps()), with_shipper=shipper)
            click.echo(counts.summary(), err=True)
            return
        compile_ahead(report.remark)
        seen = SeenTemplates(make_templates(settings))
        with told_of_compiling(report.remark):
            for step in counts.counted(steps()):
                for line in step.lines:
                    seen.note(line, example_of(line, step.joined))
        if as_json:
            for row in rows_of(steps(), seen):
                click.echo(json.dumps(row, ensure_ascii=False))
        else:
            show_templates(seen)
    click.echo(counts.summary(seen), err=True)


@contextmanager
def steps_of(
    file: str, reading: ReadingSettings, *, whole: bool, limit: int | None, again: bool
) -> Iterator[Steps]:
    """What reads a file in steps. again: whether it will be read twice; what can't be is kept in a temporary file."""
    with tempfile.TemporaryFile() as spool:
        spooled = again and not Path(file).is_file()
        if spooled:
            with opened(file) as (stream, _):
                shutil.copyfileobj(stream, spool, MEGABYTE)

        def messages() -> Iterator[bytes]:
            if spooled:
                spool.seek(0)
                yield from islice(values(cast(BinaryIO, spool), whole), limit)
                return
            with opened(file) as (stream, _):
                yield from islice(values(stream, whole), limit)

        yield lambda: read_steps(messages(), reading, few=sys.maxsize)  # every line is shown


def values(stream: BinaryIO, whole: bool) -> Iterable[bytes]:
    """The messages of a file."""
    return [stream.read()] if whole else read_lines(stream)


class Counts:
    """What was read."""

    def __init__(self) -> None:
        self.messages = self.errors = 0
        self.kinds: Counter[tuple[str, str]] = Counter()

    def counted(self, steps: Iterable[Step]) -> Iterator[Step]:
        """The same steps."""
        for step in steps:
            self.messages = step.end
            for line in lines_of(step):
                self.kinds[line.record.envelope, line.record.format] += 1
                self.errors += line.record.parse_error is not None
            yield step

    def summary(self, seen: SeenTemplates | None = None) -> str:
        """One line."""
        text = f"{self.messages:,} messages, {self.kinds.total():,} lines, {self.errors:,} parse errors"
        if seen is not None:
            text += f", {len(seen):,} templates in {seen.pattern_count:,} patterns"
        kinds = ", ".join(f"{count:,} {shown_kind(*kind)}" for kind, count in self.kinds.most_common())
        return f"{text}: {kinds}" if kinds else text


def rows_of(steps: Iterable[Step], seen: SeenTemplates) -> Iterator[dict[str, Any]]:
    """What is read of each line and what its template is, as JSON has it; nulls where it failed."""
    for step in steps:
        failed = {(failure.line.offset, failure.line.index) for failure in step.failed}
        for line in lines_of(step):
            match = None if (line.offset, line.index) in failed else seen.match(line)
            pattern = seen.pattern_of(match.id) if match else None
            yield as_row(line, step.joined) | matched(match, pattern)


def show_templates(seen: SeenTemplates) -> None:
    """A row a template, the most frequent first; the example is cut to the terminal."""
    rows = [
        [f"{one.count:,}", seen.pattern_of(one.id), cut(one.text, WIDE_TEMPLATE), one.example]
        for one in islice(seen.by_count(), SHOWN_TEMPLATES)
    ]
    if rows:
        report.show_table("", ["lines", "pattern", "template", "example"], rows)
    if (rest := len(seen) - len(rows)) > 0:
        click.echo(f"{rest:,} more templates")
    if seen.others:
        click.echo(f"{seen.others:,} lines of further templates")


def show_lines(steps: Iterable[Step], *, with_shipper: bool) -> None:
    """A row a line; the last column is cut to the terminal."""
    columns = ["line", "envelope", "format", "time (UTC)", "severity", "message", "columns"]
    table = []
    for row in (as_row(line, step.joined) for step in steps for line in lines_of(step)):
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
    if table:
        report.show_table("", [*columns, "shipper"] if with_shipper else columns, table)
