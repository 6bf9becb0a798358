"""The answers' home: one atomic step in, plain reads out. Redis for workers, memory for a file scan.

Keys are ``{prefix}:{env}:{source}:...`` with the source in hash-tag braces, so that one source lives in one
cluster slot; ``docs/redis.md`` lists them with their bounds.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast

import redis
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import MasterDownError, NoScriptError

from connectors.records import Anomaly, Changes, Pattern, SourceStats, WindowPart
from connectors.redis import StoreRefused, is_passing, reason, server_of, translated

__all__ = [
    "Fenced",
    "MemoryStore",
    "Occupied",
    "RedisStore",
    "RetentionSettings",
    "Store",
    "StoreRefused",
    "Stored",
]

BUCKET_SECONDS = 3_600
"""Anomalies are ranked by score within buckets of an hour, which expire as a whole. ``apply.lua`` knows it too."""
TAKEOVER_SECONDS = 600
"""A source whose consumer group gave no sign for so long may be taken by another one."""
PAGE = 1_000
"""Members of an index that one read asks for."""
MOST_HOURS = 87_600
"""Ten years: no expiry can overflow."""
MOST_ENTRIES = 10_000_000
Order = Literal["score", "time"]
Clock = Callable[[], float]
"""Seconds since the epoch."""
Function = TypeVar("Function", bound=Callable[..., Any])


class Script(NamedTuple):
    """A Lua script and the name under which a server that ran it once knows it."""

    text: str
    sha: str


def read_script(name: str) -> Script:
    """A script of this folder."""
    text = (Path(__file__).parent / f"{name}.lua").read_text()
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


APPLY, BEGIN, RESTART, CLAIM, STORED = map(read_script, ("apply", "begin", "restart", "claim", "stored"))


class Fenced(RuntimeError):  # noqa: N818
    """The store's applied offset is not the one this worker started from: another worker went on."""

    def __init__(self, source: str, partition: int, expected: int | None, found: int | None) -> None:
        super().__init__(f"{source}/{partition}: applied offset is {found}, expected {expected}")
        self.found = found


class Occupied(RuntimeError):  # noqa: N818
    """Another consumer group feeds this source in this environment: both would fence each other for ever."""

    def __init__(self, source: str, env: str, group: str, seconds: float) -> None:
        super().__init__(
            f"{source}: consumer group {group!r} feeds it in environment {env!r} and was seen {seconds:.0f} s ago; "
            "give one of the two groups an environment of its own (setting redis.env)"
        )
        self.group, self.seconds = group, seconds


