"""The answers' home: one atomic step in, plain reads out. Redis for workers, memory for a file scan.

Keys are ``{prefix}:{env}:{source}:...`` with the source in hash-tag braces, so that one source lives in one
cluster slot; ``docs/redis.md`` lists them with their bounds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Protocol

import redis
from pydantic import BaseModel, ConfigDict, Field

from connectors.records import Anomaly, Changes, Pattern, SourceStats, WindowPart

BUCKET_SECONDS = 3_600
"""Anomalies are ranked by score within buckets of an hour, which expire as a whole."""
Order = Literal["score", "time"]
SCRIPT_KEYS = (("applied",), ("patterns",), ("stats",), ("anomalies", "by_time"), ("line",))
"""Keys of ``apply.lua`` in its order; the last one is the prefix of the lines' details."""
APPLY_SCRIPT = (Path(__file__).parent / "apply.lua").read_text()


class Fenced(RuntimeError):  # noqa: N818
    """The store's applied offset is not the one this worker started from: another worker went on."""

    def __init__(self, changes: Changes, found: int | None) -> None:
        super().__init__(
            f"{changes.source}/{changes.partition}: applied offset is {found}, expected {changes.expected}"
        )
        self.found = found


class RetentionSettings(BaseModel):
    """How much a source may keep in the store."""

    model_config = ConfigDict(extra="forbid")

    anomalies: int = Field(10_000, ge=1, description="Most recent anomalies kept per source")
    anomaly_hours: float = Field(168, gt=0, description="Hours until an anomaly's detail expires")
    window_hours: float = Field(24, gt=0, description="Hours until a window's sample expires")
    feed: int = Field(10_000, ge=1, description="Entries of the live feed, about")
    patterns: int = Field(2_000, ge=1, description="Patterns kept per source, the most recently used")


class Store(Protocol):
    """What the stream writes and the queries read."""

    def applied(self, source: str) -> dict[int, int]:
        """Partition to the offset after the last applied line."""

    def state(self, source: str, partition: int) -> bytes | None:
        """The detector's last snapshot."""

    def apply(self, changes: Changes) -> None:
        """One batch of one partition, all or nothing. Raises Fenced when the expected offset is not there."""

    def sources(self) -> list[str]:
        """Every source that was ever applied."""

    def stats(self, source: str) -> SourceStats:
        """Totals of a source."""

    def anomalies(self, source: str, *, order: Order = "score", limit: int = 20) -> list[Anomaly]:
        """Flagged lines, the highest score or the latest first."""

    def patterns(self, source: str, *, limit: int | None = None) -> list[Pattern]:
        """Patterns, the most lines first."""

    def windows(self, source: str, partition: int | None = None) -> list[int]:
        """Starts of the kept windows, latest first; only those that a partition has a part in, when given."""

    def window(self, source: str, start: int) -> list[WindowPart]:
        """Every partition's part of a window, by partition."""


def rank(anomalies: Iterable[Anomaly], order: Order, limit: int) -> list[Anomaly]:
    """The first ``limit`` anomalies in the given order."""
    return sorted(anomalies, key=lambda a: a.score if order == "score" else a.timestamp, reverse=True)[:limit]


