"""``secencoder demo``: the main job from end to end, with nothing but pip."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from connectors.envelopes import Reader
from connectors.findings import Anomaly
from connectors.records import Line
from stream_processors.answers.queries import patterns as find_patterns
from stream_processors.answers.queries import samples
from stream_processors.cli import kinds, report
from stream_processors.cli.files import opened, read_lines
from stream_processors.cli.options import json_option
from stream_processors.demo.run import PARTITIONS, TOPIC, DemoRun, run_demo
from stream_processors.demo.scenario import ATTACK_STEPS, scenario
from stream_processors.demo.scenario.envelopes import ENVELOPES, Message, wrap
from stream_processors.detection.texts import display_text

WINDOW_SECONDS = 10
TOP = 20
EXPLAINED = 5
SHORT_WARMUP = 128
"""Of a file whose length is unknown: a demo of a thousand lines must come to scores in each partition."""


def file_lines(names: tuple[str, ...]) -> Iterator[bytes]:
    """The lines of all files, one after the other."""

    def one(name: str) -> Iterator[bytes]:
        with opened(name) as (stream, _):
            yield from read_lines(stream)

    return chain.from_iterable(map(one, names))


@click.command()
@click.option(
    "--input", "inputs", multiple=True, metavar="FILE", help="Your own log file in place of generated logs."
)
@click.option("--seconds", default=60.0, type=click.FloatRange(1), help="Longest time to stream.")
@click.option("--lines", default=6_000, type=click.IntRange(1), help="Generated lines.")
@click.option("--seed", default=7, help="Seed of the generated logs.")
@click.option(
    "--envelope",
    type=click.Choice(ENVELOPES),
    metavar="NAME",
    help=f"Wrap the generated logs as a shipper does: {', '.join(ENVELOPES)}.",
)
@json_option
def demo(
    inputs: tuple[str, ...], seconds: float, lines: int, seed: int, envelope: str | None, as_json: bool
) -> None:
    """Stream logs through an embedded Kafka, a worker and an embedded Redis, then print the answers.

    Without --input the logs are generated: eight kinds of systems, and an attack planted among them.
    """
    if inputs and envelope:
        raise click.UsageError("--envelope wraps generated logs; it can't go with --input")
    planted: dict[str, str] = {}

    for name in inputs:
        with opened(name):
            pass  # a file that can't be read is reported before anything starts
    values = file_lines(inputs) if inputs else generated(lines, seed, envelope, planted)
    options = {
        "DETECTION__WINDOW_SECONDS": str(WINDOW_SECONDS),
        "DETECTION__ALERT_BUDGET": "top 2 %",
        "DETECTION__WARMUP": str(SHORT_WARMUP if inputs else max(16, min(512, lines // PARTITIONS // 3))),
    }
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(
            "starting broker, store and worker; the first start on a machine compiles for a minute or two",
            total=None if inputs or envelope else lines,
        )

        def advance(produced: int, applied: int) -> None:
            progress.update(
                task, completed=applied, description=f"{produced:,} messages in, {applied:,} answered"
            )

        def show(run: DemoRun) -> None:
            progress.stop()
            show_run(run, None if inputs else planted, as_json)

        run_demo(values, options=options, seconds=seconds, advance=advance, show=show)


def generated(lines: int, seed: int, envelope: str | None, planted: dict[str, str]) -> Iterator[bytes]:
    """The messages of the scenario, plain or wrapped; the texts of planted lines are noted with their steps."""
    labelled = scenario(lines=lines, seed=seed)
    plain = (Message(one.line.encode(), (one,)) for one in labelled)
    reader = Reader()
    for message in wrap(labelled, envelope, seed) if envelope else plain:
        if any(one.attack for one in message.lines):
            for one, record in zip(message.lines, reader.read(message.value), strict=True):
                if one.attack:
                    planted[display_text(Line(0, one.time, record, value=message.value))] = one.attack
        yield message.value


def show_run(run: DemoRun, planted: dict[str, str] | None, as_json: bool) -> None:
    """The answers of a finished run; ``planted`` maps an attack line's text to its step."""
    stats = run.store.stats(TOPIC)
    speed = stats.lines / run.seconds
    flagged = run.store.anomalies(TOPIC, limit=stats.lines or 1)
    anomalies = flagged[:TOP]
    patterns, pattern_count = find_patterns(run.store, TOPIC, limit=TOP)
    whole = samples(run.store, TOPIC, windows=1)
    quality = None if planted is None else recall(flagged, planted)
    if as_json:
        report.print_json(
            {
                "messages": run.messages,
                "lines": stats.lines,
                "seconds": round(run.seconds, 2),
                "lines_per_second": round(speed, 1),
                "sources": [stats],
                "planted": quality,
                "anomalies": [
                    {"planted": (planted or {}).get(a.text), **report.as_dict(a)} for a in anomalies
                ],
                "pattern_count": pattern_count,
                "patterns": patterns,
                "windows": whole,
            }
        )
        return
    report.console.print(
        f"[bold]{stats.lines:,} lines[/bold] in {run.messages:,} messages through Kafka "
        f"({PARTITIONS} partitions), a worker and Redis in "
        f"{run.seconds:.1f} s: [bold]{speed:,.0f} lines/s[/bold], the worker's start included\n"
    )
    report.show_anomalies(anomalies, planted)
    report.show_anomalies(anomalies[:EXPLAINED], note="Why the first of them are unusual:", explain=True)
    report.say("")
    if quality is not None:
        found = ", ".join(quality["steps_found"]) or "none"  # type: ignore[arg-type]
        report.console.print(
            f"Planted attack: {quality['in_top']} of the top {TOP} are planted lines "
            f"(recall {quality['recall']:.0%} of {quality['planted']} planted lines; at most {quality['possible']:.0%} "
            f"fit in {TOP}); steps found: {found}. "
            f"{quality['in_flagged']} planted lines are among all {quality['flagged']} that were flagged.\n"
        )
    kinds.show_patterns(patterns[:15], pattern_count)
    for sample in whole:
        report.show_sample(sample)
    report.say(
        "With your own Redis, `secencoder query digest` makes one text of it all for a language model."
    )


def recall(flagged: list[Anomaly], planted: dict[str, str]) -> dict[str, object]:
    """How much of the planted attack is among the flagged lines, and among the first of them."""
    hits = [planted[anomaly.text] for anomaly in flagged[:TOP] if anomaly.text in planted]
    total = max(len(planted), 1)
    return {
        "planted": len(planted),
        "in_top": len(hits),
        "flagged": len(flagged),
        "in_flagged": sum(anomaly.text in planted for anomaly in flagged),
        "recall": len(hits) / total,
        "possible": min(1.0, TOP / total),
        "steps_found": [step for step in ATTACK_STEPS if step in hits],
    }
