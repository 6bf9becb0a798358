"""Alerts, verdicts and the outbox as words of commands, and back from what the server keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from connectors.alerts import Alert, AlertChange, Feedback, Told, Verdict, Why
from connectors.findings import Anomaly, Reason
from connectors.store import ranked_time

MOST_TEXT = 500
"""Characters that are kept of an alert's first and last line."""


def reasons_json(reasons: Sequence[Reason]) -> str:
    """Reasons as JSON: a list each of kind, score, text and numbers."""
    return json.dumps(
        [[reason.kind, reason.score, reason.text, dict(reason.numbers)] for reason in reasons],
        ensure_ascii=False,
        separators=(",", ":"),
    )


def reasons_from(kept: str | bytes) -> tuple[Reason, ...]:
    """The inverse of ``reasons_json``."""
    return tuple(Reason(*fields) for fields in json.loads(kept or "[]"))


def line_words(line: Anomaly) -> bytes:
    """A flagged line as one word, JSON."""
    fields = {name: getattr(line, name) for name in Anomaly.__slots__} | {
        "reasons": json.loads(reasons_json(line.reasons))
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def line_from(kept: bytes) -> Anomaly:
    """The inverse of ``line_words``; fields of a later version are left out."""
    fields = {name: value for name, value in json.loads(kept).items() if name in Anomaly.__slots__}
    reasons = tuple(Reason(*reason) for reason in fields.pop("reasons", ()))
    return Anomaly(**fields | {"reasons": reasons, "entities": tuple(fields.get("entities", ()))})


def alert_command(change: AlertChange, now: float, numbers: Mapping[int, int]) -> list[Any]:
    """What a step adds to an alert, as a command of ``apply.lua``.

    numbers: of the source's flagged lines of the step, from 1, by their ``id()``: those go as ``#`` and their number.
    """
    first, last = (ranked_time(line.timestamp, now) for line in (change.first, change.last))

    def words(line: Anomaly, most: int) -> str | bytes:
        if len(line.text) <= most and (number := numbers.get(id(line))) is not None:
            return f"#{number}"
        return line_words(replace(line, text=line.text[:most]))

    return [
        "ALERT",
        change.pattern,
        change.count,
        repr(min(first, last)),
        repr(max(first, last)),
        repr(change.best.score),
        " ".join(change.kinds),
        words(change.first, MOST_TEXT) if change.count else "",
        words(change.last, MOST_TEXT),
        words(change.best, len(change.best.text)) if change.count else "",
    ]


def alert_from(pattern: str, fields: Mapping[bytes, bytes]) -> Alert:
    """An alert from the fields of its hash."""
    numbers = ("episode", "count", "total", "revision", "bucket", "burst", "told_burst")
    return Alert(
        pattern=pattern,
        first_seen=float(fields[b"first_seen"]),
        last_seen=float(fields[b"last_seen"]),
        kinds=tuple(fields[b"kinds"].decode().split()),
        first=line_from(fields[b"first"]),
        last=line_from(fields[b"last"]),
        best=line_from(fields[b"best"]),
        why=cast(Why, fields[b"why"].decode()),
        **{name: int(fields[name.encode()]) for name in numbers},
    )


def told_from(member: bytes, fields: Mapping[bytes, bytes]) -> Told:
    """An entry of the outbox."""
    position = int(member.split(b"-")[0])
    return Told(position, int(fields[b"before"]), alert_from(fields[b"pattern"].decode(), fields))


def verdict_words(verdict: Verdict) -> bytes:
    """A verdict as one word, JSON."""
    return json.dumps(asdict(verdict), ensure_ascii=False).encode("utf-8", "replace")


def verdict_from(kept: bytes) -> Verdict:
    """The inverse of ``verdict_words``."""
    fields = {name: value for name, value in json.loads(kept).items() if name in Verdict.__slots__}
    return Verdict(**fields | {"templates": tuple(fields.get("templates", ()))})


def feedback_from(version: bytes | None, kept: Mapping[bytes, bytes]) -> Feedback:
    """All verdicts of a source from its version and the fields of its hash."""
    verdicts = (verdict_from(value) for value in kept.values())
    return Feedback(int(version or 0), {verdict.pattern: verdict for verdict in verdicts})
