"""Flagged lines, folded by pattern before they go to the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.alerts import BURST_SECONDS, AlertChange
from connectors.findings import Anomaly, Changes, Findings


def fold(changes: Changes) -> None:
    """Folds what a step flagged: of the topic itself and of each source inside it."""
    findings: Findings
    for findings in (changes, *changes.parts.values()):
        findings.alerts = folded_lines(findings.anomalies)


def folded_lines(anomalies: Iterable[Anomaly]) -> list[AlertChange]:
    """One change for each pattern and stretch of ``BURST_SECONDS``, the earliest first."""
    groups: dict[tuple[str, int], list[Anomaly]] = {}
    for anomaly in anomalies:
        place = anomaly.pattern, int(anomaly.timestamp // BURST_SECONDS)
        groups.setdefault(place, []).append(anomaly)
    changes = [_change(pattern, lines) for (pattern, _), lines in groups.items()]
    return sorted(changes, key=lambda change: change.first.timestamp)


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
