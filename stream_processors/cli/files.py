"""``secencoder embed`` and ``produce``: a file or stdin in."""

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

from stream_processors.assembly import make_encoder, make_reading
from stream_processors.cli import report
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
