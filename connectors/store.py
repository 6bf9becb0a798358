"""The contract of the answers' home: one atomic step in, plain reads out.

``connectors.redis`` keeps it for workers, ``connectors.memory`` for a file scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from connectors.alerts import NO_FEEDBACK, Alert, Feedback, Told, Verdict
from connectors.days import Day
from connectors.decisions import NO_NEWS, Applied, News
from connectors.findings import Anomaly, Changes, Merge, Pattern, SourceStats, Template, WindowPart

TAKEOVER_SECONDS = 600
"""A source whose consumer group gave no sign for so long may be taken by another one."""
MOST_HOURS = 87_600
"""Ten years: no expiry can overflow."""
MOST_ENTRIES = 10_000_000
Order = Literal["score", "time"]
Clock = Callable[[], float]
"""Seconds since the epoch."""


class StoreRefused(RuntimeError):  # noqa: N818
    """The server refuses what the store needs; the message is one line that names it."""


class Fenced(RuntimeError):  # noqa: N818
    """The store's applied offset is not the one this worker started from: another worker went on."""

    def __init__(self, source: str, partition: int, expected: int | None, found: int | None) -> None:
        super().__init__(f"{source}/{partition}: applied offset is {found}, expected {expected}")
        self.found = found


class Occupied(RuntimeError):  # noqa: N818
    """Another consumer group feeds this source in this environment: both would fence each other for ever."""

    def __init__(self, source: str, env: str, group: str, seconds: float) -> None:
        super().__init__(
            f"{source}: consumer group {group!r} feeds it in environment {env!r} and was seen {seconds:.0f} s ago; "
            "give one of the two groups an environment of its own (setting redis.env)"
        )
        self.group, self.seconds = group, seconds


class NewerKeys(StoreRefused):
    """What the store keeps was written by a later version, which this one may misread; the message is one line."""


class RetentionSettings(BaseModel):
    """How much a source may keep in the store."""

    model_config = ConfigDict(extra="forbid")

    anomalies: int = Field(10_000, ge=1, le=MOST_ENTRIES, description="Most recent anomalies kept per source")
    anomaly_hours: float = Field(
        168, gt=0, le=MOST_HOURS, description="Hours until an anomaly's detail expires"
    )
    window_hours: float = Field(24, gt=0, le=MOST_HOURS, description="Hours until a window's sample expires")
    windows: int = Field(
        20_000, ge=1, le=MOST_ENTRIES, description="Window parts kept per source, one a window and partition"
    )
    alerts: int = Field(10_000, ge=1, le=MOST_ENTRIES, description="Alerts kept per source, the latest")
    outbox: int = Field(
        10_000,
        ge=1,
        le=MOST_ENTRIES,
        description="Alerts that wait for a sink, about; older ones are lost to it",
    )
    feedback: int = Field(5_000, ge=1, le=MOST_ENTRIES, description="Patterns of a source that may be marked")
    feed: int = Field(10_000, ge=1, le=MOST_ENTRIES, description="Entries of the live feed, about")
    templates: int = Field(
        4_096, ge=1, le=MOST_ENTRIES, description="Templates kept per source, the most recently used"
    )
    sources: int = Field(
        1_000, ge=1, le=100_000, description="Sources inside a topic that are kept, the most recently used"
    )


@dataclass(frozen=True, slots=True)
class StoredSource:
    """What a partition goes on from in a source inside its topic."""

    snapshot: bytes | None = None
    waiting_from: int | None = None
    windows: tuple[WindowPart, ...] = ()
    """Every part of its latest windows, by start."""
    known: News = NO_NEWS
    """All that was decided about its templates."""
    feedback: Feedback = NO_FEEDBACK


@dataclass(frozen=True, slots=True)
class Stored:
    """What a partition goes on from, as it stands at one moment."""

    applied: int | None = None
    topic_id: str | None = None
    snapshot: bytes | None = None
    waiting_from: int | None = None
    windows: tuple[WindowPart, ...] = ()
    """Every part of its latest windows, by start."""
    sources: Mapping[str, StoredSource] = field(default_factory=dict)
    """Name to what it remembers of a source inside the topic."""
    known: News = NO_NEWS
    """All that was decided about its templates."""
    feedback: Feedback = NO_FEEDBACK

    def without_memory(self) -> Stored:
        """The same without snapshots and windows, for a memory that is to be learned anew."""
        sources = {
            name: StoredSource(None, found.waiting_from, known=found.known, feedback=found.feedback)
            for name, found in self.sources.items()
        }
        return Stored(
            self.applied,
            self.topic_id,
            waiting_from=self.waiting_from,
            known=self.known,
            feedback=self.feedback,
            sources=sources,
        )

    @property
    def first_waiting(self) -> int | None:
        """Offset of the first line that waits to be scored, in whatever source; None when none does."""
        found = [self.waiting_from, *(part.waiting_from for part in self.sources.values())]
        return min((offset for offset in found if offset is not None), default=None)


