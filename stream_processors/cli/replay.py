"""``secencoder replay``: lines that were read before, or failed, once more, beside the live workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from stream_processors.cli import report
from stream_processors.cli.options import json_option, note_retry, settings_from, settings_options, store_from
from stream_processors.cli.question import Moment
from stream_processors.settings import Settings, SettingsError

if TYPE_CHECKING:
    from connectors.replays import Plan, Progress

NAMED_FAILURES = 20
"""Lines that can't be processed and are named; the others are counted."""


class WrittenMoment(Moment):
    """A ``Moment`` together with how it was written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """(seconds since the epoch, text)."""
        return value if isinstance(value, tuple) else (super().convert(value, param, ctx), value)


@click.command()
@click.option("--from-timestamp", "since", type=WrittenMoment(ahead=False), help="2h, 7d, or ISO 8601 (UTC).")
@click.option("--to", "until", type=WrittenMoment(ahead=False), help="Up to this time; the end as it is now.")
@click.option("--from-dlq", "letters", is_flag=True, help="What is in the dead-letter topic.")
@click.option("--topic", "only", multiple=True, help="This topic alone; repeatable.")
@click.option("--env", help="Environment to fill; replay-TIME, or replay-dlq, when unset.")
@click.option("--alerts", is_flag=True, help="Send its alerts to the sinks of the settings.")
@click.option(
    "--delete", "unwanted", metavar="ENV", help="Remove a replay's environment, and do nothing else."
)
@json_option
@settings_options
def replay(
    since: tuple[float, str] | None,
    until: tuple[float, str] | None,
    letters: bool,
    only: tuple[str, ...],
    env: str | None,
    alerts: bool,
    unwanted: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Read lines again, into an environment (redis.env) and a consumer group of their own.

    Live workers, their answers and their offsets are left alone, whatever settings or model it is run with. Ctrl-C
    stops it; the same command line goes on. Compare what it found by: secencoder query diff --env default --env ENV
    """
    if (unwanted is not None) + (since is not None) + letters != 1:
        raise click.UsageError("one of --from-timestamp, --from-dlq and --delete is needed")
    if until is not None and since is None:
        raise click.UsageError("--to goes with --from-timestamp")
    from stream_processors import replay as replays

    settings = settings_from(**options)
    name = unwanted or env or replays.environment_name(None if since is None else since[1])
    place = replays.environment(settings, name)
    live = store_from(settings)
    if unwanted is not None:
        click.echo(f"{name}: {replays.remove(place, name):,} keys removed")
        return
    from connectors import kafka

    known = replays.plan_of(place, name)
    kafka.wait_until_reachable(settings.kafka, 5.0, note_retry("Kafka"))
    what = in_words(since, until, only)
    if known is not None and known.what != what:
        raise SettingsError(
            f"--env {name}: holds a replay of other lines ({known.what}); name another one, or --delete {name}"
        )
    if known is not None:
        plan = known
    elif since is None:
        plan = replays.plan_letters(settings, only, what, report.remark)
    else:
        topics = only or replays.topics_of(settings)
        plan = replays.plan_times(settings, topics, what, since[0], None if until is None else until[0])
    if plan.offsets == 0:
        raise SettingsError(f"{what}: there is nothing to read")
    own = replays.replay_settings(settings, plan, name, alerts=alerts)
    replays.begin(place, plan, live, own)
    show(name, run(own, plan), as_json)


def in_words(since: tuple[float, str] | None, until: tuple[float, str] | None, only: tuple[str, ...]) -> str:
    """What a command line asks for, as it was written."""
    words = "dead letters" if since is None else f"from {since[1]}"
    words += f" to {until[1]}" if until is not None else ""
    return words + "".join(f", topic {topic}" for topic in sorted(only))


def run(settings: Settings, plan: Plan) -> Progress | None:
    """Runs until all is applied, or it is told to stop; how far it came."""
    from stream_processors.replay import run_worker

    latest: list[Progress] = []
    failures: list[str] = []
    with bar(settings.redis.env, plan.offsets) as (move, say):

        def tell(progress: Progress) -> None:
            latest[:] = [progress]
            move(progress)

        def failed(line: str) -> None:
            if len(failures) < NAMED_FAILURES:
                failures.append(line)
                say(f"secencoder: can't be processed: {line}")

        run_worker(settings, plan, tell, failed)
    return latest[0] if latest else None


@contextmanager
def bar(env: str, total: int) -> Iterator[tuple[Any, Any]]:
    """A progress bar on stderr's terminal: what takes a ``Progress``, and what takes a line to print."""
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]:,} lines, {task.fields[rate]:,} lines/s"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(env, total=total, lines=0, rate=0)

        def move(progress: Progress) -> None:
            rate = int(progress.lines / max(progress.seconds, 1e-3))
            shown.update(task, completed=progress.passed, lines=progress.lines, rate=rate)

        yield move, lambda line: console.print(line, markup=False, soft_wrap=True)


def show(env: str, progress: Progress | None, as_json: bool) -> None:
    """What came of it."""
    facts = {
        "env": env,
        "done": progress is not None and progress.done,
        "lines": progress.lines if progress else 0,
        "failed": progress.failed if progress else 0,
        "seconds": round(progress.seconds, 1) if progress else 0.0,
    }
    report.show_facts(facts, as_json)
    if not facts["done"] and not as_json:
        report.remark("stopped; the same command line goes on")
