"""Alerts and incidents as tables for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from connectors.alerts import Alert, Verdict
from stream_processors.alerts.explaining import Explanation, sentences
from stream_processors.alerts.incidents import Incident
from stream_processors.cli.report import as_dict, clock, console, printable, show_table

Explanations = Mapping[str, Explanation]
"""By the alert's id."""


def alert_json(alert: Alert, verdict: Verdict | None, explanation: Explanation | None) -> dict[str, Any]:
    """An alert under the names of its JSON output."""
    found = {"id": alert.id, **as_dict(alert), "entities": alert.entities}
    found["verdict"] = verdict.mark if verdict else None
    if explanation is not None:
        rest = {
            name: value for name, value in as_dict(explanation).items() if name not in ("alert", "verdict")
        }
        found["explanation"] = rest | {"sentences": sentences(explanation)}
    return found


def show_alerts(
    alerts: Sequence[Alert], verdicts: Mapping[str, Verdict], explanations: Explanations, *, of: int = 0
) -> None:
    """Alerts as they come; with their explanations one below the other. of: how many there are in all, if known."""
    if explanations:
        for alert in alerts:
            show_explained(explanations[alert.id])
        return
    rows = [
        (
            *(
                alert.id,
                f"{alert.best.score:.1f}",
                f"{alert.count:,}",
                ", ".join(alert.kinds) + " (over)" * (alert.why == "over"),
            ),
            *(clock(alert.first_seen), clock(alert.last_seen)),
            *(verdicts[alert.pattern].mark if alert.pattern in verdicts else "", alert.best.text),
        )
        for alert in alerts
    ]
    columns = ["alert", "score", "lines", "kinds", "first (UTC)", "last (UTC)", "marked", "most unusual line"]
    show_table(f"Alerts ({len(rows)} of {of:,})" if of > len(rows) else "Alerts", columns, rows)


def show_explained(explanation: Explanation) -> None:
    """One alert and why there is one."""
    alert = explanation.alert
    lines = f"{alert.count:,} line{'s' * (alert.count != 1)}"
    when = f"{clock(alert.first_seen)} to {clock(alert.last_seen)} UTC"
    console.print(f"[bold]{alert.id}[/bold]  score {alert.best.score:.1f}, {lines}, {when}", soft_wrap=True)
    console.print("  " + escape(printable(explanation.line)), soft_wrap=True)
    for sentence in sentences(explanation):
        console.print("  - " + escape(printable(sentence)), soft_wrap=True)
    if alert.entities:
        console.print("  - " + escape(printable(", ".join(alert.entities))), soft_wrap=True)
    console.print()


def incident_json(incident: Incident, verdicts: Mapping[str, Verdict], explanations: Explanations) -> Any:
    """An incident under the names of its JSON output."""
    alerts = [
        alert_json(alert, verdicts.get(alert.pattern), explanations.get(alert.id))
        for alert in incident.alerts
    ]
    return as_dict(incident) | {"alerts": alerts}


def show_incidents(incidents: Sequence[Incident], explanations: Explanations) -> None:
    """Incidents, the latest first; with explanations each one's alerts below it."""
    rows = [
        (
            *(i.id, i.entity, f"{i.score:.1f}", len(i.alerts), f"{i.lines:,}", ", ".join(i.kinds)),
            *(clock(i.first_seen), clock(i.last_seen)),
            max(i.alerts, key=lambda alert: alert.best.score).best.text,
        )
        for i in incidents
    ]
    columns = ["incident", "who or where", "score", "alerts", "lines", "kinds", "first (UTC)", "last (UTC)"]
    show_table("Incidents", [*columns, "most unusual line"], rows)
    if explanations:
        for incident in incidents:
            console.print(f"[bold]Incident {incident.id}[/bold] {escape(printable(incident.entity))}\n")
            for alert in incident.alerts:
                show_explained(explanations[alert.id])
