"""An alert as an event of the Elastic Common Schema 9, ``event.kind: alert``.

Fields: https://www.elastic.co/docs/reference/ecs. What it has no field for is under ``secencoder``.
"""

from __future__ import annotations

from typing import Any

from connectors.alerts import Told
from connectors.sinks.forms import iso, level, plain, title
from connectors.version import PRODUCT, version

VERSION = "9.0.0"
RELATED = {"ip": "ip", "user": "user", "host": "hosts"}
HIGHEST = 10.0
"""The score that counts as a risk of 100."""
OWN = (
    *("alert", "why", "revision", "pattern", "share", "among", "threshold"),
    *("kinds", "reasons", "entities", "first", "last", "model"),
)


def ecs(source: str, told: Told) -> dict[str, Any]:
    """An alert as an ECS event."""
    alert, best = told.alert, told.alert.best
    found = plain(source, told)
    related: dict[str, list[str]] = {}
    for entity in alert.entities:
        kind, _, value = entity.partition("=")
        if kind in RELATED:
            related.setdefault(RELATED[kind], []).append(value)
    event: dict[str, Any] = {
        "@timestamp": iso(best.timestamp or alert.last_seen),
        "ecs": {"version": VERSION},
        "message": title(told),
        "event": {
            "kind": "alert",
            "id": told.key(source),
            "category": ["intrusion_detection"],
            "type": ["end" if alert.why == "over" else "info"],
            "action": f"alert-{alert.why}",
            "module": "secencoder",
            "dataset": "secencoder.alert",
            "provider": PRODUCT,
            "original": best.text,
            "reason": title(told),
            "severity": level(told)[0],
            "risk_score": round(100 * min(max(best.score / HIGHEST, 0.0), 1.0), 1),
            "start": iso(alert.first_seen),
            "end": iso(alert.last_seen),
        },
        "rule": {
            "id": alert.pattern,
            "name": title(told),
            "category": ", ".join(alert.kinds) or "unusual",
            "version": best.model or PRODUCT,
        },
        "observer": {
            "product": PRODUCT,
            "vendor": PRODUCT,
            "version": version(),
            "type": "log analysis",
        },
        "labels": {"source": source},
        "secencoder": {name: found[name] for name in OWN} | {"lines": alert.count, "score": best.score},
    }
    if related:
        event["related"] = related
    if hosts := related.get("hosts"):
        event["host"] = {"name": hosts[0]}
    if users := related.get("user"):
        event["user"] = {"name": users[0]}
    return event
