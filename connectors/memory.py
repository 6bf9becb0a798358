"""The store in memory."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from threading import Lock

from connectors.findings import Anomaly, Changes, Pattern, SourceStats, WindowPart
from connectors.store import TAKEOVER_SECONDS, Clock, Fenced, Occupied, Order, Stored, is_living, ranked_time


class MemoryStore:
    """A store for one process, unbounded in time: what ``scan`` uses."""

    def __init__(self, *, clock: Clock = time.time) -> None:
        self._clock = clock
        self._stats: dict[str, SourceStats] = {}
        self._anomalies: dict[str, dict[tuple[int, int, int], tuple[float, Anomaly]]] = {}
        self._patterns: dict[str, dict[str, Pattern]] = {}
        self._windows: dict[str, dict[tuple[int, int, int], WindowPart]] = {}
        self._partitions: dict[tuple[str, int], Stored] = {}
        self._warming: dict[tuple[str, int], int] = {}
        self._owners: dict[str, tuple[str, float]] = {}
        self._troubles: dict[str, dict[int, str]] = {}
        self._lock = Lock()

    def check(self, source: str) -> None:
        """Memory refuses nothing."""

    def claim(self, source: str, group: str, now: float) -> None:
        with self._lock:
            owner, seen = self._owners.get(source, (group, now))
            if owner != group and abs(now - seen) < TAKEOVER_SECONDS:
                raise Occupied(source, "memory", owner, max(0.0, now - seen))
            self._owners[source] = group, now

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
            self._partitions[source, partition] = Stored(topic_id=topic_id)
            self._warming[source, partition] = 0
            self._advance(source, partition, start)

    def applied(self, source: str) -> dict[int, int]:
        return dict(self._stats[source].applied) if source in self._stats else {}

    def stored(self, source: str, partition: int, windows: int) -> Stored:
        with self._lock:
            starts = self.windows(source, partition)[:windows]
            parts = [
                part
                for start in reversed(starts)
                for part in self.window(source, start)
                if part.partition == partition
            ]
            found = self._partitions.get((source, partition), Stored())
            return replace(found, applied=self.applied(source).get(partition), windows=tuple(parts))

    def apply(self, changes: Changes) -> None:
        with self._lock:
            self._fence(changes.source, changes.partition, changes.expected)
            self._apply(changes)

    def _fence(self, source: str, partition: int, expected: int | None) -> None:
        found = self.applied(source).get(partition)
        if found != expected:
            raise Fenced(source, partition, expected, found)

    def _advance(self, source: str, partition: int, offset: int) -> None:
        old = self.stats(source)
        self._stats[source] = replace(old, applied={**old.applied, partition: offset})

    def _apply(self, changes: Changes) -> None:
        source, partition, now = changes.source, changes.partition, self._clock()
        patterns = self._patterns.setdefault(source, {})
        for new in changes.patterns:
            old = patterns.get(new.id)
            patterns[new.id] = replace(
                old or new,
                count=new.count + (old.count if old else 0),
                first_seen=min(new.first_seen, old.first_seen) if old else new.first_seen,
                last_seen=max(min(new.last_seen, now), old.last_seen if old else -math.inf),
            )
        anomalies = self._anomalies.setdefault(source, {})
        for anomaly in changes.anomalies:
            place = anomaly.partition, anomaly.offset, anomaly.index
            anomalies[place] = ranked_time(anomaly.timestamp, now), anomaly
        windows = self._windows.setdefault(source, {})
        windows.update({(part.start, part.partition, part.opened): part for part in changes.windows})
        before = self._partitions.get((source, partition), Stored())
        self._partitions[source, partition] = Stored(
            topic_id=before.topic_id if changes.topic_id is None else changes.topic_id,
            snapshot=before.snapshot if changes.snapshot is None else changes.snapshot,
            waiting_from=changes.waiting_from,
        )
        self._warming[source, partition] = changes.warming_up
        stats = self.stats(source)
        self._stats[source] = replace(
            stats,
            lines=stats.lines + changes.lines,
            dead_letters=stats.dead_letters + changes.dead_letters,
            parse_errors=stats.parse_errors + changes.parse_errors,
            cut=stats.cut + changes.cut,
            expired=stats.expired + changes.expired,
            model=changes.model or stats.model,
        )
        self._advance(source, partition, changes.end)

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
        return replace(
            self._stats.get(source) or SourceStats(source),
            warming_up=sum(count for (name, _), count in self._warming.items() if name == source),
            patterns=len(self._patterns.get(source, {})),
            group=self._owners.get(source, ("", 0.0))[0],
        )

    def anomalies(self, source: str, *, order: Order = "score", limit: int = 20) -> list[Anomaly]:
        found = self._anomalies.get(source, {}).values()
        first = sorted(found, key=lambda pair: pair[1].score if order == "score" else pair[0], reverse=True)
        return [anomaly for _, anomaly in first[:limit]]

    def patterns(self, source: str, *, limit: int | None = None, model: str | None = None) -> list[Pattern]:
        found = [p for p in self._patterns.get(source, {}).values() if model in (None, p.model)]
        return sorted(found, key=lambda p: p.count, reverse=True)[:limit]

    def windows(
        self, source: str, partition: int | None = None, *, model: str | None = None, limit: int | None = None
    ) -> list[int]:
        parts = self._windows.get(source, {}).values()
        starts = {p.start for p in parts if partition in (None, p.partition) and is_living(p, model)}
        return sorted(starts, reverse=True)[:limit]

    def window(self, source: str, start: int, *, model: str | None = None) -> list[WindowPart]:
        parts = self._windows.get(source, {})
        return [parts[key] for key in sorted(parts) if key[0] == start and is_living(parts[key], model)]
