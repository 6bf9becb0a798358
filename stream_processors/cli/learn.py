"""``secencoder learn``: what is normal, before the first line is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from stream_processors.assembly import limit_blas, make_embedder, make_matching
from stream_processors.cli.files import opened, progress_bar, read_lines
from stream_processors.cli.options import settings_from, settings_options, store_from


@click.command()
@click.argument("file", required=False)
@click.option("--from-topic", is_flag=True, help="Learn the latest messages of the topic itself, not FILE.")
@click.option("--lines", default=100_000, type=click.IntRange(1), help="Messages of the topic, at most.")
@click.option("--source", required=True, help="Topic that it is for, or topic/NAME of a source inside one.")
@settings_options
def learn(file: str | None, from_topic: bool, lines: int, source: str, **options: Any) -> None:
    """Learn that the lines of FILE (- for stdin, .gz too) are normal in a source.

    Partitions of the source that have no memory yet begin with what was learned: they are warm at once, and what is in
    FILE is no news to them. Partitions that have one go on with it; so does a source that is learned again, until a new
    model or a new partition begins.
    """
    if (file is None) != from_topic:
        raise click.UsageError("one of FILE and --from-topic is needed")
    from connectors import kafka
    from connectors.findings import topic_of
    from connectors.kafka.sampling import latest_messages
    from stream_processors.learning import learn as learn_lines

    settings = settings_from(**options)
    store = store_from(settings)
    limit_blas()
    encoder, matching = make_embedder(settings), make_matching(settings)
    if file is None:
        kafka.wait_until_reachable(settings.kafka, 5.0)

    def values() -> Iterator[bytes]:
        if file is None:
            yield from latest_messages(settings.kafka, topic_of(source), lines)
            return
        with opened(file) as (stream, size), progress_bar("learning", size) as advance:
            for line in read_lines(stream):
                advance(len(line) + 1)
                yield line

    seed, count, templates = learn_lines(
        values(),
        encoder,
        settings.detection,
        model=encoder.bundle.identity,
        reading=settings.stream,
        matching=matching,
    )
    store.plant(source, seed)
    click.echo(f"{source}: learned {templates:,} templates from {count:,} lines")
