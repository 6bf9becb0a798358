"""Incidents: alerts of one address, user or host, close in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from connectors.alerts import Alert

GAP_SECONDS = 1_800.0
"""Alerts of one entity that lie further apart are two incidents."""
ORDER = ("ip=", "user=", "host=")
"""What alerts are put together by: what tells most apart comes first, so that a busy host does not hide who did it."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts that share an entity, or one that shares none."""

    id: str
    """The id of its first alert."""
    entity: str
    """``ip=192.0.2.7``; empty for an alert that speaks of none."""
    first_seen: float
    last_seen: float
    lines: int
    score: float
    """The highest."""
    kinds: tuple[str, ...]
    alerts: tuple[Alert, ...]
    """By time."""


def incidents(alerts: Iterable[Alert], *, gap: float = GAP_SECONDS) -> list[Incident]:
    """Every alert in one incident, the latest first.

    By what the user's own columns name (``detection.entities``), then by address, user and host: of all groups of two
    alerts or more that share one and have no gap in time the largest is an incident, then the largest of what is left.
    An alert that is in none is an incident of its own.
    """
    left = {(alert.pattern, alert.episode): alert for alert in alerts}
    found = []
    kinds = (entity.partition("=")[0] + "=" for alert in left.values() for entity in alert.entities)
    for kind in (*(kind for kind in dict.fromkeys(kinds) if kind not in ORDER), *ORDER):
        while groups := [group for group in _groups(left.values(), kind, gap) if len(group[1]) > 1]:
            entity, members = max(groups, key=lambda group: (len(group[1]), group[0]))
            found.append(_incident(entity, members))
            for alert in members:
                del left[alert.pattern, alert.episode]
    found += [_incident(next(iter(alert.entities), ""), [alert]) for alert in left.values()]
    return sorted(found, key=lambda incident: (incident.last_seen, incident.id), reverse=True)


def _groups(alerts: Iterable[Alert], kind: str, gap: float) -> Iterator[tuple[str, list[Alert]]]:
    """Alerts that share an entity of a kind, without a gap in time."""
    shared: dict[str, list[Alert]] = {}
    for alert in sorted(alerts, key=lambda alert: (alert.first_seen, alert.pattern)):
        for entity in alert.entities:
            if entity.startswith(kind):
                shared.setdefault(entity, []).append(alert)
    for entity, members in shared.items():
        group, last = [members[0]], members[0].last_seen
        for alert in members[1:]:
            if alert.first_seen > last + gap:
                yield entity, group
                group = []
            group.append(alert)
            last = max(last, alert.last_seen)
        yield entity, group


def _incident(entity: str, alerts: Sequence[Alert]) -> Incident:
    return Incident(
        id=alerts[0].id,
        entity=entity,
        first_seen=min(alert.first_seen for alert in alerts),
        last_seen=max(alert.last_seen for alert in alerts),
        lines=sum(alert.count for alert in alerts),
        score=max(alert.best.score for alert in alerts),
        kinds=tuple(dict.fromkeys(kind for alert in alerts for kind in alert.kinds)),
        alerts=tuple(alerts),
    )
