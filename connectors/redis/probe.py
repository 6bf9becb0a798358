"""The check of a server: every command that the store uses is tried before a line is read."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import redis

from connectors.alerts import AlertChange, Verdict
from connectors.days import DAY, counted_days
from connectors.decisions import BEGINNING
from connectors.findings import (
    Anomaly,
    Changes,
    Findings,
    Merge,
    Pace,
    SlotSummary,
    Template,
    Warmup,
    WindowPart,
)
from connectors.redis.client import is_passing, reason
from connectors.redis.commands import OF_THE_SCRIPT, Commands
from connectors.redis.keys import Keys, bucket
from connectors.redis.server import server_of
from connectors.store import RetentionSettings, Store, StoreRefused

GROUP = "probe"
LIMITS = RetentionSettings(
    anomalies=1, windows=1, templates=1, sources=1, alerts=1, anomaly_hours=1, window_hours=1
)
"""So small that a second step leaves the first one's behind, and forgets them."""


def check(client: Any, source: str, probe: Store, keys: Keys, now: float) -> None:
    """Tries everything a store does. Raises StoreRefused with the server's name and the command it refuses.

    client: the one that ``probe`` uses.
    probe: a store of ``GROUP`` with ``LIMITS``, whose keys are ``keys``: below the source's, its own.
    """
    server = server_of(client)
    if server.too_old:
        raise StoreRefused(f"the store is {server.name}; Redis >= 6.2 or Valkey is needed")
    try:
        try_commands(client, source, probe, keys, now)
    except StoreRefused as refusal:
        raise StoreRefused(f"the store ({server.name}) {refusal}") from None
    except redis.ResponseError as error:
        if is_passing(error):
            raise
        raise StoreRefused(f"the store ({server.name}) refused a command: {reason(error)}") from None


def try_commands(client: Any, source: str, probe: Store, keys: Keys, now: float) -> None:
    """Runs them, and removes what they made."""
    commands, applied, feed = Commands(keys, LIMITS), keys.key(source, "applied"), keys.key(source, "feed")
    client.smembers(replace(keys, below=()).sources)
    client.delete(applied)  # before anything is made that would stay
    client.eval("return 1", 1, applied)
    made = [keys.key(source, name) for name in ("applied", "topic_ids", "sources", "owner", "troubles")]
    try:
        probe.claim(source, GROUP, now)
        probe.begin(source, {0: 0})
        for end in (1, 2):
            changes = probe_changes(source, end, now)
            made += [words[1] for words in commands.of(changes, now, GROUP) if words[0] not in OF_THE_SCRIPT]
            for part in (changes, *changes.parts.values()):
                made += [keys.key(part.source, *name) for name in made_by_script(part, now)]
            probe.apply(changes)
        client.xdel(feed, "0-1")  # what a refused step takes back
        probe.stored(source, 0, 1)
        probe.restart(source, 0, expected=2, start=0, topic_id=None)
        probe.blame(source, 0, GROUP)
        probe.troubles(source)
        probe.blame(source, 0, None)
        probe.sources()
        probe.stats(source)
        probe.anomalies(source)
        probe.anomalies(source, order="time")
        probe.alerts(source)
        probe.alert(source, GROUP)
        probe.outbox(source)
        probe.acknowledge(source, GROUP, 0, 1)
        probe.sent(source)
        probe.mark(source, Verdict(GROUP, "benign", now))
        probe.unmark(source, GROUP)
        probe.plant(source, b"")
        probe.seeds(source)
        probe.patterns(source)
        probe.merges(source)
        probe.days(source, int(now // DAY))
        for start in probe.windows(source):
            probe.window(source, start)
    finally:
        with contextlib.suppress(redis.RedisError):
            client.delete(*dict.fromkeys(made))
            client.delete(keys.sources)


def made_by_script(findings: Findings, now: float) -> list[tuple[object, ...]]:
    """Keys of a source that a step makes beside those that its commands name."""
    return [
        ("anomalies", "by_time"),
        ("feed",),
        *(("line", f"{one.partition}:{one.offset}:{one.index}") for one in findings.anomalies),
        *((name,) for name in ("templates", "decisions", "log", "merged", "merges", "lessons")),
        *((name,) for name in ("alerts", "outbox", "sent", "feedback", "seeds", "stats")),
        *(("alert", change.pattern) for change in findings.alerts),
        *(("template", template.id) for template in findings.templates),
        *(("day", day) for day in counted_days(findings.days, now)),
        *(("anomalies", "by_score", bucket(anomaly.timestamp)) for anomaly in findings.anomalies),
    ]


def probe_changes(source: str, end: int, now: float) -> Changes:
    """A step that changes all there is; a second one leaves the first one's behind, over the probe's limits."""
    start, name = int(now) - 86_400 * end, f"probe-{end}"
    line = Anomaly(0, end, now - 3_600 * (3 - end), 0.5, 0.5, name, "raw", name)
    changes = Changes(
        source,
        0,
        expected=end - 1,
        end=end,
        lines=1,
        dead_letters=1,
        parse_errors=1,
        cut=1,
        expired=1,
        waiting_from=0 if end == 1 else None,
        warmup=Warmup(1, 1, 1, 1) if end == 1 else None,
        topic_id=name,
        model=name,
        anomalies=[line],
        alerts=[AlertChange(name, 1, (GROUP,), line, line, line)],
        templates=[
            Template(name, name, name, 1, now, now, minutes=((0, 1),), parameters=(SlotSummary(name, name),))
        ],
        merges=[Merge(name, GROUP, now, name)],
        seen=0,
        pace=Pace(1.0, now),
        taught=b"1",
        days={0: {name: 1}},
        heard=BEGINNING,
        windows=[WindowPart(start, 0, 1, b"", (), (), b"")],
        snapshot=b"",
    )
    part = changes.part(name)
    part.lines, part.anomalies, part.alerts = 1, changes.anomalies, changes.alerts
    part.templates, part.merges, part.seen = changes.templates, changes.merges, 0
    part.days = changes.days
    part.snapshot, part.forget = (b"", False) if end == 1 else (None, True)
    return changes
