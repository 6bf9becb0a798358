"""Options that several commands share, and the settings and clients they lead to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stream_processors.assembly import make_store
from stream_processors.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from connectors.redis import RedisStore

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")

_SHORTCUTS = {
    "bootstrap_servers": "kafka.bootstrap_servers",
    "redis_url": "redis.url",
    "topics": "stream.topics",
    "topic_pattern": "stream.topic_pattern",
    "bundle": "encoder.bundle",
}


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--config``, ``--set`` and the shortcuts for the settings that everyone needs."""
    for decorate in (
        click.option(
            "--set",
            "assignments",
            multiple=True,
            metavar="NAME=VALUE",
            help="Any setting, e.g. stream.group=siem.",
        ),
        click.option("--bundle", metavar="DIR", help="Model bundle [setting encoder.bundle]."),
        click.option("--redis-url", metavar="URL", help="Store [setting redis.url]."),
        click.option(
            "--bootstrap-servers", metavar="HOST:PORT", help="Kafka [setting kafka.bootstrap_servers]."
        ),
        click.option(
            "--config", type=click.Path(path_type=Path), metavar="FILE", help="TOML or YAML settings file."
        ),
    ):
        command = decorate(command)
    return command


def settings_from(
    config: Path | None = None, assignments: tuple[str, ...] = (), **shortcuts: str | list[str] | None
) -> Settings:
    """The settings of a command from its options over environment over file."""
    overrides: dict[str, Any] = {_SHORTCUTS[name]: value for name, value in shortcuts.items() if value}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise SettingsError(f"--set {assignment}: expected NAME=VALUE")
        overrides[name.strip()] = value
    return load_settings(config, overrides)


def note_retry(what: str) -> Callable[[str, float], None]:
    """A reporter of failed attempts to reach a server."""

    def report(reason: str, seconds: float) -> None:
        click.echo(f"secencoder: waiting for {what}: {reason}; next try in {seconds:.1f} s", err=True)

    return report


def store_from(settings: Settings, *, wait_seconds: float = 5.0) -> RedisStore:
    """The Redis store, reachable."""
    from connectors.redis import wait_until_reachable

    wait_until_reachable(settings.redis, wait_seconds, note_retry("Redis"))
    return make_store(settings)
