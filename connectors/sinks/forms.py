"""An alert as the document that a sink gets: plain JSON, an OCSF detection finding, or an ECS event. Pure mappings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from connectors.alerts import Told
from connectors.findings import Anomaly
from connectors.sinks.settings import Format
from connectors.version import PRODUCT, version

LEVELS = ((6.0, 4, "High"), (4.0, 3, "Medium"), (0.0, 2, "Low"))
"""From which score on an alert has which severity, by OCSF's numbers: the score is -log10 of how rare its lines are."""
MOST_CHARACTERS = 16_000
"""Of a title or message; more of a line is never kept."""


def iso(timestamp: float) -> str:
    """Seconds since the epoch as ISO 8601, UTC, to the millisecond."""
    at = datetime.fromtimestamp(min(max(timestamp, 0.0), 253_402_300_799.0), timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def level(told: Told) -> tuple[int, str]:
    """Severity by OCSF's numbers, and its caption. What a person marked as malicious is high."""
    if "marked" in told.alert.kinds:
        return LEVELS[0][1:]
    return next(found[1:] for found in LEVELS if told.alert.best.score >= found[0] or found[0] == 0)


def title(told: Told) -> str:
    """What the alert is about, in a few words."""
    reasons = told.alert.best.reasons
    said = max(reasons, key=lambda reason: reason.score).text if reasons else "an unusual line"
    return said[:MOST_CHARACTERS]


def reason_fields(line: Anomaly) -> list[dict[str, Any]]:
    """Why a line is unusual, the strongest reason first."""
    return [
        {"kind": reason.kind, "score": reason.score, "text": reason.text, "numbers": dict(reason.numbers)}
        for reason in line.reasons
    ]


def line_fields(line: Anomaly) -> dict[str, Any]:
    """A line and where it is."""
    return {
        "partition": line.partition,
        "offset": line.offset,
        "index": line.index,
        "time": iso(line.timestamp),
        "text": line.text,
    }


def plain(source: str, told: Told) -> dict[str, Any]:
    """An alert as plain JSON."""
    alert, best = told.alert, told.alert.best
    return {
        "id": told.key(source),
        "alert": alert.id,
        "why": alert.why,
        "revision": alert.revision,
        "source": source,
        "pattern": alert.pattern,
        "severity": level(told)[1].lower(),
        "score": best.score,
        "threshold": best.threshold,
        "share": best.share,
        "among": best.among,
        "lines": alert.count,
        "first_seen": iso(alert.first_seen),
        "last_seen": iso(alert.last_seen),
        "kinds": list(alert.kinds),
        "reasons": reason_fields(best),
        "entities": list(alert.entities),
        "line": line_fields(best),
        "first": line_fields(alert.first),
        "last": line_fields(alert.last),
        "model": best.model,
        "product": {"name": PRODUCT, "version": version()},
    }


def form_of(name: Format) -> Callable[[str, Told], dict[str, Any]]:
    """What makes the document of a format, of a source and an entry of its outbox."""
    from connectors.sinks.ecs import ecs
    from connectors.sinks.ocsf import ocsf

    forms: dict[str, Callable[[str, Told], dict[str, Any]]] = {"json": plain, "ocsf": ocsf, "ecs": ecs}
    return forms[name]
