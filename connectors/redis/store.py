"""The answers' home in Redis: one atomic step in, plain reads out.

Keys are ``{prefix}:{env}:{source}:...`` with the source in hash-tag braces, so that one source lives in one
cluster slot; ``docs/redis.md`` lists them with their bounds.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import redis
from redis.exceptions import MasterDownError, NoScriptError

from connectors.records import Anomaly, Changes, Pattern, SourceStats, WindowPart
from connectors.redis.client import answered, is_passing, reason
from connectors.redis.fields import (
    BUCKET_SECONDS,
    anomaly_fields,
    anomaly_from,
    bucket,
    flatten,
    pattern_from,
    window_part_from,
)
from connectors.redis.scripts import APPLY, BEGIN, CLAIM, RESTART, STORED, Script
from connectors.redis.server import server_of
from connectors.store import (
    TAKEOVER_SECONDS,
    Clock,
    Fenced,
    Occupied,
    Order,
    RetentionSettings,
    Stored,
    StoreRefused,
    is_living,
    ranked_time,
)

PAGE = 1_000
"""Members of an index that one read asks for."""


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
