"""What the queries share: their options, and the settings, store and source that they ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from connectors.findings import topic_of
from stream_processors.cli import report
from stream_processors.cli.options import json_option, settings_from, settings_options, store_from
from stream_processors.settings import Settings, SettingsError

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


source_option = click.option(
    "--source", help="Topic, or topic/NAME of a source inside one; needed when several have lines."
)


def query_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--source``, ``--limit`` and the settings' options."""
    limit = click.option("--limit", default=20, type=click.IntRange(1), help="Most answers.")
    return source_option(limit(json_option(settings_options(command))))


def pattern_of(alert: str) -> str:
    """The pattern of an alert's id, or the pattern itself."""
    return alert.partition(".")[0].lower()


pattern_option = click.option(
    "--pattern",
    metavar="ID",
    callback=lambda _context, _option, value: value and pattern_of(value),
    help="Only this one; an alert's id will do.",
)


class Question:
    """Settings, store and source of one query."""

    def __init__(
        self, config: Path | None, assignments: tuple[str, ...], source: str | None, **shortcuts: str | None
    ) -> None:
        self.settings: Settings = settings_from(config, assignments, **shortcuts)
        self.store = store_from(self.settings)
        self._source = source

    @property
    def source(self) -> str:
        """The source that was named, or the only one with lines. Raises SettingsError when that is unclear."""
        known = self.store.sources()
        if self._source is not None:
            if self._source not in known:
                raise SettingsError(
                    f"--source {self._source}: unknown; known: {', '.join(known) or 'none yet'}"
                )
            return self._source
        if len(known) == 1:
            return known[0]
        busy = [name for name in known if self.store.stats(name).lines]
        if len(busy) == 1:
            return busy[0]
        if not known:
            raise SettingsError(
                f"the store at {self.settings.redis.address} has no sources in environment "
                f"{self.settings.redis.env!r} (setting redis.env); has a worker run?"
            )
        raise SettingsError(f"--source is needed: the store has {', '.join(busy or known)}")

    @property
    def sources(self) -> list[str]:
        """The source that was named, or each that has lines. Raises SettingsError when there is none."""
        if self._source is not None:
            return [self.source]
        return [name for name in self.store.sources() if self.store.stats(name).lines] or [self.source]

    def today(self, pattern: str | None) -> str | None:
        """What a pattern became part of, or the pattern itself."""
        into = {merge.pattern: merge.into for merge in self.store.merges(self.source)} if pattern else {}
        while pattern in into:
            pattern = into.pop(pattern)
        return pattern

    def warn(self) -> None:
        """Says on stderr that the source is still warming up, when it is."""
        if note := report.warming_up(self.store.stats(self.source)):
            click.echo(f"secencoder: {note}", err=True)

    @property
    def topics(self) -> list[str]:
        """The topic of the source that was named, whether or not the store has it yet, or all that there may be."""
        if self._source is not None:
            return [topic_of(self._source)]
        return sorted({*map(topic_of, self.store.sources()), *self.settings.stream.topics})


class Moment(click.ParamType):
    """A time as an option: ISO 8601, or so long before or after now (``90s``, ``30m``, ``2h``, ``7d``, ``4w``)."""

    name = "TIME"

    def __init__(self, *, ahead: bool) -> None:
        self._sign = 1 if ahead else -1

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds since the epoch."""
        if isinstance(value, float):
            return value
        number, unit = value[:-1], value[-1:]
        if unit in UNITS and number.isascii() and number.isdigit():
            return time.time() + self._sign * int(number) * UNITS[unit]
        try:
            when = datetime.fromisoformat(value.replace("Z", "+00:00"))
            return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()
        except (ValueError, OverflowError):
            self.fail(f"{value!r}: expected e.g. 2h, 7d or 2026-01-31T12:00Z", param, ctx)


def since_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--since`` and ``--skip``."""
    skip = click.option(
        "--skip", default=0, type=click.IntRange(0), help="Answers to pass over: the next page."
    )
    since = click.option(
        "--since", type=Moment(ahead=False), default=0.0, help="Not older: 2h, 7d, or ISO 8601 (UTC)."
    )
    return since(skip(command))
