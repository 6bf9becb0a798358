"""``secencoder worker``: the Faust worker with its settings checked and its servers reachable."""

from __future__ import annotations

from pathlib import Path

import click

from stream_processors.cli.options import note_retry, settings_from, settings_options


@click.command()
@click.option("--topic", "topics", multiple=True, help="Topic to read; repeatable [setting stream.topics].")
@click.option(
    "--topic-pattern",
    metavar="REGEX",
    help="Topics to read, also those made later: a regular expression for whole names [setting stream.topic_pattern].",
)
@click.option("--print-config", is_flag=True, help="Print the settings, secrets masked, and exit.")
@click.option(
    "--log-level",
    default="info",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Least severe messages shown.",
)
@settings_options
def worker(
    config: Path | None,
    assignments: tuple[str, ...],
    topics: tuple[str, ...],
    topic_pattern: str | None,
    print_config: bool,
    log_level: str,
    **shortcuts: str | None,
) -> None:
    """Read log topics, detect, and keep the answers in Redis. Runs until it is told to stop."""
    settings = settings_from(
        config, assignments, topics=list(topics), topic_pattern=topic_pattern, **shortcuts
    )
    if print_config:
        click.echo(settings.model_dump_json(indent=2))
        return
    from connectors import kafka, redis
    from stream_processors.worker import Worker, make_app

    app = make_app(settings)
    seconds = settings.stream.startup_seconds
    redis.wait_until_reachable(settings.redis, seconds, note_retry("Redis"))
    for warning in redis.store_warnings(redis.connect(settings.redis)):
        click.echo(f"secencoder: warning: {warning}", err=True)
    kafka.wait_until_reachable(settings.kafka, seconds, note_retry("Kafka"))
    for topic in settings.stream.topics:
        try:
            kafka.end_offsets(settings.kafka, topic)
        except kafka.TopicError as error:
            click.echo(f"secencoder: waiting for it: {error} (setting stream.topics)", err=True)
    pattern = settings.topic_regex()
    if pattern is not None and not kafka.matching(settings.kafka, pattern):
        click.echo("secencoder: waiting: no topic matches yet (setting stream.topic_pattern)", err=True)
    Worker(app, loglevel=log_level, quiet=False, redirect_stdouts=False).execute_from_commandline()
