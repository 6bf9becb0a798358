"""What a step changes, as the commands that ``apply.lua`` runs."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.days import counted_days
from connectors.findings import Anomaly, Changes, Findings, Template, WindowPart
from connectors.redis.alerts import alert_command, line_words
from connectors.redis.fields import flatten, gone_fields, waiting_fields, window_fields
from connectors.redis.keys import BUCKET_SECONDS, Keys
from connectors.redis.kinds import founder_words, merge_words, pace_words, slot_words
from connectors.store import RetentionSettings, counted_minutes, ranked_time

Command = list[Any]
"""Its words, of which the second is the key, but for the commands of the script itself."""
OF_THE_SCRIPT = ("SOURCE", "TEMPLATE", "KNOWN", "DAY", "MERGE", "TAUGHT", "LINE", "ALERT")
KNOWN = struct.Struct(">QIIdd")
"""What a minute's lines add to a known template: its id, the minute, the lines, and when it was seen first and last."""
HEXADECIMAL, HEX_DIGITS = frozenset("0123456789abcdef"), 16
"""Of the id of a template that can be packed: such as all are that workers tell of."""


class Commands:
    """Makes the commands of steps, and says how long what they write lives."""

    def __init__(self, keys: Keys, keep: RetentionSettings) -> None:
        self._key = keys.key
        self.anomaly_seconds = max(1, math.ceil(keep.anomaly_hours * 3_600))
        self.bucket_seconds = self.anomaly_seconds + BUCKET_SECONDS
        self.window_seconds = max(1, math.ceil(keep.window_hours * 3_600))

    def of(self, changes: Changes, now: float, group: str) -> list[Command]:
        """The commands of a step. group: the consumer group that gives a sign of life with it; '' for none."""
        topic = changes.source
        commands = self._source_commands("", changes, changes.partition, now)
        if changes.expired:
            commands.append(["HINCRBY", self._key(topic, "stats"), "expired", changes.expired])
        if changes.topic_id is not None:
            commands.append(["HSET", self._key(topic, "topic_ids"), changes.partition, changes.topic_id])
        owner = {"group": group, "seen": int(now) if group else "", "model": changes.model}
        known = {name: value for name, value in owner.items() if value != ""}
        if known:
            commands.append(["HSET", self._key(topic, "owner"), *flatten(known)])
        for name, part in changes.parts.items():
            commands.append(["ZADD", self._key(topic, "sources"), now, name])
            commands += self._source_commands(name, part, changes.partition, now)
        return commands

    def _source_commands(self, name: str, findings: Findings, partition: int, now: float) -> list[Command]:
        """What changes of one source; '' is the name of the topic itself."""
        source = findings.source
        seen = "" if findings.seen is None else findings.seen
        commands: list[Command] = [
            ["SOURCE", name, seen, findings.heard, findings.feedback],
            *self._stats_commands(findings, partition),
        ]
        commands += template_commands(findings.templates, now)
        commands += [
            ["DAY", day, *flatten(counts)] for day, counts in counted_days(findings.days, now).items()
        ]
        commands += [["MERGE", *merge_words(merge)] for merge in findings.merges]
        if findings.taught:
            commands.append(["TAUGHT", findings.taught])
        commands += [line_command(anomaly, now) for anomaly in findings.anomalies]
        numbers = {id(anomaly): number for number, anomaly in enumerate(findings.anomalies, 1)}
        commands += [alert_command(change, now, numbers) for change in findings.alerts]
        for part in findings.windows:
            commands += self._window_commands(source, part)
        if findings.pace is not None:
            commands.append(["HSET", self._key(source, "rates"), partition, pace_words(findings.pace)])
        if findings.snapshot is not None:
            commands.append(["SET", self._key(source, "state", partition), findings.snapshot])
        elif findings.forget:
            commands.append(["DEL", self._key(source, "state", partition)])
        return commands

    def _stats_commands(self, findings: Findings, partition: int) -> list[Command]:
        key = self._key(findings.source, "stats")
        counts = {
            "lines": findings.lines,
            "dead_letters": findings.dead_letters,
            "parse_errors": findings.parse_errors,
            "cut": findings.cut,
        }
        commands: list[Command] = [["HINCRBY", key, name, count] for name, count in counts.items() if count]
        known = {f"{name}:{partition}": value for name, value in waiting_fields(findings).items()}
        stated = {name: value for name, value in known.items() if value is not None}
        commands.append(["HSET", key, *flatten(stated)])
        if len(stated) < len(known):
            commands.append(["HDEL", key, *(name for name in known if name not in stated)])
        return commands

    def _window_commands(self, source: str, part: WindowPart) -> list[Command]:
        member = f"{part.start}:{part.partition}:{part.opened}"
        key = self._key(source, "window", member)
        commands: list[Command] = [
            ["HSET", key, *flatten(window_fields(part))],
            ["EXPIRE", key, self.window_seconds],
            ["ZADD", self._key(source, "windows"), part.start, member],
        ]
        gone = gone_fields(part)
        return [["HDEL", key, *gone], *commands] if gone else commands


def line_command(line: Anomaly, now: float) -> Command:
    """A flagged line: its place, when and how high it is ranked, and all that is known of it."""
    place = line.partition, line.offset, line.index
    return ["LINE", *place, ranked_time(line.timestamp, now), line.score, line_words(line)]


def template_commands(templates: Sequence[Template], now: float) -> list[Command]:
    """What a step adds to templates: those that the store knows, and that add no more than lines, in one word."""
    commands, packed = [], []
    for template in templates:
        minutes = counted_minutes(template.minutes, now)
        last_seen = min(template.last_seen, now)
        if can_be_packed(template) and sum(minutes.values()) == template.count:
            name = int(template.id, 16)
            packed += [KNOWN.pack(name, *each, template.first_seen, last_seen) for each in minutes.items()]
        else:
            commands.append(template_command(template, minutes, last_seen))
    return [*commands, ["KNOWN", b"".join(packed)]] if packed else commands


def can_be_packed(template: Template) -> bool:
    """Whether a template adds nothing but lines, of minutes, to one whose id is a number."""
    if template.text or template.parameters or not template.minutes:
        return False
    return len(template.id) == HEX_DIGITS and HEXADECIMAL.issuperset(template.id)


def template_command(template: Template, minutes: Mapping[int, int], last_seen: float) -> Command:
    """What a step adds to one template; short where the store knows what it is."""
    words = " ".join(f"{at}:{count}" for at, count in minutes.items())
    seen = template.first_seen, last_seen
    command = ["TEMPLATE", template.id, template.count, *seen, words, slot_words(template.parameters)]
    return [*command, template.pattern, *founder_words(template)] if template.text else command
