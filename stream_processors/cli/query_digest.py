"""``secencoder query digest``: what there is to tell, as a text for a language model."""

from __future__ import annotations

import time
from typing import Any

import click

from stream_processors.answers.prompt import LEAST_TOKENS
from stream_processors.cli import report
from stream_processors.cli.options import json_option, settings_options
from stream_processors.cli.question import Moment, Question, source_option


@click.command()
@click.option(
    "--since",
    type=Moment(ahead=False),
    help="Where the period begins: 2h, or ISO 8601 (UTC); else the last hour that has lines.",
)
@click.option("--tokens", default=2_000, type=click.IntRange(LEAST_TOKENS), help="Most tokens of the text.")
@source_option
@json_option
@settings_options
def digest(since: float | None, tokens: int, as_json: bool, **options: Any) -> None:
    """A text for a language model: alerts, what is new, bursting, gone and normal, and diverse lines to read.

    It is Markdown, never longer than --tokens (an estimate that is rather too high). Lines are counted by minute for a
    day, so a longer period counts for a day only.
    """
    from stream_processors.answers.digest import digest as make_digest
    from stream_processors.answers.prompt import prompt
    from stream_processors.answers.tokens import tokens as count_tokens

    question = Question(**options)
    detection = question.settings.detection
    found = make_digest(
        question.store,
        question.source,
        since=since,
        now=time.time(),
        k=detection.window_lines,
        seconds=detection.window_seconds,
    )
    text = prompt(found, tokens)
    if not as_json:
        click.echo(text, nl=False)
        return
    period = found.trends
    report.print_json(
        {
            "source": found.stats.source,
            "begin": period.begin * 60,
            "end": period.end * 60,
            "lines": period.lines,
            "tokens": count_tokens(text),
            "text": text,
            "alerts": [one.id for one in found.alerts],
            **{
                name: [
                    {"pattern": trend.pattern.id, "lines": trend.lines, "usual": trend.usual}
                    for trend in getattr(period, name)
                ]
                for name in ("new", "bursting", "gone", "normal")
            },
            "sample": found.sample,
        }
    )
