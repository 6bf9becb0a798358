"""What queries read of a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import redis

from connectors.alerts import Alert, Feedback, Told
from connectors.days import DAYS_KEPT, Day, day_from
from connectors.decisions import News
from connectors.findings import Anomaly, Merge, Pattern, SourceStats, Template, WindowPart, topic_of
from connectors.patterns import of_a_day, patterns_of
from connectors.redis.alerts import alert_from, feedback_from, told_from
from connectors.redis.client import answered
from connectors.redis.fields import anomaly_from, warmups_from, window_part_from
from connectors.redis.keys import Keys, bucket
from connectors.redis.kinds import DECIDED, decided_from, merge_from, pattern_of_today, template_from
from connectors.redis.traffic import Traffic
from connectors.store import Order, is_living

FORGOTTEN = ("forgotten_template_lines", "forgotten_pattern_lines")
"""Totals of lines counted under what was forgotten; the latter is an earlier version's."""
PAGE = 1_000
"""Members of an index that one read asks for."""


class RedisReads:
    """The part of the store that only reads; methods are those of ``connectors.store.Store``."""

    def __init__(
        self, client: redis.Redis | redis.RedisCluster, keys: Keys, traffic: Traffic | None = None
    ) -> None:
        self._redis: Any = client  # redis-py types every answer as "now or awaitable"
        self._keys = keys
        self.traffic = traffic or Traffic()

    def key(self, source: str, *parts: object) -> str:
        """The name of a source's key, e.g. ``se:default:{logs}:applied``."""
        return self._keys.key(source, *parts)

    @answered
    def troubles(self, source: str) -> dict[int, str]:
        found = self._redis.hgetall(self.key(source, "troubles"))
        return {int(partition): reason.decode("utf-8", "replace") for partition, reason in found.items()}

    @answered
    def sources(self) -> list[str]:
        topics = sorted(name.decode() for name in self._redis.smembers(self._keys.sources))
        inside = {topic: self._redis.zrange(self.key(topic, "sources"), 0, -1) for topic in topics}
        return sorted([*topics, *(f"{topic}/{name.decode()}" for topic in topics for name in inside[topic])])

    @answered
    def stats(self, source: str) -> SourceStats:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(self.key(source, "stats"))
        pipeline.hgetall(self.key(topic_of(source), "applied"))
        pipeline.hmget(self.key(topic_of(source), "owner"), "group", "model")
        pipeline.zcard(self.key(source, "templates"))
        pipeline.hgetall(self.key(source, "decisions"))
        counts, applied, owner, templates, decisions = pipeline.execute()
        found = {name.decode(): int(value) for name, value in counts.items()}
        group, model = ((value or b"").decode() for value in owner)
        return SourceStats(
            source=source,
            lines=found.get("lines", 0),
            dead_letters=found.get("dead_letters", 0),
            parse_errors=found.get("parse_errors", 0),
            cut=found.get("cut", 0),
            warming_up=sum(value for name, value in found.items() if name.startswith("warming_up:")),
            templates=templates,
            patterns=templates - len(decisions) + len(set(decisions.values())),
            forgotten_template_lines=sum(found.get(name, 0) for name in FORGOTTEN),
            forgotten_source_lines=found.get("forgotten_source_lines", 0),
            expired=found.get("expired", 0),
            warmups=warmups_from(found),
            group=group,
            model=model,
            applied={int(partition): int(offset) for partition, offset in applied.items()},
        )

    @answered
    def anomalies(self, source: str, *, order: Order = "score", limit: int = 20) -> list[Anomaly]:
        found: list[Anomaly] = []
        merged = self._redis.hgetall(self.key(source, "merged"))
        members = self._by_score(source) if order == "score" else self._index(source, "anomalies", "by_time")
        for page in pages(members, max(limit, 100)):
            pipeline = self._redis.pipeline(transaction=False)
            for member in page:
                pipeline.hgetall(self.key(source, "line", member.decode()))
            found += [anomaly_from(fields) for fields in pipeline.execute() if fields]
            if len(found) >= limit:
                break
        return [replace(one, pattern=pattern_of_today(one.pattern, merged)) for one in found[:limit]]

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
    def alerts(self, source: str, *, since: float = 0.0, skip: int = 0, limit: int = 20) -> list[Alert]:
        found: list[Alert] = []
        index, at = self.key(source, "alerts"), 0
        while len(found) < skip + limit:
            page = self._redis.zrevrange(index, at, at + max(limit, 100) - 1, withscores=True)
            at += len(page)
            recent = [pattern.decode() for pattern, seen in page if seen >= since]
            pipeline = self._redis.pipeline(transaction=False)
            for pattern in recent:
                pipeline.hgetall(self.key(source, "alert", pattern))
            found += [
                alert_from(pattern, fields)
                for pattern, fields in zip(recent, pipeline.execute(), strict=True)
                if fields
            ]
            if len(recent) < max(limit, 100):
                break
        return found[skip : skip + limit]

    @answered
    def alert(self, source: str, pattern: str) -> Alert | None:
        fields = self._redis.hgetall(self.key(source, "alert", pattern))
        return alert_from(pattern, fields) if fields else None

    @answered
    def outbox(self, source: str, *, after: int = 0, limit: int = 100) -> list[Told]:
        entries = self._redis.xrange(self.key(source, "outbox"), f"{after}-1", "+", count=limit)
        return [told_from(member, fields) for member, fields in entries]

    @answered
    def sent(self, source: str) -> dict[str, int]:
        found = self._redis.hgetall(self.key(source, "sent"))
        return {sink.decode(): int(position) for sink, position in found.items()}

    @answered
    def seeds(self, topic: str) -> dict[str, bytes]:
        return {name.decode(): seed for name, seed in self._redis.hgetall(self.key(topic, "seeds")).items()}

    @answered
    def feedback(self, source: str) -> Feedback:
        version = self._redis.hget(self.key(source, "stats"), "feedback")
        return feedback_from(version, self._redis.hgetall(self.key(source, "feedback")))

    @answered
    def templates(self, source: str, *, limit: int | None = None) -> list[Template]:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(self.key(source, "decisions"))
        pipeline.zrange(self.key(source, "templates"), 0, -1, withscores=True)
        decisions, entries = pipeline.execute()
        for name, _ in entries:
            pipeline.hgetall(self.key(source, "template", name.decode()))
        found = [
            template_from(name, decisions.get(name, name), last_seen, fields)
            for (name, last_seen), fields in zip(entries, pipeline.execute(), strict=True)
            if fields
        ]
        return of_a_day(found)[:limit]

    @answered
    def merges(self, source: str) -> list[Merge]:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(self.key(source, "merged"))
        pipeline.zrevrange(self.key(source, "merges"), 0, -1)
        merged, order = pipeline.execute()
        return [merge_from(name, merged[name]) for name in order if name in merged]

    def _known_of(self, source: str) -> News:
        """All decisions about a source's templates. Those that are taken meanwhile come again as news."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hget(self.key(source, "stats"), "position")
        pipeline.zrange(self.key(source, "log"), 0, -1)
        pipeline.hgetall(self.key(source, "decisions"))
        pipeline.zrange(self.key(source, "merges"), 0, -1)
        pipeline.hgetall(self.key(source, "merged"))
        position, names, decisions, order, merged = pipeline.execute()
        for name in names:
            pipeline.hmget(self.key(source, "template", name.decode()), *DECIDED)
        return News(
            tuple(
                decided_from(name, decisions[name], *fields)
                for name, fields in zip(names, pipeline.execute(), strict=True)
                if name in decisions and fields[0]
            ),
            tuple(merge_from(name, merged[name]) for name in order if name in merged),
            int(position or 0),
        )

    @answered
    def days(self, source: str, last: int) -> list[Day]:
        pipeline = self._redis.pipeline(transaction=False)
        kept = range(last - DAYS_KEPT, last + 1)
        for day in kept:
            pipeline.hgetall(self.key(source, "day", day))
        return [
            day_from(day, {name.decode(): int(count) for name, count in counts.items()})
            for day, counts in zip(kept, pipeline.execute(), strict=True)
            if counts
        ]

    def patterns(self, source: str, *, limit: int | None = None) -> list[Pattern]:
        return patterns_of(self.templates(source))[:limit]

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
