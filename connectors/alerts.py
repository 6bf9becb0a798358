"""Alerts: flagged lines of one pattern, folded into one, and what people said of them.

A store keeps them; ``connectors.redis`` folds in ``alerts.lua`` as ``folded`` does here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from connectors.findings import Anomaly

QUIET_SECONDS = 86_400
"""An alert without a line for so long is over: the next line opens it again."""
BURST_SECONDS = 600
"""Lines of an alert are counted by so long a time."""
BURST_FACTOR = 10
"""So many times as many lines in such a time as when it was told last, and an alert is told again."""

Why = Literal["new", "again", "kind", "rate", "over"]
"""Why an alert is told: its pattern has none, or has been quiet; it is unusual in another way; it comes faster; it is
over."""
Mark = Literal["benign", "malicious"]


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What a step adds to the alert of a pattern, of one ``BURST_SECONDS`` of time."""

    pattern: str
    count: int
    """Its lines; with 0 the alert is over."""
    kinds: tuple[str, ...]
    """In what ways its lines are unusual: the strongest of each."""
    first: Anomaly
    last: Anomaly
    best: Anomaly
    """The one with the highest score."""


@dataclass(frozen=True, slots=True)
class Alert:
    """The flagged lines of one pattern since it was quiet."""

    pattern: str
    episode: int
    """How often it was opened, from 1."""
    count: int
    total: int
    """Lines of all its episodes."""
    first_seen: float
    last_seen: float
    kinds: tuple[str, ...]
    first: Anomaly
    last: Anomaly
    best: Anomaly
    why: Why = "new"
    """Why it was told last."""
    revision: int = 1
    """How often it was told."""
    bucket: int = 0
    """The latest ``BURST_SECONDS`` with lines, by number since the epoch."""
    burst: int = 0
    """Lines in it."""
    told_burst: int = 0
    """The same when it was told last."""

    @property
    def id(self) -> str:
        """The pattern and the number of its episode."""
        return f"{self.pattern}.{self.episode}"

    @property
    def entities(self) -> tuple[str, ...]:
        """``ip=...``, ``user=...``, ``host=...`` of its first, last and most unusual line."""
        lines = (self.best, self.first, self.last)
        return tuple(dict.fromkeys(entity for line in lines for entity in line.entities))


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as it was when it was told: an entry of the outbox."""

    position: int
    """Its place in the source's outbox; they go up."""
    before: int
    """The position of the one told before it; 0 for the first."""
    alert: Alert

    def key(self, source: str) -> str:
        """The same for the same entry, however often it is sent: for deduplication."""
        return f"{source}@{self.position}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said of a pattern: its lines are never flagged, or always."""

    pattern: str
    mark: Mark
    at: float
    """When, seconds since the epoch."""
    until: float | None = None
    """When it ends; None for never."""
    templates: tuple[str, ...] = ()
    """The pattern's templates then: it holds for them also when the pattern is part of another one."""
    note: str = ""

    def holds(self, now: float) -> bool:
        """Whether it has not ended. now: seconds since the epoch, 0 for no clock."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Feedback:
    """All verdicts of a source."""

    version: int = 0
    """Goes up with each that is given or taken back."""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """By pattern."""


NO_FEEDBACK = Feedback()


def folded(old: Alert | None, change: AlertChange, first: float, last: float) -> tuple[Alert, Why | None]:
    """An alert with a change added, and why it is to be told again; None when it is not.

    first, last: when the change's first and last line count as seen.
    """
    bucket = int(last // BURST_SECONDS)
    if old is None or old.why == "over" or first - old.last_seen > QUIET_SECONDS:
        opened = Alert(
            pattern=change.pattern,
            episode=1 if old is None else old.episode + 1,
            count=change.count,
            total=change.count + (0 if old is None else old.total),
            first_seen=first,
            last_seen=last,
            kinds=change.kinds,
            first=change.first,
            last=change.last,
            best=change.best,
            why="new" if old is None else "again",
            revision=1 if old is None else old.revision + 1,
            bucket=bucket,
            burst=change.count,
            told_burst=change.count,
        )
        return opened, opened.why
    burst = old.burst
    if bucket >= old.bucket:
        burst = change.count + (old.burst if bucket == old.bucket else 0)
    more = tuple(kind for kind in change.kinds if kind not in old.kinds)
    why: Why | None = "kind" if more else "rate" if burst >= BURST_FACTOR * old.told_burst else None
    alert = replace(
        old,
        count=old.count + change.count,
        total=old.total + change.count,
        first_seen=min(old.first_seen, first),
        last_seen=max(old.last_seen, last),
        kinds=old.kinds + more,
        first=change.first if first < old.first_seen else old.first,
        last=change.last if last >= old.last_seen else old.last,
        best=change.best if change.best.score > old.best.score else old.best,
        bucket=max(bucket, old.bucket),
        burst=burst,
    )
    if why is not None:
        told_burst = max(burst, old.told_burst)
        alert = replace(alert, why=why, revision=old.revision + 1, told_burst=told_burst)
    return alert, why


def ended(old: Alert | None, change: AlertChange, last: float) -> Alert | None:
    """An alert that is over, to be told; None when there is none, or when it was over before."""
    if old is None or old.why == "over":
        return None
    last_seen = max(old.last_seen, last)
    return replace(old, why="over", revision=old.revision + 1, last=change.last, last_seen=last_seen)
