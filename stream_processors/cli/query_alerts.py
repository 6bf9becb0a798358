"""``secencoder query alerts``, ``incidents`` and ``anomalies``: what is unusual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from connectors.alerts import Alert, Verdict
from stream_processors.cli import report
from stream_processors.cli.question import Question, pattern_option, query_options, since_option

MOST = 10_000
"""Alerts or flagged lines that are looked at."""
explain_option = click.option("--explain", is_flag=True, help="Say why.")


@click.command()
@click.option("--by", type=click.Choice(["score", "time"]), default="score", help="Order.")
@explain_option
@since_option
@pattern_option
@query_options
def anomalies(
    by: Any,
    explain: bool,
    since: float,
    skip: int,
    pattern: str | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """The most unusual lines, each by itself. While a source is warming up, it says so, with --json on stderr."""
    question = Question(**options)
    source, only = question.source, question.today(pattern)
    note = report.warming_up(question.store.stats(source))
    found = question.store.anomalies(source, order=by, limit=MOST if since or only else skip + limit)
    found = [one for one in found if one.timestamp >= since or not since]
    found = [one for one in found if only in (None, one.pattern)][skip : skip + limit]
    if as_json:
        if note:
            click.echo(f"secencoder: {note}", err=True)
        report.print_json(found)
        return
    report.show_anomalies(found, note=note, explain=explain)


@click.command()
@explain_option
@since_option
@pattern_option
@query_options
def alerts(
    explain: bool,
    since: float,
    skip: int,
    pattern: str | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Unusual lines, one alert for each pattern, the latest first; what was marked says so."""
    from stream_processors.cli.alerts import alert_json, show_alerts

    question = Question(**options)
    note_warmup(question, as_json)
    if pattern:
        only = question.today(pattern) or pattern
        one = question.store.alert(question.source, pattern) or question.store.alert(question.source, only)
        found = [one] if one else []
    else:
        found = question.store.alerts(question.source, since=since, skip=skip, limit=limit)
    verdicts = question.store.feedback(question.source).verdicts
    why = explanations(question, found, verdicts) if explain else {}
    if as_json:
        report.print_json([alert_json(one, verdicts.get(one.pattern), why.get(one.id)) for one in found])
    else:
        show_alerts(found, verdicts, why)


@click.command()
@explain_option
@click.option("--gap", default=30.0, type=click.FloatRange(0), help="Minutes between two incidents.")
@since_option
@query_options
def incidents(
    explain: bool, gap: float, since: float, skip: int, limit: int, as_json: bool, **options: Any
) -> None:
    """Alerts put together by address, user or host, close in time; the latest first."""
    from stream_processors.alerts.incidents import incidents as put_together
    from stream_processors.cli.alerts import incident_json, show_incidents

    question = Question(**options)
    note_warmup(question, as_json)
    of = question.store.alerts(question.source, since=since, limit=MOST)
    found = put_together(of, gap=gap * 60)[skip : skip + limit]
    verdicts = question.store.feedback(question.source).verdicts
    shown = [alert for incident in found for alert in incident.alerts]
    why = explanations(question, shown, verdicts) if explain else {}
    if as_json:
        report.print_json([incident_json(incident, verdicts, why) for incident in found])
    else:
        show_incidents(found, why)


def note_warmup(question: Question, as_json: bool) -> None:
    """Says that the source is warming up: above a table, with JSON on stderr."""
    if as_json:
        question.warn()
    elif note := report.warming_up(question.store.stats(question.source)):
        report.say(note)


def explanations(
    question: Question, alerts: Sequence[Alert], verdicts: Mapping[str, Verdict]
) -> dict[str, Any]:
    """Why there are these alerts, by their ids."""
    from stream_processors.alerts.explaining import explain

    templates = question.store.templates(question.source)
    stats = question.store.stats(question.source)
    return {alert.id: explain(alert, templates, stats, verdicts.get(alert.pattern)) for alert in alerts}
