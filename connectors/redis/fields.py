"""Records as the fields of hashes and stream entries, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connectors.findings import Anomaly, Findings, Pattern, Warmup, WindowPart


def flatten(fields: Mapping[Any, Any]) -> list[Any]:
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


def waiting_fields(findings: Findings) -> dict[str, int | None]:
    """What a partition's lines wait for, as fields of a source's totals; None for one that is not to be there."""
    warmup = findings.warmup
    return {
        "warming_up": findings.warming_up,
        "waiting_from": findings.waiting_from,
        "warmup_lines": warmup and warmup.lines,
        "warmup_of": warmup and warmup.of,
        "warmup_ends": warmup and warmup.ends,
        "warmup_least": warmup and warmup.least,
    }


def warmups_from(fields: Mapping[str, int]) -> dict[int, Warmup]:
    """Partition to its warm-up, from the fields of a source's totals."""
    found = {}
    for name, of in fields.items():
        field, _, partition = name.partition(":")
        if field == "warmup_of":
            lines, least = (fields.get(f"{name}:{partition}", 0) for name in ("warmup_lines", "warmup_least"))
            found[int(partition)] = Warmup(lines, of, fields.get(f"warmup_ends:{partition}"), least)
    return dict(sorted(found.items()))


def founder_fields(pattern: Pattern) -> dict[str, Any]:
    """What the first line of a pattern gives its hash; its counts and times are the script's."""
    return {
        "example": pattern.example.encode("utf-8", "replace"),
        "vector": pattern.vector,
        "model": pattern.model,
    }


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


def window_fields(part: WindowPart) -> dict[str, Any]:
    """A part of a window as the fields of its hash; its place is in the key."""
    return {
        "count": part.count,
        "total": part.total,
        "lines": json.dumps([part.offsets, part.texts]).encode(),
        "vectors": part.vectors,
        "model": part.model,
    }


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
