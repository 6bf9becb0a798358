"""The store in memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from threading import Lock

from connectors.alerts import Alert, Feedback, Told, Verdict
from connectors.days import Day
from connectors.decisions import Applied, SourceApplied, with_parts
from connectors.findings import (
    Anomaly,
    Changes,
    Findings,
    Merge,
    Pace,
    Pattern,
    SourceStats,
    Template,
    Warmup,
    WindowPart,
    topic_of,
)
from connectors.lessons import SourceLessons
from connectors.memory_alerts import SourceAlerts
from connectors.memory_days import SourceDays
from connectors.memory_templates import SourceTemplates
from connectors.patterns import of_a_day, patterns_of
from connectors.store import (
    TAKEOVER_SECONDS,
    Clock,
    Fenced,
    Occupied,
    Order,
    Stored,
    StoredSource,
    is_living,
    ranked_time,
)

NOTHING = StoredSource()


class MemoryStore:
    """A store for one process, unbounded in time: what ``scan`` uses."""

    def __init__(self, *, clock: Clock = time.time) -> None:
        self._clock = clock
        self._stats: dict[str, SourceStats] = {}
        self._anomalies: dict[str, dict[tuple[int, int, int], tuple[float, Anomaly]]] = {}
        self._templates: dict[str, SourceTemplates] = {}
        self._lessons: dict[str, SourceLessons] = {}
        self._days: dict[str, SourceDays] = {}
        self._windows: dict[str, dict[tuple[int, int, int], WindowPart]] = {}
        self._topic_ids: dict[tuple[str, int], str | None] = {}
        self._memories: dict[tuple[str, int], StoredSource] = {}
        self._warming: dict[tuple[str, int], int] = {}
        self._warmups: dict[tuple[str, int], Warmup | None] = {}
        self._owners: dict[str, tuple[str, float]] = {}
        self._troubles: dict[str, dict[int, str]] = {}
        self._alerts: dict[str, SourceAlerts] = {}
        self._seeds: dict[str, dict[str, bytes]] = {}
        self._paces: dict[str, dict[int, Pace]] = {}
        self._lock = Lock()

    def check(self, source: str) -> None:
        """Memory refuses nothing."""

    def claim(self, source: str, group: str, now: float) -> str | None:
        with self._lock:
            owner, seen = self._owners.get(source, (group, now))
            if owner != group and abs(now - seen) < TAKEOVER_SECONDS:
                raise Occupied(source, "memory", owner, max(0.0, now - seen))
            self._owners[source] = group, now
        return None

    def begin(self, source: str, starts: Mapping[int, int]) -> None:
        with self._lock:
            if self.applied(source):
                return
            for partition, start in starts.items():
                self._advance(source, partition, start)

    def restart(
        self, source: str, partition: int, *, expected: int | None, start: int, topic_id: str | None
    ) -> None:
        with self._lock:
            self._fence(source, partition, expected)
            self._topic_ids[source, partition] = topic_id
            for memory in (self._memories, self._warming, self._warmups):
                for name in self._inside(source):
                    memory.pop((name, partition), None)
            self._advance(source, partition, start)

    def applied(self, source: str) -> dict[int, int]:
        return dict(self._stats[source].applied) if source in self._stats else {}

    def _inside(self, topic: str) -> list[str]:
        """A topic and the sources inside it."""
        return [source for source in self._stats if topic_of(source) == topic]

    def stored(self, source: str, partition: int, windows: int) -> Stored:
        with self._lock:
            own = self._remembered(source, partition, windows)
            return Stored(
                applied=self.applied(source).get(partition),
                topic_id=self._topic_ids.get((source, partition)),
                snapshot=own.snapshot,
                waiting_from=own.waiting_from,
                windows=own.windows,
                known=own.known,
                feedback=own.feedback,
                sources={
                    name.partition("/")[2]: self._remembered(name, partition, windows)
                    for name in self._inside(source)
                    if name != source and self._memories.get((name, partition), NOTHING) != NOTHING
                },
            )

    def _remembered(self, source: str, partition: int, windows: int) -> StoredSource:
        starts = self.windows(source, partition)[:windows]
        parts = [
            part
            for start in reversed(starts)
            for part in self.window(source, start)
            if part.partition == partition
        ]
        found = self._memories.get((source, partition), NOTHING)
        return replace(
            found, windows=tuple(parts), known=self._of(source).known(), feedback=self.feedback(source)
        )

    def apply(self, changes: Changes) -> Applied:
        with self._lock:
            self._fence(changes.source, changes.partition, changes.expected)
            own = self._apply(changes, changes.partition)
            parts = {name: self._apply(part, changes.partition) for name, part in changes.parts.items()}
            if changes.topic_id is not None:
                self._topic_ids[changes.source, changes.partition] = changes.topic_id
            stats = self.stats(changes.source)
            self._stats[changes.source] = replace(
                stats, expired=stats.expired + changes.expired, model=changes.model or stats.model
            )
            self._advance(changes.source, changes.partition, changes.end)
            return with_parts(own, parts)

    def _fence(self, source: str, partition: int, expected: int | None) -> None:
        found = self.applied(source).get(partition)
        if found != expected:
            raise Fenced(source, partition, expected, found)

    def _advance(self, source: str, partition: int, offset: int) -> None:
        old = self.stats(source)
        self._stats[source] = replace(old, applied={**old.applied, partition: offset})

    def _apply(self, changes: Findings, partition: int) -> SourceApplied:
        source, now = changes.source, self._clock()
        anomalies = self._anomalies.setdefault(source, {})
        for anomaly in changes.anomalies:
            place = anomaly.partition, anomaly.offset, anomaly.index
            anomalies[place] = ranked_time(anomaly.timestamp, now), anomaly
        self._alerts.setdefault(source, SourceAlerts()).add(changes.alerts, now)
        windows = self._windows.setdefault(source, {})
        for part in changes.windows:
            key = part.start, part.partition, part.opened
            windows[key] = part.onto(windows.get(key))
        before = None if changes.forget else self._memories.get((source, partition), NOTHING).snapshot
        self._memories[source, partition] = StoredSource(
            before if changes.snapshot is None else changes.snapshot, changes.waiting_from
        )
        self._warming[source, partition] = changes.warming_up
        self._warmups[source, partition] = changes.warmup
        stats = self.stats(source)
        self._stats[source] = replace(
            stats,
            lines=stats.lines + changes.lines,
            dead_letters=stats.dead_letters + changes.dead_letters,
            parse_errors=stats.parse_errors + changes.parse_errors,
            cut=stats.cut + changes.cut,
        )
        templates = self._templates.setdefault(source, SourceTemplates())
        paces = self._paces.setdefault(source, {})
        if changes.pace is not None:
            paces[partition] = changes.pace
        self._days.setdefault(source, SourceDays()).apply(changes.days, changes.templates, now)
        lessons = self._lessons.setdefault(source, SourceLessons())
        decided = templates.apply(changes.templates, changes.merges, changes.seen, now)
        feedback = self.feedback(source)
        return replace(
            decided,
            lessons=lessons.apply(partition, changes.taught, changes.heard),
            others=tuple(pace for at, pace in paces.items() if at != partition),
            feedback=None if feedback.version == changes.feedback else feedback,
        )

    def blame(self, source: str, partition: int, reason: str | None) -> None:
        with self._lock:
            troubles = self._troubles.setdefault(source, {})
            troubles.pop(partition, None)
            if reason is not None:
                troubles[partition] = reason

    def troubles(self, source: str) -> dict[int, str]:
        return dict(self._troubles.get(source, {}))

    def sources(self) -> list[str]:
        return sorted(self._stats)

    def stats(self, source: str) -> SourceStats:
        topic = self._stats.get(topic_of(source)) or SourceStats(source)
        return replace(
            self._stats.get(source) or SourceStats(source),
            model=topic.model,
            applied=dict(topic.applied),
            warmups={
                partition: warmup
                for (name, partition), warmup in sorted(self._warmups.items())
                if name == source and warmup is not None
            },
            warming_up=sum(count for (name, _), count in self._warming.items() if name == source),
            templates=len(self._of(source).read()),
            patterns=self._of(source).patterns,
            group=self._owners.get(topic_of(source), ("", 0.0))[0],
        )

    def anomalies(self, source: str, *, order: Order = "score", limit: int = 20) -> list[Anomaly]:
        found = self._anomalies.get(source, {}).values()
        first = sorted(found, key=lambda pair: pair[1].score if order == "score" else pair[0], reverse=True)
        today = self._of(source).pattern_of_today
        return [replace(anomaly, pattern=today(anomaly.pattern)) for _, anomaly in first[:limit]]

    def alerts(self, source: str, *, since: float = 0.0, skip: int = 0, limit: int = 20) -> list[Alert]:
        return self._alerts_of(source).read(since)[skip : skip + limit]

    def alert(self, source: str, pattern: str) -> Alert | None:
        return self._alerts_of(source).alerts.get(pattern)

    def outbox(self, source: str, *, after: int = 0, limit: int = 100) -> list[Told]:
        return [told for told in self._alerts_of(source).outbox if told.position > after][:limit]

    def sent(self, source: str) -> dict[str, int]:
        return dict(self._alerts_of(source).sent)

    def acknowledge(self, source: str, sink: str, before: int, position: int) -> bool:
        with self._lock:
            return self._alerts_of(source).acknowledge(sink, before, position)

    def plant(self, source: str, seed: bytes) -> None:
        self._seeds.setdefault(topic_of(source), {})[source.partition("/")[2]] = seed

    def seeds(self, topic: str) -> dict[str, bytes]:
        return dict(self._seeds.get(topic, {}))

    def feedback(self, source: str) -> Feedback:
        return self._alerts_of(source).feedback

    def mark(self, source: str, verdict: Verdict) -> bool:
        with self._lock:
            self._alerts.setdefault(source, SourceAlerts()).mark(verdict.pattern, verdict)
            return True

    def unmark(self, source: str, pattern: str) -> bool:
        with self._lock:
            known = pattern in self.feedback(source).verdicts
            if known:
                self._alerts[source].mark(pattern, None)
            return known

    def _alerts_of(self, source: str) -> SourceAlerts:
        return self._alerts.get(source) or SourceAlerts()

    def templates(self, source: str, *, limit: int | None = None) -> list[Template]:
        days = self._days.get(source, SourceDays())
        found = [replace(one, born=days.born(one.id)) for one in self._of(source).read()]
        return of_a_day(found)[:limit]

    def merges(self, source: str) -> list[Merge]:
        return self._of(source).merges()

    def days(self, source: str, last: int) -> list[Day]:
        return self._days[source].read(last) if source in self._days else []

    def _of(self, source: str) -> SourceTemplates:
        return self._templates.get(source) or SourceTemplates()

    def patterns(self, source: str, *, limit: int | None = None) -> list[Pattern]:
        return patterns_of(self.templates(source))[:limit]

    def windows(
        self, source: str, partition: int | None = None, *, model: str | None = None, limit: int | None = None
    ) -> list[int]:
        parts = self._windows.get(source, {}).values()
        starts = {p.start for p in parts if partition in (None, p.partition) and is_living(p, model)}
        return sorted(starts, reverse=True)[:limit]

    def window(self, source: str, start: int, *, model: str | None = None) -> list[WindowPart]:
        parts = self._windows.get(source, {})
        return [parts[key] for key in sorted(parts) if key[0] == start and is_living(parts[key], model)]
