"""``secencoder query drift``: whether sources changed, and whether a model should be trained on them again."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connectors.days import DAYS_KEPT
from stream_processors.cli import report
from stream_processors.cli.question import Moment, Question, query_options
from stream_processors.settings import SettingsError

if TYPE_CHECKING:
    from stream_processors.answers.drift import Drift
    from stream_processors.answers.measures import Measure

NOT_ADVISED = 3
"""Exit code of ``--advised`` when it is not."""


class Days(click.ParamType):
    """A number of days: ``7d``, ``4w``."""

    name = "DAYS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """How many; no more than are kept."""
        number, unit = value[:-1], {"d": 1, "w": 7}.get(value[-1:])
        if unit is None or not (number.isascii() and number.isdigit()):
            self.fail(f"{value!r}: expected e.g. 1d, 7d or 4w", param, ctx)
        days = int(number) * unit
        if not 1 <= days < DAYS_KEPT:
            self.fail(f"{value!r}: expected 1d to {DAYS_KEPT - 1}d", param, ctx)
        return days


@click.command()
@click.option("--since", default="1d", type=Days(), help="The latest whole days (UTC) to look at.")
@click.option("--reference", default="7d", type=Days(), help="The days before them, to compare with.")
@click.option(
    "--until", type=Moment(ahead=False), help="As it was then: 2d, or ISO 8601 (UTC).  [default: now]"
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png", help="Draw it as well."
)
@click.option(
    "--advised",
    is_flag=True,
    help=f"Answer by exit code too: 0 when training is advised, {NOT_ADVISED} when not.",
)
@query_options
def drift(
    since: int,
    reference: int,
    until: float | None,
    plot: Path | None,
    advised: bool,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """How far lines are from what they were, and whether to train a model on them again.

    Of the source that is named, or else of each that has lines. Compares whole days (UTC); a day is what its lines say,
    not when they were read.
    """
    from stream_processors.answers.drift import drift as find_drift

    draw = drawer(plot)
    question = Question(**options)
    end = time.time() if until is None else until
    found = [
        find_drift(question.store, source, until=end, period=since, reference=reference)
        for source in question.sources
    ]
    shown = found[:limit]
    retrain, because = verdict(found)
    if draw is not None and plot is not None:
        draw(shown, plot)
    if as_json:
        report.print_json(
            {"sources": [as_dict(one) for one in shown], "retrain": retrain, "because": because}
        )
    else:
        for one in shown:
            show(one)
        report.say(f"retrain advised: {'yes' if retrain else 'no'}, because {because}")
    if advised and not retrain:
        sys.exit(NOT_ADVISED)


def drawer(plot: Path | None) -> Any:
    """What draws, if it is asked for. Raises SettingsError when that is not installed."""
    if plot is None:
        return None
    try:
        from stream_processors.cli.drift_plot import draw
    except ModuleNotFoundError as error:
        raise SettingsError("--plot: needs matplotlib: pip install matplotlib") from error
    return draw


def verdict(found: Sequence[Drift]) -> tuple[bool, str]:
    """Whether to train again for any of the sources, and why."""
    chosen = [one for one in found if one.retrain] or list(found)
    reasons = dict.fromkeys(f"{one.source}: {one.because}" for one in chosen)
    return any(one.retrain for one in found), "; ".join(reasons)


def show(found: Drift) -> None:
    """The measures of one source."""
    from stream_processors.answers.seen_days import on

    days = found.days
    period = f"{on(days.first)}" if days.first == days.last else f"{on(days.first)} to {on(days.last)}"
    lines = sum(day.lines for day in days.now)
    if not found.measures:
        report.say(f"{found.source}, {period}: nothing to tell: {found.because}\n")
        return
    before = f"{on(days.before[0].day)} to {on(days.before[-1].day)}"
    title = f"{found.source}: {lines:,} lines of {period} beside {len(days.before)} days of {before}"
    rows = [
        (one.name, *map(number, (one.usual, one.now, one.limit)), in_words(one)) for one in found.measures
    ]
    report.say(title)
    report.show_table("", ["measure", "usual", "now", "limit", "verdict"], rows)


def number(value: float | None) -> str:
    """A measure's number."""
    return "-" if value is None else f"{value:.3f}"


def in_words(measure: Measure) -> str:
    """What a measure says."""
    if measure.now is None:
        return "too little to tell"
    if measure.drifted:
        return "drift"
    return "as usual" if measure.now <= max(measure.days) else "more, but not drift"


def as_dict(found: Drift) -> Mapping[str, Any]:
    """What is told of one source as JSON."""
    from stream_processors.answers.seen_days import on

    days = found.days
    return {
        "source": found.source,
        "model": days.model,
        "first": str(on(days.first)),
        "last": str(on(days.last)),
        "lines": sum(day.lines for day in days.now),
        "reference": [str(on(day.day)) for day in days.before],
        "measures": [report.as_dict(one) | {"drifted": one.drifted} for one in found.measures],
        "retrain": found.retrain,
        "because": found.because,
    }