class MemoryStore:
    """A store for one process, unbounded in time: what ``scan`` uses."""

    def __init__(self) -> None:
        self._stats: dict[str, SourceStats] = {}
        self._anomalies: dict[str, list[Anomaly]] = {}
        self._patterns: dict[str, dict[str, Pattern]] = {}
        self._windows: dict[str, dict[tuple[int, int], WindowPart]] = {}
        self._states: dict[tuple[str, int], bytes] = {}
        self._warming: dict[tuple[str, int], int] = {}
        self._lock = Lock()

    def applied(self, source: str) -> dict[int, int]:
        return dict(self._stats[source].applied) if source in self._stats else {}

    def state(self, source: str, partition: int) -> bytes | None:
        return self._states.get((source, partition))

    def apply(self, changes: Changes) -> None:
        with self._lock:
            self._apply(changes)

    def _apply(self, changes: Changes) -> None:
        source, partition = changes.source, changes.partition
        found = self.applied(source).get(partition)
        if found != changes.expected:
            raise Fenced(changes, found)
        patterns = self._patterns.setdefault(source, {})
        for new in changes.patterns:
            old = patterns.get(new.id)
            patterns[new.id] = (
                new
                if old is None
                else replace(
                    old,
                    count=old.count + new.count,
                    first_seen=min(old.first_seen, new.first_seen),
                    last_seen=max(old.last_seen, new.last_seen),
                )
            )
        self._anomalies.setdefault(source, []).extend(changes.anomalies)
        windows = self._windows.setdefault(source, {})
        windows.update({(part.start, part.partition): part for part in changes.windows})
        if changes.snapshot is not None:
            self._states[source, partition] = changes.snapshot
        self._warming[source, partition] = changes.warming_up
        old_stats = self.stats(source)
        self._stats[source] = SourceStats(
            source=source,
            lines=old_stats.lines + changes.lines,
            dead_letters=old_stats.dead_letters + changes.dead_letters,
            parse_errors=old_stats.parse_errors + changes.parse_errors,
            cut=old_stats.cut + changes.cut,
            warming_up=sum(count for (name, _), count in self._warming.items() if name == source),
            patterns=len(patterns),
            applied={**old_stats.applied, partition: changes.end},
        )

    def sources(self) -> list[str]:
        return sorted(self._stats)

    def stats(self, source: str) -> SourceStats:
        return self._stats.get(source) or SourceStats(source)

    def anomalies(self, source: str, *, order: Order = "score", limit: int = 20) -> list[Anomaly]:
        return rank(self._anomalies.get(source, ()), order, limit)

    def patterns(self, source: str, *, limit: int | None = None) -> list[Pattern]:
        found = sorted(self._patterns.get(source, {}).values(), key=lambda p: p.count, reverse=True)
        return found[:limit]

    def windows(self, source: str, partition: int | None = None) -> list[int]:
        keys = self._windows.get(source, {})
        return sorted({start for start, number in keys if partition in (None, number)}, reverse=True)

    def window(self, source: str, start: int) -> list[WindowPart]:
        parts = self._windows.get(source, {})
        return [parts[key] for key in sorted(parts) if key[0] == start]


