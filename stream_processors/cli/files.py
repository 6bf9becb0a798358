"""``secencoder scan``, ``embed`` and ``produce``: a file or stdin in."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stream_processors.assembly import limit_blas, make_embedder, make_encoder, make_reading
from stream_processors.cli import kinds, report
from stream_processors.cli.options import (
    json_option,
    note_retry,
    settings_from,
    settings_options,
)

LINE_BYTES = 10 << 20
"""A longer line is cut here, and the rest of it is read as the next line."""


@contextmanager
def opened(name: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """A file, plain or gzip, or stdin for ``-``; with its size in bytes where a progress bar can use it."""
    if name == "-":
        yield sys.stdin.buffer, None
    elif name.endswith(".gz"):
        import gzip
        import zlib

        try:
            with gzip.open(name, "rb") as stream:
                yield cast(BinaryIO, stream), None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise OSError(errno.EINVAL, f"is not a whole gzip file: {error}", name) from error
    else:
        with Path(name).open("rb") as stream:
            yield stream, Path(name).stat().st_size


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their end, as bytes."""
    while line := stream.readline(LINE_BYTES):
        yield line.rstrip(b"\r\n")


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Any]:
    """``advance(n)`` on stderr's terminal; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


@click.command()
@click.argument("file")
@click.option("--top", default=5, type=click.IntRange(1), help="Most unusual lines to show.")
@click.option("--sample", default=10, type=click.IntRange(1), help="Most diverse lines to show.")
@click.option("--patterns", default=10, type=click.IntRange(0), help="Most frequent patterns to show.")
@json_option
@settings_options
def scan(
    file: str,
    top: int,
    sample: int,
    patterns: int,
    as_json: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    **shortcuts: str | None,
) -> None:
    """What a worker would say of FILE (or stdin for -), without any broker."""
    from time import monotonic

    from connectors.memory import MemoryStore
    from stream_processors.answers.queries import patterns as find_patterns
    from stream_processors.answers.queries import samples
    from stream_processors.scan import scan as scan_lines

    settings = settings_from(config, assignments, **shortcuts)
    detection = settings.detection.model_copy(update={"window_lines": sample})
    limit_blas()
    encoder = make_embedder(settings)
    store, source = MemoryStore(), "stdin" if file == "-" else Path(file).name
    started = monotonic()
    with opened(file) as (stream, size), progress_bar("scanning", size) as advance:

        def counted() -> Iterator[bytes]:
            for line in read_lines(stream):
                advance(len(line) + 1)
                yield line

        model = encoder.bundle.identity
        batches = scan_lines(
            counted(), encoder, detection, store, source=source, model=model, reading=settings.stream
        )
        failed = [failure for batch in batches for failure in batch]
    for failure in failed:
        click.echo(f"secencoder: line {failure.line.offset + 1}: {failure.error}", err=True)
    stats, seconds = store.stats(source), monotonic() - started
    found = store.anomalies(source, limit=top)
    kinds_found, pattern_count = find_patterns(store, source, limit=patterns)
    whole = samples(store, source, k=sample)
    if as_json:
        report.print_json(
            {
                "source": source,
                "lines": stats.lines,
                "seconds": round(seconds, 3),
                "failed": len(failed),
                "parse_errors": stats.parse_errors,
                "cut": stats.cut,
                "anomalies": found,
                "pattern_count": pattern_count,
                "patterns": kinds_found,
                "sample": whole[0] if whole else None,
            }
        )
        return
    report.console.print(
        f"{stats.lines:,} lines in {seconds:.1f} s ({stats.lines / max(seconds, 1e-9):,.0f} lines/s), "
        f"{pattern_count} patterns, {stats.parse_errors} parse errors, {stats.cut} lines cut\n"
    )
    report.show_anomalies(found)
    if patterns:
        kinds.show_patterns(kinds_found, pattern_count)
    for one in whole:
        report.show_sample(one)


@click.command()
@click.argument("file")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .npy file."
)
@click.option("--raw", is_flag=True, help="Embed whole lines as they stand, whatever encoder.input says.")
@json_option
@settings_options
def embed(
    file: str,
    output: Path,
    raw: bool,
    as_json: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    **shortcuts: str | None,
) -> None:
    """Write one vector a line of FILE (or stdin for -) as a float32 array of shape (lines, dim).

    The vector is that of the line's template or, with encoder.input = line, of its text. What a shipper wrapped around
    a line is left out. A line of FILE that holds several has the vector of them together.

    With encoder.tier = cascade every vector is the full encoder's: a cascade saves work in detection only.
    """
    import numpy as np

    from connectors.envelopes import Reader
    from stream_processors.scan import batched

    def text_of(value: bytes) -> str:
        return value.decode("utf-8", "replace") if raw else "\n".join(map(read, reader.read(value)))

    settings = settings_from(config, assignments, **shortcuts)
    encoder, reader, read = make_encoder(settings), Reader(settings.stream), make_reading(settings)
    parts = [np.empty((0, encoder.dim), dtype=np.float32)]
    with opened(file) as (stream, size), progress_bar("embedding", size) as advance:
        for values in batched(read_lines(stream), 1_000):
            parts.append(encoder.embed([text_of(value) for value in values]))
            advance(sum(map(len, values)) + len(values))
    vectors = np.concatenate(parts)
    with output.open("wb") as target:
        np.save(target, vectors, allow_pickle=False)
    facts = {
        "output": str(output),
        "lines": len(vectors),
        "dim": encoder.dim,
        "model": encoder.bundle.identity,
    }
    report.show_facts(facts, as_json)


@click.command()
@click.argument("file")
@click.option("--topic", required=True, help="Topic to write to; created when it does not exist.")
@click.option(
    "--partitions", default=1, type=click.IntRange(1), help="Partitions of a topic that is created."
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Lines per second; as fast as possible when unset.",
)
@json_option
@settings_options
def produce(
    file: str,
    topic: str,
    partitions: int,
    rate: float | None,
    as_json: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    **shortcuts: str | None,
) -> None:
    """Ship FILE (or stdin for -) into a Kafka topic, one message a line, none lost."""
    from time import monotonic, sleep

    from connectors import kafka
    from connectors.kafka.producer import LineProducer

    settings = settings_from(config, assignments, **shortcuts)
    kafka.wait_until_reachable(settings.kafka, 30.0, note_retry("Kafka"))
    kafka.ensure_topic(settings.kafka, topic, partitions)
    started = monotonic()
    with (
        opened(file) as (stream, size),
        progress_bar("producing", size) as advance,
        LineProducer(settings.kafka, topic) as producer,
    ):
        for number, line in enumerate(read_lines(stream)):
            if rate is not None and (ahead := number / rate - (monotonic() - started)) > 0:
                sleep(ahead)
            producer.send(line)
            advance(len(line) + 1)
    facts = {"topic": topic, "lines": producer.delivered, "seconds": round(monotonic() - started, 3)}
    report.show_facts(facts, as_json)
