"""``secencoder query diff``: two environments that read the same lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stream_processors.assembly import make_store
from stream_processors.cli import report
from stream_processors.cli.options import settings_from, store_from
from stream_processors.cli.question import query_options
from stream_processors.settings import Settings, SettingsError

if TYPE_CHECKING:
    from connectors.redis import RedisStore
    from connectors.replays import Plan
    from stream_processors.answers.diff import SourceDiff

MOST_REASONS = 2
"""Of a line and side, as a text."""


@click.command()
@click.option(
    "--env",
    "envs",
    multiple=True,
    required=True,
    help="Both environments; with one, the settings' is the other.",
)
@query_options
def diff(
    envs: tuple[str, ...],
    config: Path | None,
    assignments: tuple[str, ...],
    source: str | None,
    limit: int,
    as_json: bool,
    **shortcuts: Any,
) -> None:
    """What differs between two environments that read the same lines, e.g. live and a replay with another model.

    Flagged lines are compared where both have read them, patterns by their share of all that each has read.
    """
    from stream_processors.answers.diff import answers_of, compare

    settings = settings_from(config, assignments, **shortcuts)
    store_from(settings)
    if len(envs) == 1:
        envs = (settings.redis.env, *envs)
    if len(envs) != 2 or envs[0] == envs[1]:
        raise SettingsError("--env: two different environments are needed")
    stores = [store_of(settings, env) for env in envs]
    plans = [plan_of(settings, env) for env in envs]
    names = common_sources(stores, envs, source)
    found = []
    for name in names:
        a, b = (answers_of(store, env, name, plans) for store, env in zip(stores, envs, strict=True))
        found.append(compare(a, b, name, limit=limit))
    if as_json:
        report.print_json(found)
        return
    for one in found:
        show(one)


def store_of(settings: Settings, env: str) -> RedisStore:
    """The store of an environment. Raises SettingsError for one without sources."""
    store = make_store(settings.model_copy(update={"redis": settings.redis.model_copy(update={"env": env})}))
    if not store.sources():
        raise SettingsError(f"--env {env}: has no sources in the store at {settings.redis.address}")
    return store


def plan_of(settings: Settings, env: str) -> Plan | None:
    """The replay that filled an environment, if one did."""
    from connectors.redis import connect
    from connectors.redis.environments import Environment

    try:
        return Environment(connect(settings.redis), prefix=settings.redis.prefix, env=env).plan()
    except ValueError as error:
        raise SettingsError(f"--env {env}: {error}") from error


def common_sources(stores: list[RedisStore], envs: tuple[str, ...], source: str | None) -> list[str]:
    """The source that was named, or each that has lines in both. Raises SettingsError when there is none."""
    known = [set(store.sources()) for store in stores]
    for env, names in zip(envs, known, strict=True):
        if source is not None and source not in names:
            raise SettingsError(f"--source {source}: unknown in {env}; known: {', '.join(sorted(names))}")
    names = {source} if source is not None else known[0] & known[1]
    found = [name for name in sorted(names) if any(store.stats(name).lines for store in stores)]
    if not found:
        raise SettingsError(f"{envs[0]} and {envs[1]} have no source in common")
    return found


def show(found: SourceDiff) -> None:
    """One source as tables; what is equal is left out."""
    a, b = (side.env for side in found.sides)
    counts = found.counts
    report.say(f"[{found.source}]" + (" (the latest flagged lines only)" if found.cut else ""))
    totals = ("lines", "dead_letters", "templates", "patterns", "flagged", "alerts", "model")
    rows = [(name.replace("_", " "), *(getattr(side, name) for side in found.sides)) for name in totals]
    report.show_table("", ["", a, b], rows)
    for place, (env, side) in enumerate(((a, "a"), (b, "b"))):
        only, count = found.patterns_only[place], counts[f"patterns_only_{side}"]
        rows = [(one.id, f"{one.count:,}", one.template or one.example) for one in only]
        table(f"Patterns in {env} only: {count:,}", ["id", "lines", "pattern"], rows)
    table(
        f"Patterns with another share of the lines: {counts['patterns_changed']:,}",
        [a, b, "pattern"],
        [(*(f"{share:.2%}" for share in pair.shares), pair.text) for pair in found.patterns_changed],
    )
    for place, (env, side) in enumerate(((a, "a"), (b, "b"))):
        alerts, count = found.alerts_only[place], counts[f"alerts_only_{side}"]
        rows = [
            (pair.ids[place], pair.lines[place], f"{pair.scores[place]:.3f}", pair.text) for pair in alerts
        ]
        columns = ["pattern", "lines", "score", "most unusual line"]
        table(f"Alerts in {env} only: {count:,}", columns, rows)
    table(
        f"Alerts in both: {counts['alerts_both']:,}",
        [f"lines in {a}", f"in {b}", f"score in {a}", f"in {b}", "most unusual line"],
        [(*pair.lines, *(f"{score:.3f}" for score in pair.scores), pair.text) for pair in found.alerts_both],
    )
    if found.lines_changed:
        report.say(
            f"Lines with another score: {counts['lines_changed']:,} of {counts['lines_both']:,} in both"
        )
    for line in found.lines_changed:
        report.say(
            f"{line.scores[0]:.3f} -> {line.scores[1]:.3f}  {report.place_of(*line.place)}  {line.text}"
        )
        for env, reasons in zip((a, b), line.reasons, strict=True):
            texts = "; ".join(f"{one.kind} ({one.score:.1f}): {one.text}" for one in reasons[:MOST_REASONS])
            report.say(f"  {env}: {texts or '-'}")


def table(title: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    """A table, or nothing where it would be empty."""
    if rows:
        report.show_table(title, columns, rows)