class Store(Protocol):
    """What the stream writes and the queries read. A ``model`` leaves out what another model left.

    A step is of a topic; so are claims, applied offsets and troubles. Reads are of any source: a topic, or
    ``topic/NAME`` for one inside it.
    """

    def check(self, source: str) -> None:
        """Tries every command that the store uses. Raises StoreRefused with the one that the server refuses."""

    def claim(self, source: str, group: str, now: float) -> str | None:
        """Takes the source for a consumer group, and what is kept of it, also from an earlier version.

        Returns what was set aside of that, in one line and the first time only; None when there is nothing earlier.
        Raises Occupied while another group feeds it, and NewerKeys for what a later version keeps.
        """

    def begin(self, source: str, starts: Mapping[int, int]) -> None:
        """Pins where partitions begin, all or none: nothing happens when one of the source was ever applied."""

    def restart(
        self, source: str, partition: int, *, expected: int | None, start: int, topic_id: str | None
    ) -> None:
        """Begins a partition at ``start`` that was made anew, without its memory. Raises Fenced."""

    def applied(self, source: str) -> dict[int, int]:
        """Partition to the offset after the last applied line."""

    def stored(self, source: str, partition: int, windows: int) -> Stored:
        """What a partition goes on from, with its parts of that many of its latest windows."""

    def apply(self, changes: Changes) -> Applied:
        """One batch of one partition, all or nothing. Returns what was decided about its templates.

        Of two that decide about a template the first one is right. Patterns that merge keep the id of the one whose
        founder was seen earlier, of two at once the smaller.

        Raises Fenced when the expected offset is not there, and StoreRefused when the server refuses a command;
        the same changes can then be tried again.
        """

    def blame(self, source: str, partition: int, reason: str | None) -> None:
        """Notes why a partition can't go on, one line; None when it can."""

    def troubles(self, source: str) -> dict[int, str]:
        """Partition to why it can't go on, as its worker said last."""

    def sources(self) -> list[str]:
        """Every topic that was ever applied, and the sources inside it."""

    def stats(self, source: str) -> SourceStats:
        """Totals of a source."""

    def anomalies(self, source: str, *, order: Order = "score", limit: int = 20) -> list[Anomaly]:
        """Flagged lines, the highest score or the latest first."""

    def alerts(self, source: str, *, since: float = 0.0, skip: int = 0, limit: int = 20) -> list[Alert]:
        """Alerts whose last line is not older than ``since``, the latest first, without the first ``skip``."""

    def alert(self, source: str, pattern: str) -> Alert | None:
        """The alert of a pattern, if there is one."""

    def outbox(self, source: str, *, after: int = 0, limit: int = 100) -> list[Told]:
        """Alerts that were told after a position, in order."""

    def sent(self, source: str) -> dict[str, int]:
        """Sink to the position in the outbox up to which it has everything."""

    def acknowledge(self, source: str, sink: str, before: int, position: int) -> bool:
        """Moves a sink's position; False, and nothing happens, when it is not ``before``."""

    def plant(self, source: str, seed: bytes) -> None:
        """Keeps what was learned for a source's partitions that have no memory yet, in place of an earlier one."""

    def seeds(self, topic: str) -> dict[str, bytes]:
        """What was learned, by the name of the source inside the topic; '' for the topic itself."""

    def feedback(self, source: str) -> Feedback:
        """What people said of patterns."""

    def mark(self, source: str, verdict: Verdict) -> bool:
        """Notes a verdict; False when there are as many as ``retention.feedback`` allows."""

    def unmark(self, source: str, pattern: str) -> bool:
        """Takes a pattern's verdict back; False when it has none."""

    def templates(self, source: str, *, limit: int | None = None) -> list[Template]:
        """Templates with the patterns that they are part of today, the most lines first."""

    def merges(self, source: str) -> list[Merge]:
        """How patterns merged, latest first."""

    def days(self, source: str, last: int) -> list[Day]:
        """What was counted of each day, as far as it is kept, up to the day ``last`` since the epoch; in order."""

    def patterns(self, source: str, *, limit: int | None = None) -> list[Pattern]:
        """The patterns that templates form, the most lines first."""

    def windows(
        self, source: str, partition: int | None = None, *, model: str | None = None, limit: int | None = None
    ) -> list[int]:
        """Starts of windows with lines, latest first; only those that a partition has a part in, when given."""

    def window(self, source: str, start: int, *, model: str | None = None) -> list[WindowPart]:
        """Every part of a window, by partition and the offset that opened it."""


def ranked_time(timestamp: float, now: float) -> float:
    """When a line counts as seen: now for a line without a time, and never later than now."""
    return min(timestamp, now) if timestamp > 0 else now


def counted_minutes(minutes: Iterable[tuple[int, int]], now: float) -> dict[int, int]:
    """Minutes since the epoch to lines: now's minute for lines without a time, and none later than now."""
    found: dict[int, int] = {}
    for minute, count in minutes:
        minute = int(ranked_time(minute * 60, now) // 60)
        found[minute] = found.get(minute, 0) + count
    return found


def is_living(part: WindowPart, model: str | None) -> bool:
    """Whether a part has lines and is of the model that is asked for."""
    return part.count > 0 and model in (None, part.model)
