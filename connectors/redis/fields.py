"""Records as the fields of hashes and stream entries, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connectors.findings import Anomaly, Findings, Warmup, WindowPart
from connectors.redis.alerts import reasons_from, reasons_json


def flatten(fields: Mapping[Any, Any]) -> list[Any]:
    """A hash's fields as the words of a command."""
    return [word for pair in fields.items() for word in pair]


def anomaly_fields(anomaly: Anomaly) -> dict[str, Any]:
    """An anomaly as the fields of a hash or stream entry."""
    return {
        "partition": anomaly.partition,
        "offset": anomaly.offset,
        "index": anomaly.index,
        "timestamp": repr(anomaly.timestamp),
        "score": repr(anomaly.score),
        "threshold": repr(anomaly.threshold),
        "text": anomaly.text.encode("utf-8", "replace"),
        "format": anomaly.format,
        "pattern": anomaly.pattern,
        "cut": int(anomaly.cut),
        "model": anomaly.model,
        "share": repr(anomaly.share),
        "among": anomaly.among,
        "reasons": reasons_json(anomaly.reasons).encode("utf-8", "replace"),
        "entities": "\n".join(anomaly.entities).encode("utf-8", "replace"),
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
        cut=fields.get(b"cut") == b"1",  # this and what follows was not there in older versions
        model=fields.get(b"model", b"").decode(),
        index=int(fields.get(b"index", 0)),
        share=float(fields.get(b"share", 1)),
        among=int(fields.get(b"among", 0)),
        reasons=reasons_from(fields.get(b"reasons", b"")),
        entities=tuple(fields.get(b"entities", b"").decode().split("\n")) if fields.get(b"entities") else (),
    )


def waiting_fields(findings: Findings) -> dict[str, int | None]:
    """What a partition's lines wait for, as fields of a source's totals; None for one that is not to be there."""
    known = {"warming_up": findings.warming_up, "waiting_from": findings.waiting_from}
    warmup = dict.fromkeys(f"warmup_{name}" for name in Warmup.__slots__)
    if findings.warmup is not None:
        warmup = {f"warmup_{name}": getattr(findings.warmup, name) for name in Warmup.__slots__}
    return known | warmup


def warmups_from(fields: Mapping[str, int]) -> dict[int, Warmup]:
    """Partition to its warm-up, from the fields of a source's totals."""
    found = {}
    for name, of in fields.items():
        field, _, partition = name.partition(":")
        if field == "warmup_of":
            found[int(partition)] = Warmup(
                lines=fields.get(f"warmup_lines:{partition}", 0),
                of=of,
                ends=fields.get(f"warmup_ends:{partition}"),
                least=fields.get(f"warmup_least:{partition}", 0),
            )
    return dict(sorted(found.items()))


def window_fields(part: WindowPart) -> dict[str, Any]:
    """A part of a window as the fields of its hash; its place is in the key."""
    return {
        "count": part.count,
        "total": part.total,
        "lines": json.dumps([part.places, part.texts, part.weights, part.templates]).encode(),
        "vectors": part.vectors,
        "model": part.model,
    }


def window_part_from(member: bytes, fields: dict[bytes, bytes]) -> WindowPart:
    """One part of a window from its member of the index and its hash."""
    start, partition, opened = map(int, member.split(b":"))
    places, texts, *more = json.loads(fields[b"lines"])
    weights, templates = more or ((), ())  # older versions kept neither
    return WindowPart(
        start=start,
        partition=partition,
        count=int(fields[b"count"]),
        total=fields[b"total"],
        places=tuple(place_from(place) for place in places),
        texts=tuple(texts),
        vectors=fields[b"vectors"],
        opened=opened,
        model=fields.get(b"model", b"").decode(),
        weights=tuple(weights),
        templates=tuple(templates),
    )


def place_from(stored: int | list[int]) -> tuple[int, int]:
    """(offset, index) of a sampled line; older versions kept the offset alone, of messages of one line."""
    return (stored, 0) if isinstance(stored, int) else (stored[0], stored[1])
