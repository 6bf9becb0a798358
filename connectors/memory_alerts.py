"""The alerts of one source in memory, and what people said of them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from connectors.alerts import Alert, AlertChange, Feedback, Told, Verdict, Why, ended, folded
from connectors.store import ranked_time


class SourceAlerts:
    """What a source's partitions fold into alerts, put together."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self.outbox: list[Told] = []
        self.sent: dict[str, int] = {}
        self.feedback = Feedback()

    def add(self, changes: Iterable[AlertChange], now: float) -> None:
        """Adds what one step says. now: seconds since the epoch."""
        for change in changes:
            times = [ranked_time(line.timestamp, now) for line in (change.first, change.last)]
            old = self.alerts.get(change.pattern)
            why: Why | None = "over"
            if change.count == 0:
                if (alert := ended(old, change, max(times))) is None:
                    continue
            else:
                alert, why = folded(old, change, min(times), max(times))
            self.alerts[change.pattern] = alert
            if why is not None:
                before = self.outbox[-1].position if self.outbox else 0
                self.outbox.append(Told(max(before + 1, math.floor(now * 1_000)), before, alert))

    def read(self, since: float) -> list[Alert]:
        """Alerts with a line since then, the latest first."""
        found = [alert for alert in self.alerts.values() if alert.last_seen >= since]
        return sorted(found, key=lambda alert: (alert.last_seen, alert.pattern), reverse=True)

    def acknowledge(self, sink: str, before: int, position: int) -> bool:
        """Moves a sink's position from ``before``; whether it was there."""
        if self.sent.get(sink, 0) != before:
            return False
        self.sent[sink] = position
        return True

    def mark(self, pattern: str, verdict: Verdict | None) -> None:
        """Notes a verdict, or takes it back."""
        verdicts = {name: one for name, one in self.feedback.verdicts.items() if name != pattern}
        if verdict is not None:
            verdicts[pattern] = verdict
        self.feedback = Feedback(self.feedback.version + 1, verdicts)
