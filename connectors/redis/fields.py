"""Records as the fields of hashes and stream entries, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import repeat
from typing import Any

from connectors.findings import Anomaly, Findings, Warmup, WindowPart
from connectors.redis.alerts import line_from, reasons_from


def flatten(fields: Mapping[Any, Any]) -> list[Any]:
    """A hash's fields as the words of a command."""
    return [word for pair in fields.items() for word in pair]


def anomaly_from(fields: dict[bytes, bytes]) -> Anomaly:
    """A flagged line from its hash: one word, or in older versions fields."""
    if b"line" in fields:
        return line_from(fields[b"line"])
    return Anomaly(
        partition=int(fields[b"partition"]),
        offset=int(fields[b"offset"]),
        timestamp=float(fields[b"timestamp"]),
        score=float(fields[b"score"]),
        threshold=float(fields[b"threshold"]),
        text=fields[b"text"].decode(),
        format=fields[b"format"].decode(),
        pattern=fields[b"pattern"].decode(),
        cut=fields.get(b"cut") == b"1",  # this and what follows was not there in the first versions
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
    """A part of a window as fields of its hash, those of lines that the store has left out; its place is in the key."""
    new = range(len(part.places)) if part.new is None else part.new
    weights, templates = part.weights or repeat(0), part.templates or repeat("")
    kept = [[*place, weight, of] for place, weight, of in zip(part.places, weights, templates)]  # noqa: B905
    fields: dict[str, Any] = {
        "count": part.count,
        "total": part.total,
        "kept": json.dumps(kept, separators=(",", ":")),
        "model": part.model,
    }
    size = len(part.vectors) // max(1, len(new))
    for at, text in zip(new, part.texts, strict=True):
        fields[line_field(*part.places[at])] = text.encode("utf-8", "replace")
    for number, at in enumerate(new):
        fields[vector_field(*part.places[at])] = part.vectors[number * size : (number + 1) * size]
    return fields


def line_field(offset: int, index: int) -> str:
    """The field with the text of a window's line."""
    return f"line:{offset}:{index}"


def vector_field(offset: int, index: int) -> str:
    """The field with the vector of a window's line."""
    return f"vector:{offset}:{index}"


def gone_fields(part: WindowPart) -> list[str]:
    """Fields of lines that the part keeps no more."""
    return [field(*place) for place in part.gone for field in (line_field, vector_field)]


def window_part_from(member: bytes, fields: dict[bytes, bytes]) -> WindowPart:
    """One part of a window from its member of the index and its hash."""
    start, partition, opened = map(int, member.split(b":"))
    if b"kept" in fields:
        rows = [row for row in json.loads(fields[b"kept"]) if line_field(row[0], row[1]).encode() in fields]
        places = tuple((row[0], row[1]) for row in rows)
        texts = tuple(fields[line_field(*place).encode()].decode() for place in places)
        vectors = b"".join(fields[vector_field(*place).encode()] for place in places)
        weights, templates = tuple(row[2] for row in rows), tuple(row[3] for row in rows)
    else:  # as older versions kept it, the first of which had neither weights nor templates
        found, known, *more = json.loads(fields[b"lines"])
        places, texts = tuple(map(place_from, found)), tuple(known)
        weights, templates = map(tuple, more or ((), ()))
        vectors = fields[b"vectors"]
    return WindowPart(
        start=start,
        partition=partition,
        count=int(fields[b"count"]),
        total=fields[b"total"],
        places=places,
        texts=texts,
        vectors=vectors,
        opened=opened,
        model=fields.get(b"model", b"").decode(),
        weights=weights,
        templates=templates,
    )


def place_from(stored: int | list[int]) -> tuple[int, int]:
    """(offset, index) of a sampled line; older versions kept the offset alone, of messages of one line."""
    return (stored, 0) if isinstance(stored, int) else (stored[0], stored[1])