class RetentionSettings(BaseModel):
    """How much a source may keep in the store."""

    model_config = ConfigDict(extra="forbid")

    anomalies: int = Field(10_000, ge=1, le=MOST_ENTRIES, description="Most recent anomalies kept per source")
    anomaly_hours: float = Field(
        168, gt=0, le=MOST_HOURS, description="Hours until an anomaly's detail expires"
    )
    window_hours: float = Field(24, gt=0, le=MOST_HOURS, description="Hours until a window's sample expires")
    windows: int = Field(
        20_000, ge=1, le=MOST_ENTRIES, description="Window parts kept per source, one a window and partition"
    )
    feed: int = Field(10_000, ge=1, le=MOST_ENTRIES, description="Entries of the live feed, about")
    patterns: int = Field(
        2_000, ge=1, le=MOST_ENTRIES, description="Patterns kept per source, the most recently used"
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """What a partition goes on from, as it stands at one moment."""

    applied: int | None = None
    topic_id: str | None = None
    snapshot: bytes | None = None
    waiting_from: int | None = None
    windows: tuple[WindowPart, ...] = ()
    """Every part of its latest windows, by start."""


class Store(Protocol):
    """What the stream writes and the queries read. A ``model`` leaves out what another model left."""

    def check(self, source: str) -> None:
        """Tries every command that the store uses. Raises StoreRefused with the one that the server refuses."""

    def claim(self, source: str, group: str, now: float) -> None:
        """Takes the source for a consumer group. Raises Occupied while another one feeds it."""

    def begin(self, source: str, starts: Mapping[int, int]) -> None:
        """Pins where partitions begin, all or none: nothing happens when one of the source was ever applied."""

    def restart(
        self, source: str, partition: int, *, expected: int | None, start: int, topic_id: str | None
    ) -> None:
        """Begins a partition at ``start`` that was made anew, without its memory. Raises Fenced."""

    def applied(self, source: str) -> dict[int, int]:
        """Partition to the offset after the last applied line."""

    def state(self, source: str, partition: int) -> bytes | None:
        """The detector's last snapshot."""

    def stored(self, source: str, partition: int, windows: int) -> Stored:
        """What a partition goes on from, with its parts of that many of its latest windows."""

    def apply(self, changes: Changes) -> None:
        """One batch of one partition, all or nothing.

        Raises Fenced when the expected offset is not there, and StoreRefused when the server refuses a command;
        the same changes can then be tried again.
        """

    def sources(self) -> list[str]:
        """Every source that was ever applied."""

    def stats(self, source: str) -> SourceStats:
        """Totals of a source."""

    def anomalies(self, source: str, *, order: Order = "score", limit: int = 20) -> list[Anomaly]:
        """Flagged lines, the highest score or the latest first."""

    def patterns(self, source: str, *, limit: int | None = None, model: str | None = None) -> list[Pattern]:
        """Patterns, the most lines first."""

    def windows(
        self, source: str, partition: int | None = None, *, model: str | None = None, limit: int | None = None
    ) -> list[int]:
        """Starts of windows with lines, latest first; only those that a partition has a part in, when given."""

    def window(self, source: str, start: int, *, model: str | None = None) -> list[WindowPart]:
        """Every part of a window, by partition and the offset that opened it."""


def ranked_time(timestamp: float, now: float) -> float:
    """When a line counts as seen: now for a line without a time, and never later than now."""
    return min(timestamp, now) if timestamp > 0 else now


class MemoryStore:
    """A store for one process, unbounded in time: what ``scan`` uses."""

    def __init__(self, *, clock: Clock = time.time) -> None:
        self._clock = clock
        self._stats: dict[str, SourceStats] = {}
        self._anomalies: dict[str, dict[tuple[int, int], tuple[float, Anomaly]]] = {}
        self._patterns: dict[str, dict[str, Pattern]] = {}
        self._windows: dict[str, dict[tuple[int, int, int], WindowPart]] = {}
        self._partitions: dict[tuple[str, int], Stored] = {}
        self._warming: dict[tuple[str, int], int] = {}
        self._owners: dict[str, tuple[str, float]] = {}
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

    def state(self, source: str, partition: int) -> bytes | None:
        return self._partitions.get((source, partition), Stored()).snapshot

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
            place = anomaly.partition, anomaly.offset
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


def is_living(part: WindowPart, model: str | None) -> bool:
    """Whether a part has lines and is of the model that is asked for."""
    return part.count > 0 and model in (None, part.model)


def answered(method: Function) -> Function:
    """A method of RedisStore whose errors say what the next try needs, see ``connectors.redis.translated``."""

    @functools.wraps(method)
    def call(self: RedisStore, *args: Any, **kwargs: Any) -> Any:
        with translated(self._redis):
            return method(self, *args, **kwargs)

    return cast(Function, call)


class RedisStore:
    """The store in Redis >= 6.2, Valkey or a cluster of either.

    client: from ``connectors.redis.connect``, without response decoding.
    group: the consumer group that feeds it, kept as a sign of life with every step; ``claim`` sets it too.
    """

    def __init__(
        self,
        client: redis.Redis | redis.RedisCluster,
        *,
        prefix: str = "se",
        env: str = "default",
        retention: RetentionSettings | None = None,
        group: str = "",
        clock: Clock = time.time,
    ) -> None:
        self._redis: Any = client  # redis-py types every answer as "now or awaitable"
        self._env, self._base = env, f"{prefix}:{env}"
        self._keep = retention or RetentionSettings()
        self._anomaly_seconds = max(1, math.ceil(self._keep.anomaly_hours * 3_600))
        self._window_seconds = max(1, math.ceil(self._keep.window_hours * 3_600))
        self._group, self._clock = group, clock
        self._below: tuple[str, ...] = ()
        self._known: set[str] = set()

    def key(self, source: str, *parts: object) -> str:
        """The name of a source's key, e.g. ``se:default:{logs}:applied``."""
        return ":".join([self._base, "{" + source + "}", *self._below, *map(str, parts)])

    def _sources_key(self) -> str:
        return ":".join([self._base, "sources", *self._below])

    def _run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return self._redis.evalsha(script.sha, len(keys), *keys, *args)
        except NoScriptError:
            return self._redis.eval(script.text, len(keys), *keys, *args)

    def _remember(self, source: str) -> None:
        if source not in self._known:
            self._redis.sadd(self._sources_key(), source)  # its own slot, and safe to repeat
            self._known.add(source)

    def _fence(self, source: str, partition: int, expected: int | None, found: bytes) -> Fenced:
        self._known.discard(source)  # the store may have lost everything
        return Fenced(source, partition, expected, int(found) if found else None)

    @answered
    def check(self, source: str) -> None:
        server = server_of(self._redis)
        if server.too_old:
            raise StoreRefused(f"the store is {server.name}; Redis >= 6.2 or Valkey is needed")
        try:
            self._probe(source)
        except StoreRefused as refusal:
            raise StoreRefused(f"the store ({server.name}) {refusal}") from None
        except redis.ResponseError as error:
            if is_passing(error):
                raise
            raise StoreRefused(f"the store ({server.name}) refused a command: {reason(error)}") from None

    def _probe(self, source: str) -> None:
        """Everything a store does, with keys of its own below the source's."""
        keep = RetentionSettings(anomalies=1, windows=1, patterns=1, anomaly_hours=1, window_hours=1)
        probe = RedisStore(self._redis, retention=keep, group="probe", clock=self._clock)
        probe._base, probe._below = self._base, (f"probe-{uuid.uuid4().hex[:12]}",)
        self._redis.smembers(self._sources_key())
        self._redis.delete(probe.key(source, "applied"))  # before anything is made that would stay
        self._redis.eval("return 1", 1, probe.key(source, "applied"))
        made = [probe.key(source, name) for name in ("applied", "stats", "topic_ids", "owner", "feed")]
        try:
            now = self._clock()
            probe.claim(source, "probe", now)
            probe.begin(source, {0: 0})
            for end in (1, 2):
                changes = _probe_changes(source, end, now)
                made += [words[1] for words in probe._commands(changes, now) if words[0] != "RANK"]
                made += [
                    probe.key(source, "anomalies", "by_score", bucket(anomaly.timestamp))
                    for anomaly in changes.anomalies
                ]
                probe.apply(changes)
            probe._redis.xdel(probe.key(source, "feed"), "0-1")  # what a refused step takes back
            probe.stored(source, 0, 1)
            probe.restart(source, 0, expected=2, start=0, topic_id=None)
            probe.state(source, 0)
            probe.sources()
            probe.stats(source)
            probe.anomalies(source)
            probe.anomalies(source, order="time")
            probe.patterns(source)
            for start in probe.windows(source):
                probe.window(source, start)
        finally:
            made += [
                probe.key(source, *name) for name in (("patterns",), ("windows",), ("anomalies", "by_time"))
            ]
            with contextlib.suppress(redis.RedisError):
                self._redis.delete(*dict.fromkeys(made))
                self._redis.delete(probe._sources_key())

    @answered
    def claim(self, source: str, group: str, now: float) -> None:
        found = self._run(CLAIM, [self.key(source, "owner")], [group, int(now), TAKEOVER_SECONDS])
        if found:
            raise Occupied(source, self._env, found[0].decode(), float(found[1]))
        self._group = group

    @answered
    def begin(self, source: str, starts: Mapping[int, int]) -> None:
        if starts:
            self._remember(source)
            self._run(BEGIN, [self.key(source, "applied")], flatten(starts))

    @answered
    def restart(
        self, source: str, partition: int, *, expected: int | None, start: int, topic_id: str | None
    ) -> None:
        self._remember(source)
        answer = self._run(
            RESTART,
            [
                self.key(source, *name)
                for name in (("applied",), ("topic_ids",), ("stats",), ("state", partition))
            ],
            [partition, "" if expected is None else expected, start, topic_id or ""],
        )
        if answer[0] == b"fenced":
            raise self._fence(source, partition, expected, answer[1])

    @answered
    def applied(self, source: str) -> dict[int, int]:
        return {int(p): int(o) for p, o in self._redis.hgetall(self.key(source, "applied")).items()}

    @answered
    def state(self, source: str, partition: int) -> bytes | None:
        return self._redis.get(self.key(source, "state", partition))

    @answered
    def stored(self, source: str, partition: int, windows: int) -> Stored:
        names = (("applied",), ("topic_ids",), ("stats",), ("state", partition), ("windows",))
        applied, topic_id, snapshot, waiting_from, found = self._run(
            STORED, [self.key(source, *name) for name in names], [partition, windows]
        )
        parts = [
            window_part_from(member, dict(zip(fields[::2], fields[1::2], strict=True)))
            for member, fields in found
        ]
        return Stored(
            applied=None if applied is None else int(applied),
            topic_id=None if topic_id is None else topic_id.decode(),
            snapshot=snapshot,
            waiting_from=None if waiting_from is None else int(waiting_from),
            windows=tuple(sorted(parts, key=lambda part: (part.start, part.opened))),
        )

    @answered
    def apply(self, changes: Changes) -> None:
        source, now = changes.source, self._clock()
        self._remember(source)
        words: list[Any] = []
        for command in self._commands(changes, now):
            words += [len(command), *command]
        names = (("applied",), ("patterns",), ("stats",), ("anomalies", "by_time"), ("windows",))
        keep = self._keep
        answer = self._run(
            APPLY,
            [self.key(source, *name) for name in names],
            [
                changes.partition,
                "" if changes.expected is None else changes.expected,
                changes.end,
                now,
                keep.patterns,
                keep.anomalies,
                keep.windows,
                self._window_seconds,
                self._anomaly_seconds + BUCKET_SECONDS,
                *words,
            ],
        )
        if answer[0] == b"fenced":
            raise self._fence(source, changes.partition, changes.expected, answer[1])
        if answer[0] == b"refused":
            raise refusal(*(part.decode("utf-8", "replace") for part in answer[1:]))

    def _commands(self, changes: Changes, now: float) -> list[list[Any]]:
        source, partition = changes.source, changes.partition
        commands = self._stats_commands(changes, now)
        commands += [self._pattern_command(source, pattern, now) for pattern in changes.patterns]
        for anomaly in changes.anomalies:
            commands += self._anomaly_commands(source, anomaly, now)
        for part in changes.windows:
            commands += self._window_commands(source, part)
        if changes.snapshot is not None:
            commands.append(["SET", self.key(source, "state", partition), changes.snapshot])
        if changes.topic_id is not None:
            commands.append(["HSET", self.key(source, "topic_ids"), partition, changes.topic_id])
        return commands

    def _stats_commands(self, changes: Changes, now: float) -> list[list[Any]]:
        key = self.key(changes.source, "stats")
        counts = {
            "lines": changes.lines,
            "dead_letters": changes.dead_letters,
            "parse_errors": changes.parse_errors,
            "cut": changes.cut,
            "expired": changes.expired,
        }
        commands: list[list[Any]] = [["HINCRBY", key, name, count] for name, count in counts.items() if count]
        commands.append(["HSET", key, f"warming_up:{changes.partition}", changes.warming_up])
        waiting = f"waiting_from:{changes.partition}"
        commands.append(
            ["HDEL", key, waiting]
            if changes.waiting_from is None
            else ["HSET", key, waiting, changes.waiting_from]
        )
        owner = {"group": self._group, "seen": int(now) if self._group else "", "model": changes.model}
        known = {name: value for name, value in owner.items() if value != ""}
        if known:
            commands.append(["HSET", self.key(changes.source, "owner"), *flatten(known)])
        return commands

    def _anomaly_commands(self, source: str, anomaly: Anomaly, now: float) -> list[list[Any]]:
        member = f"{anomaly.partition}:{anomaly.offset}"
        line = self.key(source, "line", member)
        fields = flatten(anomaly_fields(anomaly))
        return [
            ["HSET", line, *fields],
            ["EXPIRE", line, self._anomaly_seconds],
            ["RANK", member, ranked_time(anomaly.timestamp, now), anomaly.score],
            ["XADD", self.key(source, "feed"), "MAXLEN", "~", self._keep.feed, "*", *fields],
        ]

    def _pattern_command(self, source: str, pattern: Pattern, now: float) -> list[Any]:
        founder = {
            "example": pattern.example.encode("utf-8", "replace"),
            "vector": pattern.vector,
            "model": pattern.model,
        }
        key, last_seen = self.key(source, "pattern", pattern.id), min(pattern.last_seen, now)
        return ["PATTERN", key, pattern.id, pattern.count, pattern.first_seen, last_seen, *flatten(founder)]

    def _window_commands(self, source: str, part: WindowPart) -> list[list[Any]]:
        member = f"{part.start}:{part.partition}:{part.opened}"
        key = self.key(source, "window", member)
        fields = {
            "count": part.count,
            "total": part.total,
            "lines": json.dumps([part.offsets, part.texts]).encode(),
            "vectors": part.vectors,
            "model": part.model,
        }
        return [
            ["HSET", key, *flatten(fields)],
            ["EXPIRE", key, self._window_seconds],
            ["ZADD", self.key(source, "windows"), part.start, member],
        ]

    @answered
    def sources(self) -> list[str]:
        return sorted(name.decode() for name in self._redis.smembers(self._sources_key()))

    @answered
    def stats(self, source: str) -> SourceStats:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(self.key(source, "stats"))
        pipeline.hgetall(self.key(source, "applied"))
        pipeline.hmget(self.key(source, "owner"), "group", "model")
        pipeline.zcard(self.key(source, "patterns"))
        counts, applied, owner, patterns = pipeline.execute()
        found = {name.decode(): int(value) for name, value in counts.items()}
        group, model = ((value or b"").decode() for value in owner)
        return SourceStats(
            source=source,
            lines=found.get("lines", 0),
            dead_letters=found.get("dead_letters", 0),
            parse_errors=found.get("parse_errors", 0),
            cut=found.get("cut", 0),
            warming_up=sum(value for name, value in found.items() if name.startswith("warming_up:")),
            patterns=patterns,
            forgotten_pattern_lines=found.get("forgotten_pattern_lines", 0),
            expired=found.get("expired", 0),
            group=group,
            model=model,
            applied={int(partition): int(offset) for partition, offset in applied.items()},
        )

    @answered
    def anomalies(self, source: str, *, order: Order = "score", limit: int = 20) -> list[Anomaly]:
        found: list[Anomaly] = []
        members = self._by_score(source) if order == "score" else self._index(source, "anomalies", "by_time")
        for page in pages(members, max(limit, 100)):
            pipeline = self._redis.pipeline(transaction=False)
            for member in page:
                pipeline.hgetall(self.key(source, "line", member.decode()))
            found += [anomaly_from(fields) for fields in pipeline.execute() if fields]
            if len(found) >= limit:
                break
        return found[:limit]

    def _index(self, source: str, *name: str) -> Iterator[bytes]:
        """Members of an index, the highest first, read as far as they are asked for."""
        at, members = 0, [b""]
        while members:
            members = self._redis.zrevrange(self.key(source, *name), at, at + PAGE - 1)
            at += len(members)
            yield from members

    def _by_score(self, source: str) -> list[bytes]:
        """Anomalies by score. A bucket may hold some that are gone or were ranked again since: they are left out."""
        by_time = self._redis.zrange(self.key(source, "anomalies", "by_time"), 0, -1, withscores=True)
        buckets = {member: bucket(seen) for member, seen in by_time}
        starts = sorted(set(buckets.values()))
        pipeline = self._redis.pipeline(transaction=False)
        for start in starts:
            pipeline.zrange(self.key(source, "anomalies", "by_score", start), 0, -1, withscores=True)
        scored = [
            pair
            for start, pairs in zip(starts, pipeline.execute(), strict=True)
            for pair in pairs
            if buckets.get(pair[0]) == start
        ]
        return [member for member, _ in sorted(scored, key=lambda pair: pair[1], reverse=True)]

    @answered
    def patterns(self, source: str, *, limit: int | None = None, model: str | None = None) -> list[Pattern]:
        entries = self._redis.zrange(self.key(source, "patterns"), 0, -1, withscores=True)
        pipeline = self._redis.pipeline(transaction=False)
        for name, _ in entries:
            pipeline.hgetall(self.key(source, "pattern", name.decode()))
        found = [
            pattern_from(name.decode(), last_seen, fields)
            for (name, last_seen), fields in zip(entries, pipeline.execute(), strict=True)
            if fields
        ]
        asked = [pattern for pattern in found if model in (None, pattern.model)]
        return sorted(asked, key=lambda pattern: pattern.count, reverse=True)[:limit]

    @answered
    def windows(
        self, source: str, partition: int | None = None, *, model: str | None = None, limit: int | None = None
    ) -> list[int]:
        starts: dict[int, None] = {}
        for page in pages(self._index(source, "windows"), PAGE):
            members = [m for m in page if is_part(m) and partition in (None, int(m.split(b":")[1]))]
            pipeline = self._redis.pipeline(transaction=False)
            for member in members:
                pipeline.hmget(self.key(source, "window", member.decode()), "count", "model")
            for member, (count, made_by) in zip(members, pipeline.execute(), strict=True):
                if int(count or 0) > 0 and model in (None, (made_by or b"").decode()):
                    starts[int(member.split(b":")[0])] = None
            if limit is not None and len(starts) >= limit:
                break
        return list(starts)[:limit]

    @answered
    def window(self, source: str, start: int, *, model: str | None = None) -> list[WindowPart]:
        members = self._redis.zrangebyscore(self.key(source, "windows"), start, start)
        members = [member for member in members if is_part(member)]
        pipeline = self._redis.pipeline(transaction=False)
        for member in members:
            pipeline.hgetall(self.key(source, "window", member.decode()))
        parts = [
            window_part_from(member, fields)
            for member, fields in zip(members, pipeline.execute(), strict=True)
            if fields
        ]
        living = [part for part in parts if is_living(part, model)]
        return sorted(living, key=lambda part: (part.partition, part.opened))


def refusal(command: str, key: str, words: str) -> Exception:
    """What a step that the server refused raises; READONLY and MASTERDOWN pass by, as after any other command."""
    said = " ".join(words.split()).lstrip("-")
    for code, error in (("READONLY", redis.ReadOnlyError), ("MASTERDOWN", MasterDownError)):
        if said.startswith(code):
            return error(said)
    return StoreRefused(f"refused {command} on {key}: {said}")


def bucket(seen: float) -> int:
    """The start of the hour in which an anomaly is ranked by score."""
    return int(seen // BUCKET_SECONDS) * BUCKET_SECONDS


def is_part(member: bytes) -> bool:
    """Whether a member of the windows' index has this version's form; two parts are an earlier one's."""
    return member.count(b":") == 2


def pages(members: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """Members in lists of at most ``size``."""
    page: list[bytes] = []
    for member in members:
        page.append(member)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page


def flatten(fields: Mapping[Any, Any]) -> list[Any]:
    """A hash's fields as the words of a command."""
    return [word for pair in fields.items() for word in pair]


def _probe_changes(source: str, end: int, now: float) -> Changes:
    """A step that changes all there is; a second one leaves the first one's behind, over the probe's limits."""
    start, name = int(now) - 86_400 * end, f"probe-{end}"
    return Changes(
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
        topic_id=name,
        model=name,
        anomalies=[Anomaly(0, end, now - 3_600 * (3 - end), 0.5, 0.5, name, "raw", name)],
        patterns=[Pattern(name, 1, now, now, name, b"", name)],
        windows=[WindowPart(start, 0, 1, b"", (), (), b"")],
        snapshot=b"",
    )


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
        "model": anomaly.model,
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
        cut=fields.get(b"cut") == b"1",  # neither was there in entries of older versions
        model=fields.get(b"model", b"").decode(),
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
        model=fields.get(b"model", b"").decode(),
    )


def window_part_from(member: bytes, fields: dict[bytes, bytes]) -> WindowPart:
    """One part of a window from its member of the index and its hash."""
    start, partition, opened = map(int, member.split(b":"))
    offsets, texts = json.loads(fields[b"lines"])
    return WindowPart(
        start=start,
        partition=partition,
        count=int(fields[b"count"]),
        total=fields[b"total"],
        offsets=tuple(offsets),
        texts=tuple(texts),
        vectors=fields[b"vectors"],
        opened=opened,
        model=fields.get(b"model", b"").decode(),
    )
