"""Flagged lines, folded by pattern before they go to the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.alerts import BURST_SECONDS, Alert, AlertChange, folded
from connectors.findings import Anomaly, Changes, Findings


def fold(changes: Changes) -> None:
    """Folds what a step flagged: of the topic itself and of each source inside it."""
    findings: Findings
    for findings in (changes, *changes.parts.values()):
        over = [AlertChange(one.pattern, 0, (), one, one, one) for one in findings.returned]
        found = [*folded_lines(findings.anomalies), *over]
        findings.alerts = sorted(found, key=lambda change: change.first.timestamp)


def folded_lines(anomalies: Iterable[Anomaly]) -> list[AlertChange]:
    """One change for each pattern and stretch of ``BURST_SECONDS``, the earliest first."""
    groups: dict[tuple[str, int], list[Anomaly]] = {}
    for anomaly in anomalies:
        place = anomaly.pattern, int(anomaly.timestamp // BURST_SECONDS)
        groups.setdefault(place, []).append(anomaly)
    changes = [_change(pattern, lines) for (pattern, _), lines in groups.items()]
    return sorted(changes, key=lambda change: change.first.timestamp)


def whole(anomalies: Iterable[Anomaly]) -> list[Alert]:
    """One alert a pattern, of all lines that there are, the most unusual first: for an input that has ended."""
    groups: dict[str, list[Anomaly]] = {}
    for anomaly in anomalies:
        groups.setdefault(anomaly.pattern, []).append(anomaly)
    changes = [_change(pattern, lines) for pattern, lines in groups.items()]
    alerts = [folded(None, change, change.first.timestamp, change.last.timestamp)[0] for change in changes]
    return sorted(alerts, key=lambda alert: alert.best.score, reverse=True)


def _change(pattern: str, lines: Sequence[Anomaly]) -> AlertChange:
    in_order = sorted(lines, key=lambda line: line.timestamp)
    strongest = (max(line.reasons, key=lambda reason: reason.score).kind for line in lines if line.reasons)
    return AlertChange(
        pattern=pattern,
        count=len(lines),
        kinds=tuple(dict.fromkeys(strongest)),
        first=in_order[0],
        last=in_order[-1],
        best=max(lines, key=lambda line: line.score),
    )
