"""``secencoder query``: what the store knows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from stream_processors.assembly import make_encoder, make_reading
from stream_processors.cli import kinds, report
from stream_processors.cli.query_alerts import alerts, anomalies, incidents
from stream_processors.cli.query_diff import diff
from stream_processors.cli.query_digest import digest
from stream_processors.cli.query_drift import drift
from stream_processors.cli.question import Question, pattern_option, query_options

if TYPE_CHECKING:
    from stream_processors.answers.queries import PartitionLag


@click.group()
def query() -> None:
    """Ask the store what was found."""


query.add_command(anomalies)
query.add_command(alerts)
query.add_command(incidents)
query.add_command(diff)
query.add_command(digest)
query.add_command(drift)


@query.command()
@pattern_option
@query_options
def templates(pattern: str | None, limit: int, as_json: bool, **options: Any) -> None:
    """Lines that differ in their parameters alone, with counts: of a day by minute, with --json as numbers."""
    question = Question(**options)
    question.warn()
    found, only = question.store.templates(question.source), question.today(pattern)
    found = [one for one in found if only in (None, one.pattern)]
    report.print_json(found[:limit]) if as_json else kinds.show_templates(found[:limit], len(found))


@query.command()
@click.option("--merges", is_flag=True, help="How patterns became one, latest first, instead.")
@pattern_option
@query_options
def patterns(merges: bool, pattern: str | None, limit: int, as_json: bool, **options: Any) -> None:
    """The kinds of lines: templates that say the same, with counts."""
    from stream_processors.answers.queries import patterns as find_patterns

    question = Question(**options)
    question.warn()
    if merges:
        record = question.store.merges(question.source)
        report.print_json(record[:limit]) if as_json else kinds.show_merges(record[:limit], len(record))
        return
    only = question.today(pattern)
    found, total = find_patterns(question.store, question.source, limit=limit, only=only)
    report.print_json(found) if as_json else kinds.show_patterns(found, total)


@query.command()
@click.option("--last", default=1, type=click.IntRange(1), help="How many windows.")
@query_options
def windows(last: int, limit: int, as_json: bool, **options: Any) -> None:
    """The most diverse lines of the latest windows."""
    from stream_processors.answers.queries import samples

    question = Question(**options)
    question.warn()
    k = min(limit, question.settings.detection.window_lines)
    found = samples(question.store, question.source, windows=last, k=k)
    if as_json:
        report.print_json(found)
        return
    for sample in found:
        report.show_sample(sample)


@query.command()
@click.argument("text")
@query_options
def similar(text: str, limit: int, as_json: bool, **options: Any) -> None:
    """Patterns that answer TEXT, a question in plain English or a log line: by its words and by its meaning."""
    from connectors.envelopes import Reader
    from stream_processors.answers.similar import similar as find_similar

    question = Question(**options)
    question.warn()
    encoder, read = make_encoder(question.settings), make_reading(question.settings)
    records = Reader(question.settings.stream).read(text.encode("utf-8", "surrogateescape"))
    vector = encoder.embed(["\n".join(map(read, records))])[0]
    model = encoder.bundle.identity
    found = find_similar(question.store, question.source, text, vector, model=model, limit=limit)
    report.print_json(found) if as_json else report.show_matches(found)


@query.command()
@query_options
def sources(limit: int, as_json: bool, **options: Any) -> None:
    """Every topic and every source inside one, with their totals.

    A topic's own totals are without those of the sources inside it. When there are more sources than --limit, those of
    most lines.
    """
    question = Question(**options)
    known = [question.store.stats(name) for name in question.store.sources()]
    most = sorted(known, key=lambda stats: stats.lines, reverse=True)[:limit]
    found = [stats for stats in known if stats in most]
    report.print_json(found) if as_json else report.show_sources(found, len(known))


@query.command()
@query_options
def lag(limit: int, as_json: bool, **options: Any) -> None:
    """Per partition: applied in the store, committed in Kafka, end of the topic.

    Of the source that is named, or else of every one in the store and in stream.topics. When there are more partitions
    than --limit, those that are furthest behind.
    """
    from connectors import kafka

    question = Question(**options)
    kafka.wait_until_reachable(question.settings.kafka, 5.0)
    found: list[PartitionLag] = []
    missing: kafka.TopicError | None = None
    for source in question.topics:
        try:
            found += lags_of(question, source)
        except kafka.TopicError as error:
            missing = error
            if len(question.topics) > 1:
                click.echo(f"secencoder: {error} (setting stream.topics)", err=True)
    if missing is not None and not found:
        raise missing
    furthest = sorted(found, key=lambda row: row.lag, reverse=True)[:limit]
    shown = [row for row in found if row in furthest]
    if as_json:
        report.print_json([asdict(row) | {"lag": row.lag} for row in shown])
    else:
        report.show_lags(shown, len(found))


def lags_of(question: Question, source: str) -> list[PartitionLag]:
    """One row per partition of a topic. Raises TopicError when Kafka does not have it."""
    from connectors import kafka
    from stream_processors.answers.queries import partition_lags

    settings = question.settings
    beginnings = kafka.beginning_offsets(settings.kafka, source)
    applied = question.store.applied(source)  # before the ends, which only grow
    committed = kafka.committed(settings.kafka, settings.stream.group, source)
    ends = kafka.end_offsets(settings.kafka, source)
    return partition_lags(source, applied, committed, beginnings, ends, question.store.troubles(source))
