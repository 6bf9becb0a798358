"""The answers' home in Redis: one atomic step in, plain reads out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import redis
from redis.exceptions import MasterDownError, NoScriptError

from connectors.alerts import Verdict
from connectors.decisions import MOST_NEWS, Applied
from connectors.findings import Changes, topic_of
from connectors.lessons import MOST_LESSONS, MOST_TOLD, MOST_TOLD_BYTES
from connectors.redis.alerts import verdict_words
from connectors.redis.client import answered
from connectors.redis.commands import Commands
from connectors.redis.fields import flatten, window_part_from
from connectors.redis.keys import Keys
from connectors.redis.kinds import applied_from
from connectors.redis.layout import LAYOUT, taken_up
from connectors.redis.probe import GROUP, LIMITS, check
from connectors.redis.reads import RedisReads
from connectors.redis.scripts import ACKNOWLEDGE, APPLY, BEGIN, CLAIM, MARK, RESTART, STORED, Script
from connectors.redis.traffic import Traffic
from connectors.store import (
    TAKEOVER_SECONDS,
    Clock,
    Fenced,
    Occupied,
    RetentionSettings,
    Stored,
    StoredSource,
    StoreRefused,
)
from connectors.version import version


class RedisStore(RedisReads):
    """The store in Redis >= 6.2, Valkey or a cluster of either.

    client: from ``connectors.redis.connect``, without response decoding.
    group: the consumer group that feeds it, kept as a sign of life with every step; ``claim`` sets it too.
    below: parts put after the source in every key, for keys of its own.
    traffic: that of the client; errors are counted there.
    """

    def __init__(
        self,
        client: redis.Redis | redis.RedisCluster,
        *,
        prefix: str = "se",
        env: str = "default",
        below: tuple[str, ...] = (),
        retention: RetentionSettings | None = None,
        group: str = "",
        clock: Clock = time.time,
        traffic: Traffic | None = None,
    ) -> None:
        super().__init__(client, Keys(prefix, env, below), traffic)
        self._keep = retention or RetentionSettings()
        self._commands = Commands(self._keys, self._keep)
        self._group, self._clock = group, clock
        self._known: set[str] = set()

    def _run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return self._redis.evalsha(script.sha, len(keys), *keys, *args)
        except NoScriptError:
            return self._redis.eval(script.text, len(keys), *keys, *args)

    def _remember(self, source: str) -> None:
        if source not in self._known:
            self._redis.sadd(self._keys.sources, source)  # its own slot, and safe to repeat
            self._known.add(source)

    def _fence(self, source: str, partition: int, expected: int | None, found: bytes) -> Fenced:
        self._known.discard(source)  # the store may have lost everything
        return Fenced(source, partition, expected, int(found) if found else None)

    @answered
    def check(self, source: str) -> None:
        probe = RedisStore(
            self._redis,
            prefix=self._keys.prefix,
            env=self._keys.env,
            below=(f"probe-{uuid.uuid4().hex[:12]}",),
            retention=LIMITS,
            group=GROUP,
            clock=self._clock,
        )
        check(self._redis, source, probe, probe._keys, self._clock())

    @answered
    def claim(self, source: str, group: str, now: float) -> str | None:
        keys = [self.key(source, name) for name in ("owner", "applied", "patterns", "windows")]
        found = self._run(CLAIM, keys, [group, int(now), TAKEOVER_SECONDS, LAYOUT, version()])
        if found and found[0] == b"other":
            raise Occupied(source, self._keys.env, found[1].decode(), float(found[2]))
        set_aside = taken_up(found, source, version())
        self._group = group
        return set_aside

    @answered
    def begin(self, source: str, starts: Mapping[int, int]) -> None:
        if starts:
            self._remember(source)
            self._run(BEGIN, [self.key(source, "applied")], flatten(starts))

    @answered
    def blame(self, source: str, partition: int, reason: str | None) -> None:
        key = self.key(source, "troubles")
        if reason is None:
            self._redis.hdel(key, partition)
        else:
            self._remember(source)
            self._redis.hset(key, partition, reason.encode("utf-8", "replace"))

    @answered
    def restart(
        self, source: str, partition: int, *, expected: int | None, start: int, topic_id: str | None
    ) -> None:
        self._remember(source)
        answer = self._run(
            RESTART,
            [self.key(source, name) for name in ("applied", "topic_ids", "sources")],
            [
                partition,
                "" if expected is None else expected,
                start,
                topic_id or "",
                *self._keys.around(source),
            ],
        )
        if answer[0] == b"fenced":
            raise self._fence(source, partition, expected, answer[1])

    @answered
    def applied(self, source: str) -> dict[int, int]:
        return {int(p): int(o) for p, o in self._redis.hgetall(self.key(source, "applied")).items()}

    @answered
    def stored(self, source: str, partition: int, windows: int) -> Stored:
        applied, topic_id, own, inside = self._run(
            STORED,
            [self.key(source, name) for name in ("applied", "topic_ids", "sources")],
            [partition, windows, *self._keys.around(source)],
        )
        remembered = stored_source(*own)
        return Stored(
            applied=None if applied is None else int(applied),
            topic_id=None if topic_id is None else topic_id.decode(),
            snapshot=remembered.snapshot,
            waiting_from=remembered.waiting_from,
            windows=remembered.windows,
            sources={
                name.decode(): replace(
                    stored_source(*found),
                    known=self._known_of(f"{source}/{name.decode()}"),
                    feedback=self.feedback(f"{source}/{name.decode()}"),
                )
                for name, found in inside
            },
            known=self._known_of(source),
            feedback=self.feedback(source),
        )

    @answered
    def mark(self, source: str, verdict: Verdict) -> bool:
        return self._mark(source, verdict.pattern, verdict_words(verdict))

    @answered
    def unmark(self, source: str, pattern: str) -> bool:
        return self._mark(source, pattern, b"")

    def _mark(self, source: str, pattern: str, words: bytes) -> bool:
        keys = [self.key(source, name) for name in ("feedback", "stats")]
        return bool(self._run(MARK, keys, [pattern, words, self._keep.feedback]))

    @answered
    def plant(self, source: str, seed: bytes) -> None:
        self._redis.hset(self.key(topic_of(source), "seeds"), source.partition("/")[2], seed)

    @answered
    def acknowledge(self, source: str, sink: str, before: int, position: int) -> bool:
        return bool(self._run(ACKNOWLEDGE, [self.key(source, "sent")], [sink, before, position]))

    @answered
    def apply(self, changes: Changes) -> Applied:
        source, now = changes.source, self._clock()
        self._remember(source)
        words: list[Any] = []
        for command in self._commands.of(changes, now, self._group):
            words += [len(command), *command]
        keep = self._keep
        answer = self._run(
            APPLY,
            [self.key(source, "applied"), self.key(source, "sources")],
            [
                changes.partition,
                "" if changes.expected is None else changes.expected,
                changes.end,
                now,
                keep.anomalies,
                keep.windows,
                keep.sources,
                keep.templates,
                keep.alerts,
                keep.outbox,
                MOST_NEWS,
                MOST_LESSONS,
                MOST_TOLD,
                MOST_TOLD_BYTES,
                self._commands.window_seconds,
                self._commands.bucket_seconds,
                self._commands.anomaly_seconds,
                *self._keys.around(source),
                keep.feed,
                *words,
            ],
        )
        if answer[0] == b"fenced":
            raise self._fence(source, changes.partition, changes.expected, answer[1])
        if answer[0] == b"refused":
            raise refusal(*(part.decode("utf-8", "replace") for part in answer[1:]))
        return applied_from(answer[1:], changes.partition)


def stored_source(snapshot: bytes | None, waiting_from: bytes | None, found: Sequence[Any]) -> StoredSource:
    """What ``stored.lua`` answers of one source."""
    parts = [
        window_part_from(member, dict(zip(fields[::2], fields[1::2], strict=True)))
        for member, fields in found
    ]
    return StoredSource(
        snapshot=snapshot,
        waiting_from=None if waiting_from is None else int(waiting_from),
        windows=tuple(sorted(parts, key=lambda part: (part.start, part.opened))),
    )


def refusal(command: str, key: str, words: str) -> Exception:
    """What a step that the server refused raises; READONLY and MASTERDOWN pass by, as after any other command."""
    said = " ".join(words.split()).lstrip("-")
    for code, error in (("READONLY", redis.ReadOnlyError), ("MASTERDOWN", MasterDownError)):
        if said.startswith(code):
            return error(said)
    return StoreRefused(f"refused {command} on {key}: {said}")
