"""``secencoder learn``: what is normal, before the first line is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from stream_processors.assembly import limit_blas, make_embedder, make_matching
from stream_processors.cli import report
from stream_processors.cli.files import opened, progress_bar, read_lines
from stream_processors.cli.options import note_retry, settings_from, settings_options, store_from
from stream_processors.cli.question import Moment
from stream_processors.settings import Settings, SettingsError

if TYPE_CHECKING:
    from connectors.kafka.sampling import Stretch
    from connectors.records import Message
    from stream_processors.learning import Learned


@click.command()
@click.argument("file", required=False)
@click.option("--from-topic", is_flag=True, help="Learn the latest messages of the topic itself, not FILE.")
@click.option("--lines", default=100_000, type=click.IntRange(1), help="Messages of the topic, at most.")
@click.option(
    "--since",
    type=Moment(ahead=False),
    default=0.0,
    help="Messages of the topic that are not older: 2h, 7d, or ISO 8601 (UTC).",
)
@click.option("--source", required=True, help="Topic that it is for, or topic/NAME of a source inside one.")
@settings_options
def learn(file: str | None, from_topic: bool, lines: int, since: float, source: str, **options: Any) -> None:
    """Learn that the lines of FILE (- for stdin, .gz too) are normal in a source.

    Partitions of the source that have no memory yet begin with what was learned: they are warm at once, and what is in
    FILE is no news to them. Partitions that have one go on with it; so does a source that is learned again, until a new
    model or a new partition begins.

    Where a topic has sources inside it (setting stream.source) each learns its own lines, or the one that is named
    alone: all of FILE, its own with --from-topic. Stopped before the end, nothing is kept.
    """
    if (file is None) != from_topic:
        raise click.UsageError("one of FILE and --from-topic is needed")
    if since and not from_topic:
        raise click.UsageError("--since goes with --from-topic")
    from stream_processors.detection.naming import WHOLE_TOPIC
    from stream_processors.detection.warmup import LEAST_LINES
    from stream_processors.learning import learn as learn_lines
    from stream_processors.operations.compiling import told_of_compiling

    settings, (topic, _, named) = settings_from(**options), source.partition("/")
    reading = settings.stream.reading(topic)
    if named and reading.source == WHOLE_TOPIC:
        raise SettingsError(f"--source {source}: {topic} has no sources inside it (setting stream.source)")
    store = store_from(settings)
    values = of_file(file) if file is not None else of_topic(settings, topic, lines, since)
    limit_blas()
    encoder, matching = make_embedder(settings), make_matching(settings)
    with told_of_compiling(report.remark):
        learned = learn_lines(
            values,
            encoder,
            settings.detection,
            model=encoder.bundle.identity,
            reading=reading,
            matching=matching,
            by_source=from_topic or not named,
        )
    if named and not from_topic:
        learned = dict(zip([named], learned.values(), strict=False))
    elif named:
        learned = {name: found for name, found in learned.items() if name == named}
    enough = {name: found for name, found in learned.items() if found.lines >= LEAST_LINES}
    if not enough:
        count = sum(found.lines for found in learned.values())
        raise SettingsError(f"{source}: {count} lines are too few to learn from, it takes {LEAST_LINES}")
    for name, found in enough.items():
        store.plant(f"{topic}/{name}" if name else topic, found.seed)
        tell(f"{topic}/{name}" if name else topic, found)


def tell(source: str, found: Learned) -> None:
    """Says what was learned."""
    click.echo(f"{source}: learned {found.templates:,} templates from {found.lines:,} lines")


def of_file(file: str) -> Iterator[bytes]:
    """The lines of a file."""
    with opened(file) as (stream, size), progress_bar("learning", size) as advance:
        for line in read_lines(stream):
            advance(len(line) + 1)
            yield line


def of_topic(settings: Settings, topic: str, most: int, since: float) -> Iterator[Message]:
    """The latest messages of a topic. Raises BrokerUnreachable and TopicError at once."""
    from connectors import kafka
    from connectors.kafka.sampling import latest

    kafka.wait_until_reachable(settings.kafka, 5.0, note_retry("Kafka"))
    if not (stretches := latest(settings.kafka, topic, most, since)):
        raise SettingsError(f"{topic}: there are no messages to learn from")
    return read_messages(settings, stretches)


def read_messages(settings: Settings, stretches: list[Stretch]) -> Iterator[Message]:
    """The messages of stretches of a topic."""
    from connectors.kafka.sampling import messages

    with progress_bar("learning", sum(one.end - one.start for one in stretches)) as advance:
        for message in messages(settings.kafka, stretches):
            advance(1)
            yield message
