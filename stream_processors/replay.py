"""What a replay reads, in which environment, with which settings, and that it harms no live one."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterable
from functools import partial

from kafka import TopicPartition

from connectors import kafka
from connectors.findings import topic_of
from connectors.kafka.dead_letters import topic_of_letter
from connectors.kafka.sampling import Stretch, records
from connectors.redis import RedisStore, connect
from connectors.redis.environments import ALIVE_SECONDS, Environment
from connectors.replays import Plan, Progress, Span
from connectors.sinks.settings import SinkSettings
from stream_processors.assembly import make_store
from stream_processors.settings import Settings, SettingsError


def environment_name(moment: str | None) -> str:
    """The name of an environment by default: of the time as it was written, or of the dead letters."""
    return "replay-" + ("dlq" if moment is None else re.sub(r"[^A-Za-z0-9_.-]", "-", moment))


def environment(settings: Settings, env: str) -> Environment:
    """An environment in the store of the settings. Raises SettingsError for the live one, and for no name."""
    if env == settings.redis.env:
        raise SettingsError(f"--env {env}: is the live environment (setting redis.env); name another one")
    if re.fullmatch(r"[A-Za-z0-9_.-]+", env) is None:
        raise SettingsError(f"--env {env}: a name has letters, digits and _.- only")
    return Environment(connect(settings.redis), prefix=settings.redis.prefix, env=env)


def plan_of(place: Environment, env: str) -> Plan | None:
    """The replay of an environment; None of one that is empty. Raises SettingsError for one that is not a replay's."""
    try:
        plan = place.plan()
    except ValueError as error:
        raise SettingsError(f"--env {env}: {error}") from error
    if plan is None and place.topics():
        raise SettingsError(f"--env {env}: is no replay's: it was filled by a worker; name another one")
    return plan


def remove(place: Environment, env: str) -> int:
    """Removes a replay's environment; returns the number of its keys. Raises SettingsError."""
    if plan_of(place, env) is None:
        raise SettingsError(f"--delete {env}: there is no such environment")
    seconds = time.time() - place.last_sign()
    if seconds < ALIVE_SECONDS:
        raise SettingsError(f"--delete {env}: a replay fills it (seen {seconds:.0f} s ago); stop that first")
    return place.remove()


def replay_settings(settings: Settings, plan: Plan, env: str, *, alerts: bool) -> Settings:
    """The settings of a replay: topics, group and environment of its own, no port, and no sinks unless asked.

    Dead letters go in steps so small that all of a step may fail again without a doubt that it is our fault.
    """
    from stream_processors.detection.pipeline import FEW_LINES

    stream = settings.stream.model_copy(
        update={
            "topics": sorted(plan.topics),
            "topic_pattern": None,
            "group": f"{settings.stream.group}-{env}",
            "start": "earliest",
            "batch_lines": FEW_LINES if plan.dead_letters else settings.stream.batch_lines,
        }
    )
    return settings.model_copy(
        update={
            "redis": settings.redis.model_copy(update={"env": env}),
            "stream": stream,
            "alerts": settings.alerts if alerts else SinkSettings(),
            "health": settings.health.model_copy(update={"port": 0}),
        }
    )


def begin(place: Environment, plan: Plan, live: RedisStore, settings: Settings) -> None:
    """Makes an environment a replay's: it begins where the plan does, with what people and ``learn`` have told live.

    settings: the replay's. To be called with every start: what was begun is left as it is.
    """
    place.keep(plan)
    store = make_store(settings)
    for topic, parts in plan.topics.items():
        store.claim(topic, settings.stream.group, time.time())
        for source, seed in live.seeds(topic).items():
            store.plant(f"{topic}/{source}" if source else topic, seed)
        store.begin(topic, {number: span.start for number, span in parts.items()})
    for source in live.sources():
        if topic_of(source) in plan.topics:
            for verdict in live.feedback(source).verdicts.values():
                store.mark(source, verdict)


def topics_of(settings: Settings) -> list[str]:
    """The topics that a worker with these settings reads now."""
    pattern = settings.topic_regex()
    return settings.stream.topics if pattern is None else kafka.matching(settings.kafka, pattern)


def plan_times(
    settings: Settings, topics: Iterable[str], what: str, since: float, until: float | None
) -> Plan:
    """Messages of topics from a time (of Kafka's) up to another one, or to the topics' end now. Raises TopicError."""
    found: dict[str, dict[int, Span]] = {}
    for topic in topics:
        starts = kafka.offsets_at(settings.kafka, topic, since)
        ends = kafka.end_offsets(settings.kafka, topic)
        if until is not None:
            stops = kafka.offsets_at(settings.kafka, topic, until)
            ends = {number: min(end, stops.get(number, end)) for number, end in ends.items()}
        found[topic] = {number: Span(min(starts.get(number, end), end), end) for number, end in ends.items()}
    return Plan(what, found)


def plan_letters(settings: Settings, only: Iterable[str], what: str, tell: Callable[[str], object]) -> Plan:
    """All dead letters there are now, or those of some topics. Raises TopicError; says what is left out."""
    name, wanted, left = settings.stream.dead_letter_topic, set(only), 0
    starts, ends = kafka.beginning_offsets(settings.kafka, name), kafka.end_offsets(settings.kafka, name)
    found: dict[str, dict[int, Span]] = {}
    counts: dict[str, int] = {}
    for number, end in ends.items():
        stretch = Stretch(TopicPartition(name, number), starts[number], end)
        for record in records(settings.kafka, stretch):
            topic = topic_of_letter(record.headers)
            if topic is None:
                left += 1
            elif not wanted or topic in wanted:
                parts = found.setdefault(topic, {})
                first = parts[number].start if number in parts else record.offset
                parts[number] = Span(first, record.offset + 1)
                counts[topic] = counts.get(topic, 0) + 1
    if left:
        tell(f"{name}: {left:,} messages are left out: of another program, or without their value")
    return Plan(what, found, name, counts)


def run_worker(
    settings: Settings, plan: Plan, tell: Callable[[Progress], object], failed: Callable[[str], object]
) -> None:
    """Runs a replay in this process until all is applied, or a signal stops it. Raises SystemExit when it gives up.

    tell: hears how far it is. failed: hears of each line that can't be processed.
    """
    from stream_processors.delivery.replaying import ReplayService
    from stream_processors.worker import Worker, make_app

    app = make_app(settings, partial(ReplayService, plan=plan, tell=tell, failed=failed))
    try:
        Worker(
            app,
            loglevel="warning",
            quiet=True,
            redirect_stdouts=False,
            stdout=io.StringIO(),  # Faust draws on it; answers are on ours
        ).execute_from_commandline()
    except SystemExit as stop:
        if stop.code:
            raise
