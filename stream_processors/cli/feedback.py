"""``secencoder feedback``: what people say of alerts."""

from __future__ import annotations

import time
from typing import Any

import click

from connectors.alerts import Mark, Verdict
from stream_processors.cli import report
from stream_processors.cli.options import json_option, settings_options
from stream_processors.cli.question import Moment, Question, pattern_of, source_option
from stream_processors.settings import SettingsError

MOST_TEMPLATES = 256
"""Templates of a pattern that a verdict names."""


@click.group()
def feedback() -> None:
    """Tell the workers what is benign and what is malicious; they know it with their next lines."""


@feedback.command()
@click.argument("alert")
@click.option("--benign", "verdict", flag_value="benign", help="Lines like this are never flagged.")
@click.option("--malicious", "verdict", flag_value="malicious", help="Lines like this are always flagged.")
@click.option("--until", type=Moment(ahead=True), help="When it ends: 2h, 7d, or ISO 8601 (UTC); else never.")
@click.option("--note", default="", help="Why.")
@source_option
@settings_options
def mark(alert: str, verdict: Mark | None, until: float | None, note: str, **options: Any) -> None:
    """Marks the pattern of ALERT, an alert's id or a pattern's."""
    if verdict is None:
        raise click.UsageError("one of --benign and --malicious is needed")
    question = Question(**options)
    source, pattern = question.source, pattern_of(alert)
    templates = [one.id for one in question.store.templates(source) if one.pattern == pattern]
    if not templates and question.store.alert(source, pattern) is None:
        raise SettingsError(f"{alert}: {source} has no such alert or pattern")
    given = Verdict(pattern, verdict, time.time(), until, tuple(templates[:MOST_TEMPLATES]), note)
    if not question.store.mark(source, given):
        raise SettingsError(f"{source} has as many marks as retention.feedback allows; take some back first")
    ends = f" until {report.clock(until)} UTC" if until else ""
    click.echo(f"{pattern} of {source}: {verdict}{ends}")


@feedback.command()
@click.argument("alert")
@source_option
@settings_options
def unmark(alert: str, **options: Any) -> None:
    """Takes the mark of a pattern back."""
    question = Question(**options)
    if not question.store.unmark(question.source, pattern_of(alert)):
        raise SettingsError(f"{alert}: not marked in {question.source}")
    click.echo(f"{pattern_of(alert)} of {question.source}: no mark")


@feedback.command("list")
@source_option
@json_option
@settings_options
def list_marks(as_json: bool, **options: Any) -> None:
    """What is marked, the latest first."""
    question = Question(**options)
    verdicts = question.store.feedback(question.source).verdicts.values()
    found = sorted(verdicts, key=lambda verdict: verdict.at, reverse=True)
    if as_json:
        report.print_json(found)
        return
    rows = [
        (*(v.pattern, v.mark, report.clock(v.at)), report.clock(v.until) if v.until else "", v.note)
        for v in found
    ]
    report.show_table("Marked patterns", ["pattern", "mark", "at (UTC)", "until (UTC)", "note"], rows)
