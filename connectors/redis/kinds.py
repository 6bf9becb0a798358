"""Templates, merges and decisions as words of commands, and back from what the server keeps and answers."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.decisions import Applied, Decided, Lessons, News, SourceApplied, with_parts
from connectors.findings import Merge, Pace, SlotSummary, Template
from connectors.redis.alerts import feedback_from

DECIDED = ("text", "first_seen", "vector", "model")
"""Fields of a template's hash that others need to know."""
MOST_TEXT = 4_000
"""Characters that are kept of a template's text, and of its example."""
MOST_VALUE = 200
"""Characters that are kept of a slot's example."""
MOST_SLOTS = 64
"""``templates.lua`` knows it too."""


def founder_words(template: Template) -> list[Any]:
    """What the one who tells a template first gives its hash: text, example, vector, model."""
    return [words_of(template.text), words_of(template.example), template.vector, template.model]


def words_of(text: str, most: int = MOST_TEXT) -> bytes:
    """A text as it is kept: cut, and without what is no Unicode."""
    return text[:most].encode("utf-8", "replace")


def merge_words(merge: Merge) -> list[Any]:
    """A merge as the words of its command."""
    return [merge.pattern, merge.into, merge.time, words_of(merge.reason)]


def merge_from(pattern: bytes, kept: bytes) -> Merge:
    """A merge from its field: where the pattern is today, what it became part of, when and why."""
    _, into, time, reason = kept.decode().split(" ", 3)
    return Merge(pattern.decode(), into, float(time), reason)


def pattern_of_today(pattern: str, merged: Mapping[bytes, bytes]) -> str:
    """What a pattern became part of, or the pattern itself. merged: the fields of merges."""
    kept = merged.get(pattern.encode())
    return kept.split(b" ", 1)[0].decode() if kept else pattern


def slot_words(slots: Sequence[SlotSummary]) -> str:
    """What was found in slots as one word: JSON, a list each of slot, type, least, most and examples."""
    if not slots:
        return ""
    rows = [
        [
            slot.slot,
            slot.type,
            *("" if value is None else repr(value) for value in (slot.least, slot.most)),
            *(words_of(value, MOST_VALUE).decode() for value in slot.examples),
        ]
        for slot in slots[:MOST_SLOTS]
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def slots_from(kept: bytes) -> tuple[SlotSummary, ...]:
    """The inverse of ``slot_words``."""
    return tuple(
        SlotSummary(
            slot, kind, tuple(examples), *(float(value) if value else None for value in (least, most))
        )
        for slot, kind, least, most, *examples in json.loads(kept or b"[]")
    )


def minutes_from(kept: bytes) -> list[tuple[int, int]]:
    """(minute, lines) of an hour from its field: the hour, and each minute with its lines."""
    (hour,) = struct.unpack_from(">I", kept)
    return [(hour * 60 + minute, count) for minute, count in struct.iter_unpack(">BI", kept[4:])]


def template_from(name: bytes, pattern: bytes, last_seen: float, fields: Mapping[bytes, bytes]) -> Template:
    """A template from its hash, its pattern of today and its place in the sorted set."""
    hours = (value for field, value in fields.items() if field.startswith(b"hour:"))
    return Template(
        id=name.decode(),
        text=fields.get(b"text", b"").decode(),
        pattern=pattern.decode(),
        count=int(fields[b"count"]),
        first_seen=float(fields[b"first_seen"]),
        last_seen=last_seen,
        example=fields.get(b"example", b"").decode(),
        vector=fields.get(b"vector", b""),
        model=fields.get(b"model", b"").decode(),
        minutes=tuple(sorted(pair for hour in hours for pair in minutes_from(hour))),
        parameters=slots_from(fields.get(b"slots", b"")),
        born=struct.unpack_from(">II", fields.get(b"days", bytes(8))),
    )


def decided_from(
    name: bytes, pattern: bytes, text: bytes, first_seen: bytes, vector: bytes, model: bytes
) -> Decided:
    """What was decided of a template, from its pattern of today and its ``DECIDED`` fields."""
    return Decided(name.decode(), text.decode(), pattern.decode(), float(first_seen), vector, model.decode())


def pace_words(pace: Pace) -> str:
    """How fast a partition's lines come as one field."""
    return f"{pace.rate!r} {pace.time!r}"


def paces_from(found: Sequence[bytes], partition: int) -> tuple[Pace, ...]:
    """How fast lines come in other partitions, from the fields of all."""
    pairs = zip(found[::2], found[1::2], strict=True)
    return tuple(Pace(*map(float, words.split())) for name, words in pairs if int(name) != partition)


def applied_from(answer: Sequence[Sequence[Any]], partition: int) -> Applied:
    """What ``apply.lua`` answers of each source in a step of a partition."""
    found = {name.decode(): source_applied(partition, *rest) for name, *rest in answer}
    own = found.pop("")
    return with_parts(own, found)


def source_applied(
    partition: int,
    otherwise: Sequence[bytes],
    missing: Sequence[bytes],
    news: Any,
    lessons: Any,
    rates: Sequence[bytes],
    feedback: Any,
) -> SourceApplied:
    """What ``apply.lua`` answers of one source."""
    names = [name.decode() for name in otherwise]
    told = None
    if news is not None:
        position, templates, merges = news
        told = News(
            tuple(decided_from(*template) for template in templates),
            tuple(merge_from(*merge) for merge in merges),
            int(position),
        )
    heard = None if lessons is None else Lessons(tuple(lessons[1]), lessons[0].decode())
    return SourceApplied(
        dict(zip(names[::2], names[1::2], strict=True)),
        tuple(name.decode() for name in missing),
        told,
        heard,
        paces_from(rates, partition),
        None if feedback is None else feedback_from(feedback[0], pairs_of(feedback[1])),
    )


def pairs_of(words: Sequence[bytes]) -> dict[bytes, bytes]:
    """The fields of a hash from the words of an answer."""
    return dict(zip(words[::2], words[1::2], strict=True))
