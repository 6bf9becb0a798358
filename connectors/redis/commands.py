"""What a step changes, as the commands that ``apply.lua`` runs."""

from __future__ import annotations

import math
from typing import Any

from connectors.findings import Anomaly, Changes, Pattern, WindowPart
from connectors.redis.fields import anomaly_fields, flatten, founder_fields, window_fields
from connectors.redis.keys import BUCKET_SECONDS, Keys
from connectors.store import RetentionSettings, ranked_time

Command = list[Any]
"""Its words. ``PATTERN`` and ``RANK`` are commands of the script; for all but ``RANK`` the second word is the key."""


class Commands:
    """Makes the commands of steps, and says how long what they write lives."""

    def __init__(self, keys: Keys, keep: RetentionSettings) -> None:
        self._key, self._feed = keys.key, keep.feed
        self.anomaly_seconds = max(1, math.ceil(keep.anomaly_hours * 3_600))
        self.bucket_seconds = self.anomaly_seconds + BUCKET_SECONDS
        self.window_seconds = max(1, math.ceil(keep.window_hours * 3_600))

    def of(self, changes: Changes, now: float, group: str) -> list[Command]:
        """The commands of a step. group: the consumer group that gives a sign of life with it; '' for none."""
        source, partition = changes.source, changes.partition
        commands = self._stats_commands(changes, now, group)
        commands += [self._pattern_command(source, pattern, now) for pattern in changes.patterns]
        for anomaly in changes.anomalies:
            commands += self._anomaly_commands(source, anomaly, now)
        for part in changes.windows:
            commands += self._window_commands(source, part)
        if changes.snapshot is not None:
            commands.append(["SET", self._key(source, "state", partition), changes.snapshot])
        if changes.topic_id is not None:
            commands.append(["HSET", self._key(source, "topic_ids"), partition, changes.topic_id])
        return commands

    def _stats_commands(self, changes: Changes, now: float, group: str) -> list[Command]:
        key = self._key(changes.source, "stats")
        counts = {
            "lines": changes.lines,
            "dead_letters": changes.dead_letters,
            "parse_errors": changes.parse_errors,
            "cut": changes.cut,
            "expired": changes.expired,
        }
        commands: list[Command] = [["HINCRBY", key, name, count] for name, count in counts.items() if count]
        commands.append(["HSET", key, f"warming_up:{changes.partition}", changes.warming_up])
        waiting = f"waiting_from:{changes.partition}"
        commands.append(
            ["HDEL", key, waiting]
            if changes.waiting_from is None
            else ["HSET", key, waiting, changes.waiting_from]
        )
        owner = {"group": group, "seen": int(now) if group else "", "model": changes.model}
        known = {name: value for name, value in owner.items() if value != ""}
        if known:
            commands.append(["HSET", self._key(changes.source, "owner"), *flatten(known)])
        return commands

    def _anomaly_commands(self, source: str, anomaly: Anomaly, now: float) -> list[Command]:
        member = f"{anomaly.partition}:{anomaly.offset}:{anomaly.index}"
        line = self._key(source, "line", member)
        fields = flatten(anomaly_fields(anomaly))
        return [
            ["HSET", line, *fields],
            ["EXPIRE", line, self.anomaly_seconds],
            ["RANK", member, ranked_time(anomaly.timestamp, now), anomaly.score],
            ["XADD", self._key(source, "feed"), "MAXLEN", "~", self._feed, "*", *fields],
        ]

    def _pattern_command(self, source: str, pattern: Pattern, now: float) -> Command:
        key, last_seen = self._key(source, "pattern", pattern.id), min(pattern.last_seen, now)
        return [
            "PATTERN",
            key,
            pattern.id,
            pattern.count,
            pattern.first_seen,
            last_seen,
            *flatten(founder_fields(pattern)),
        ]

    def _window_commands(self, source: str, part: WindowPart) -> list[Command]:
        member = f"{part.start}:{part.partition}:{part.opened}"
        key = self._key(source, "window", member)
        return [
            ["HSET", key, *flatten(window_fields(part))],
            ["EXPIRE", key, self.window_seconds],
            ["ZADD", self._key(source, "windows"), part.start, member],
        ]