class RedisStore:
    """The store in Redis >= 6.2, Valkey or a cluster of either.

    client: from ``connectors.redis.connect``, without response decoding.
    """

    def __init__(
        self,
        client: redis.Redis | redis.RedisCluster,
        *,
        prefix: str = "se",
        env: str = "default",
        retention: RetentionSettings | None = None,
    ) -> None:
        self._redis: Any = client  # redis-py types every answer as "now or awaitable"
        self._base = f"{prefix}:{env}"
        self._keep = retention or RetentionSettings()
        self._apply = self._redis.register_script(APPLY_SCRIPT)
        self._known: set[str] = set()

    def key(self, source: str, *parts: object) -> str:
        """The name of a source's key, e.g. ``se:default:{logs}:applied``."""
        return ":".join([self._base, "{" + source + "}", *map(str, parts)])

    def applied(self, source: str) -> dict[int, int]:
        return {int(p): int(o) for p, o in self._redis.hgetall(self.key(source, "applied")).items()}

    def state(self, source: str, partition: int) -> bytes | None:
        return self._redis.get(self.key(source, "state", partition))

    def apply(self, changes: Changes) -> None:
        source = changes.source
        if source not in self._known:
            self._redis.sadd(f"{self._base}:sources", source)  # its own slot, and safe to repeat
            self._known.add(source)
        words: list[Any] = []
        for command in self._commands(changes):
            words += [len(command), *command]
        done, found = self._apply(
            keys=[self.key(source, *name) for name in SCRIPT_KEYS],
            args=[
                changes.partition,
                "" if changes.expected is None else changes.expected,
                changes.end,
                self._keep.patterns,
                self._keep.anomalies,
                *words,
            ],
        )
        if not done:
            self._known.discard(source)  # the store may have lost everything
            raise Fenced(changes, int(found) if found else None)

    def _commands(self, changes: Changes) -> list[list[Any]]:
        commands = self._stats_commands(changes)
        for anomaly in changes.anomalies:
            commands += self._anomaly_commands(changes.source, anomaly)
        for pattern in changes.patterns:
            commands += self._pattern_commands(changes.source, pattern)
        for part in changes.windows:
            commands += self._window_commands(changes.source, part)
        if changes.snapshot is not None:
            commands.append(["SET", self.key(changes.source, "state", changes.partition), changes.snapshot])
        return commands

    def _stats_commands(self, changes: Changes) -> list[list[Any]]:
        key = self.key(changes.source, "stats")
        counts = {
            "lines": changes.lines,
            "dead_letters": changes.dead_letters,
            "parse_errors": changes.parse_errors,
            "cut": changes.cut,
        }
        commands: list[list[Any]] = [["HINCRBY", key, name, count] for name, count in counts.items() if count]
        commands.append(["HSET", key, f"warming_up:{changes.partition}", changes.warming_up])
        return commands

    def _anomaly_commands(self, source: str, anomaly: Anomaly) -> list[list[Any]]:
        member = f"{anomaly.partition}:{anomaly.offset}"
        line = self.key(source, "line", member)
        bucket = int(anomaly.timestamp // BUCKET_SECONDS) * BUCKET_SECONDS
        by_score = self.key(source, "anomalies", "by_score", bucket)
        seconds = int(self._keep.anomaly_hours * 3_600)
        fields = anomaly_fields(anomaly)
        return [
            ["HSET", line, *flatten(fields)],
            ["EXPIRE", line, seconds],
            ["ZADD", self.key(source, "anomalies", "by_time"), anomaly.timestamp, member],
            ["ZADD", by_score, anomaly.score, member],
            ["ZREMRANGEBYRANK", by_score, 0, -self._keep.anomalies - 1],
            ["EXPIRE", by_score, seconds + BUCKET_SECONDS],
            ["XADD", self.key(source, "feed"), "MAXLEN", "~", self._keep.feed, "*", *flatten(fields)],
        ]

    def _pattern_commands(self, source: str, pattern: Pattern) -> list[list[Any]]:
        key = self.key(source, "pattern", pattern.id)
        once = {
            "first_seen": pattern.first_seen,
            "example": pattern.example.encode("utf-8", "replace"),
            "vector": pattern.vector,
            "model": pattern.model,
        }
        return [
            ["HINCRBY", key, "count", pattern.count],
            *(["HSETNX", key, name, value] for name, value in once.items()),
            ["ZADD", self.key(source, "patterns"), "GT", pattern.last_seen, pattern.id],
        ]

    def _window_commands(self, source: str, part: WindowPart) -> list[list[Any]]:
        key = self.key(source, "window", part.start, part.partition)
        windows = self.key(source, "windows")
        seconds = int(self._keep.window_hours * 3_600)
        lines = json.dumps([part.offsets, part.texts]).encode()
        fields = {"count": part.count, "total": part.total, "lines": lines, "vectors": part.vectors}
        return [
            ["HSET", key, *flatten(fields)],
            ["EXPIRE", key, seconds],
            ["ZADD", windows, part.start, f"{part.start}:{part.partition}"],
            ["ZREMRANGEBYSCORE", windows, "-inf", part.start - seconds],
        ]

    def sources(self) -> list[str]:
        return sorted(name.decode() for name in self._redis.smembers(f"{self._base}:sources"))

    def stats(self, source: str) -> SourceStats:
        found = {
            name.decode(): int(value)
            for name, value in self._redis.hgetall(self.key(source, "stats")).items()
        }
        return SourceStats(
            source=source,
            lines=found.get("lines", 0),
            dead_letters=found.get("dead_letters", 0),
            parse_errors=found.get("parse_errors", 0),
            cut=found.get("cut", 0),
            warming_up=sum(value for name, value in found.items() if name.startswith("warming_up:")),
            patterns=self._redis.zcard(self.key(source, "patterns")),
            forgotten_pattern_lines=found.get("forgotten_pattern_lines", 0),
            applied=self.applied(source),
        )

    def anomalies(self, source: str, *, order: Order = "score", limit: int = 20) -> list[Anomaly]:
        by_time = self.key(source, "anomalies", "by_time")
        if order == "time":
            members = self._redis.zrevrange(by_time, 0, limit - 1)
        else:
            times = [time for _, time in self._redis.zrange(by_time, 0, -1, withscores=True)]
            members = self._highest(source, times, limit)
        pipeline = self._redis.pipeline(transaction=False)
        for member in members:
            pipeline.hgetall(self.key(source, "line", member.decode()))
        return rank([anomaly_from(fields) for fields in pipeline.execute() if fields], order, limit)

    def _highest(self, source: str, times: Iterable[float], limit: int) -> list[bytes]:
        """Members with the highest scores of these times' buckets; one stray time costs one bucket, not a range."""
        pipeline = self._redis.pipeline(transaction=False)
        for bucket in sorted({int(time // BUCKET_SECONDS) * BUCKET_SECONDS for time in times}):
            key = self.key(source, "anomalies", "by_score", bucket)
            pipeline.zrevrange(key, 0, limit - 1, withscores=True)
        scored = [pair for pairs in pipeline.execute() for pair in pairs]
        return [member for member, _ in sorted(scored, key=lambda pair: pair[1], reverse=True)[:limit]]

    def patterns(self, source: str, *, limit: int | None = None) -> list[Pattern]:
        entries = self._redis.zrange(self.key(source, "patterns"), 0, -1, withscores=True)
        pipeline = self._redis.pipeline(transaction=False)
        for name, _ in entries:
            pipeline.hgetall(self.key(source, "pattern", name.decode()))
        found = [
            pattern_from(name.decode(), last_seen, fields)
            for (name, last_seen), fields in zip(entries, pipeline.execute(), strict=True)
            if fields
        ]
        return sorted(found, key=lambda pattern: pattern.count, reverse=True)[:limit]

    def windows(self, source: str, partition: int | None = None) -> list[int]:
        members = self._redis.zrevrange(self.key(source, "windows"), 0, -1)
        parts = [tuple(map(int, member.split(b":"))) for member in members]
        return sorted({start for start, number in parts if partition in (None, number)}, reverse=True)

    def window(self, source: str, start: int) -> list[WindowPart]:
        members = self._redis.zrangebyscore(self.key(source, "windows"), start, start)
        partitions = sorted(int(member.split(b":")[1]) for member in members)
        pipeline = self._redis.pipeline(transaction=False)
        for partition in partitions:
            pipeline.hgetall(self.key(source, "window", start, partition))
        return [
            window_part_from(start, partition, fields)
            for partition, fields in zip(partitions, pipeline.execute(), strict=True)
            if fields
        ]


def flatten(fields: dict[str, Any]) -> list[Any]:
    """A hash's fields as the words of a command."""
    return [word for pair in fields.items() for word in pair]


def anomaly_fields(anomaly: Anomaly) -> dict[str, Any]:
    """An anomaly as the fields of a hash or stream entry."""
    return {
        "partition": anomaly.partition,
        "offset": anomaly.offset,
        "timestamp": repr(anomaly.timestamp),
        "score": repr(anomaly.score),
        "threshold": repr(anomaly.threshold),
        "text": anomaly.text.encode("utf-8", "replace"),
        "format": anomaly.format,
        "pattern": anomaly.pattern,
        "cut": int(anomaly.cut),
    }


def anomaly_from(fields: dict[bytes, bytes]) -> Anomaly:
    """The inverse of ``anomaly_fields``."""
    return Anomaly(
        partition=int(fields[b"partition"]),
        offset=int(fields[b"offset"]),
        timestamp=float(fields[b"timestamp"]),
        score=float(fields[b"score"]),
        threshold=float(fields[b"threshold"]),
        text=fields[b"text"].decode(),
        format=fields[b"format"].decode(),
        pattern=fields[b"pattern"].decode(),
        cut=fields.get(b"cut") == b"1",  # not there in entries of older versions
    )


def pattern_from(name: str, last_seen: float, fields: dict[bytes, bytes]) -> Pattern:
    """A pattern from its hash and its place in the sorted set."""
    return Pattern(
        id=name,
        count=int(fields[b"count"]),
        first_seen=float(fields[b"first_seen"]),
        last_seen=last_seen,
        example=fields[b"example"].decode(),
        vector=fields[b"vector"],
        model=fields[b"model"].decode(),
    )


def window_part_from(start: int, partition: int, fields: dict[bytes, bytes]) -> WindowPart:
    """One partition's part of a window from its hash."""
    offsets, texts = json.loads(fields[b"lines"])
    return WindowPart(
        start=start,
        partition=partition,
        count=int(fields[b"count"]),
        total=fields[b"total"],
        offsets=tuple(offsets),
        texts=tuple(texts),
        vectors=fields[b"vectors"],
    )
