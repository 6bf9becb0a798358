"""What goes out: the findings of a batch, and totals of a source.

stream_processors makes them, a store keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING

from connectors.patterns import Merge, Pattern, SlotSummary, Template

if TYPE_CHECKING:
    from connectors.alerts import AlertChange

__all__ = [
    "Anomaly",
    "Changes",
    "Findings",
    "Merge",
    "Pace",
    "Pattern",
    "Reason",
    "SlotSummary",
    "SourceStats",
    "Template",
    "Warmup",
    "WindowPart",
    "topic_of",
]


def topic_of(source: str) -> str:
    """The topic of a source: the source itself, or what stands before ``/`` in the name of one inside a topic."""
    return source.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the lines of one partition of a source come."""

    rate: float
    """Lines a second, by their own time."""
    time: float
    """Of the latest line, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One kind of surprise of a line, for people."""

    kind: str
    """Its name: ``new``, ``rare``, ``rate`` ..."""
    score: float
    """How unusual it is among the recent scores of its kind: -log10 of the share of lines that score as high."""
    text: str
    """A sentence, e.g. ``template never seen in 120,000 lines``."""
    numbers: Mapping[str, float | str] = field(default_factory=dict)
    """What stands in the sentence, by name."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A line whose score reached the alert threshold of its time."""

    partition: int
    offset: int
    timestamp: float
    score: float
    threshold: float
    text: str
    """The line as it came, cut to a few kilobytes."""
    format: str
    pattern: str
    cut: bool = False
    """True when the encoder read only the beginning of the line."""
    model: str = ""
    """Identity (name@version#sha) of the model that scored it."""
    index: int = 0
    """Its place among the lines of its message: ``partition:offset:index`` is its identity."""
    reasons: tuple[Reason, ...] = ()
    """Why it is unusual, the strongest reason first."""
    share: float = 1.0
    """Share of the recent lines of its partition that score as high."""
    among: int = 0
    """How many these recent lines are."""
    entities: tuple[str, ...] = ()
    """Who and where: ``ip=192.0.2.7``, ``user=ada``, ``host=web-1``."""


@dataclass(frozen=True, slots=True)
class WindowPart:
    """One partition's share of a tumbling window: its most diverse lines and what merging needs.

    As a change, ``texts`` and ``vectors`` may be of those lines alone that the store does not have yet (``new``).
    """

    start: int
    """Seconds since the epoch."""
    partition: int
    count: int
    total: bytes
    """Sum of the unit vectors of all lines, float32 little-endian: the centre when divided by count."""
    places: tuple[tuple[int, int], ...]
    """(offset, index) of each kept line."""
    texts: tuple[str, ...]
    vectors: bytes
    """Unit vectors of the kept lines, float16 little-endian, ``2 * dim`` bytes each."""
    opened: int = 0
    """Offset of the line that opened it. A window that is opened again later is another part, merged when read."""
    model: str = ""
    """Identity (name@version#sha) of the model that made the vectors."""
    weights: tuple[int, ...] = ()
    """How many of its lines each kept one is nearest to."""
    templates: tuple[str, ...] = ()
    """Id of each kept line's template."""
    new: tuple[int, ...] | None = None
    """As a change: which of ``places`` the texts and vectors are of, in order; None for all of them."""
    gone: tuple[tuple[int, int], ...] = ()
    """As a change: places of lines that were kept until now."""

    def onto(self, old: WindowPart | None) -> WindowPart:
        """The part that a store has after this change of ``old``. Lines of which it knows no text are left out."""
        if self.new is None:
            return self
        size = len(self.vectors) // max(1, len(self.new))
        lines = {
            self.places[at]: (self.texts[n], self.vectors[n * size : (n + 1) * size])
            for n, at in enumerate(self.new)
        }
        if old is not None:
            width = len(old.vectors) // max(1, len(old.places))
            for n, place in enumerate(old.places):
                lines.setdefault(place, (old.texts[n], old.vectors[n * width : (n + 1) * width]))
        kept = [at for at, place in enumerate(self.places) if place in lines]
        return replace(
            self,
            places=tuple(self.places[at] for at in kept),
            texts=tuple(lines[self.places[at]][0] for at in kept),
            vectors=b"".join(lines[self.places[at]][1] for at in kept),
            weights=tuple(self.weights[at] for at in kept if self.weights),
            templates=tuple(self.templates[at] for at in kept if self.templates),
            new=None,
            gone=(),
        )


@dataclass(frozen=True, slots=True)
class Warmup:
    """How far the warm-up of a source is in one partition."""

    lines: int
    """Lines it has seen."""
    of: int
    """Lines that end it."""
    ends: int | None = None
    """When time ends it, seconds since the epoch; None while no clock was seen."""
    least: int = 0
    """Lines without which time does not end it."""


@dataclass(slots=True)
class Findings:
    """What a step changes of one source."""

    source: str
    """A topic, or ``topic/NAME`` for a source inside a topic."""
    _: KW_ONLY
    lines: int = 0
    dead_letters: int = 0
    parse_errors: int = 0
    cut: int = 0
    """Lines of this step that are longer than the encoder reads."""
    warming_up: int = 0
    """Lines of this partition that could not be scored yet."""
    waiting_from: int | None = None
    """Offset of the first of them; None when no line waits."""
    warmup: Warmup | None = None
    """How far its warm-up is in this partition; None when it is over."""
    model: str = ""
    """Identity (name@version#sha) of the model that made them."""
    anomalies: list[Anomaly] = field(default_factory=list)
    returned: list[Anomaly] = field(default_factory=list)
    """What was silent, with the pattern of its alert, and came again: the alert is over."""
    alerts: list[AlertChange] = field(default_factory=list)
    """The anomalies, folded by pattern, and what is over."""
    feedback: int = 0
    """Version of the feedback that the partition knows."""
    templates: list[Template] = field(default_factory=list)
    """One a template that the step has lines of."""
    merges: list[Merge] = field(default_factory=list)
    seen: int | None = None
    """Position in the source's log of decisions up to which the partition knows them; None to be told none."""
    taught: bytes = b""
    """What the step's lines taught, for the other partitions; empty for nothing."""
    heard: str = ""
    """Position in what partitions taught each other up to which this one has it; empty to be told none."""
    days: dict[int, dict[str, int]] = field(default_factory=dict)
    """What is counted of each day (``connectors.days``), by days since the epoch; 0 for lines without a time."""
    windows: list[WindowPart] = field(default_factory=list)
    pace: Pace | None = None
    """How fast its lines come in this partition; None where no budget asks for it."""
    snapshot: bytes | None = None
    forget: bool = False
    """Whether the partition's older snapshot goes: it remembers the source no more."""


@dataclass(slots=True)
class Changes(Findings):
    """Everything one step of one partition changes in the store, applied at once: its topic's findings, and those of
    the sources inside the topic.

    ``expected`` is the applied offset the worker started from (None for a partition never applied), ``end``
    the one after this step.
    """

    partition: int
    expected: int | None
    end: int
    _: KW_ONLY
    expired: int = 0
    """Lines that the topic's retention removed before they were read."""
    topic_id: str | None = None
    """Kafka's id of the topic (KIP-516), where the broker has one: a topic made anew has another."""
    now: float = 0.0
    """The worker's clock, seconds since the epoch; 0 for none, and nothing then ends by time."""
    parts: dict[str, Findings] = field(default_factory=dict)
    """Name to findings of each source inside the topic that the step touches."""

    def part(self, name: str) -> Findings:
        """The findings of a source inside the topic."""
        if name not in self.parts:
            self.parts[name] = Findings(f"{self.source}/{name}")
        return self.parts[name]

    @property
    def all_lines(self) -> int:
        """Lines of the step, of whatever source."""
        return self.lines + sum(part.lines for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class SourceStats:
    """Totals of one source."""

    source: str
    lines: int = 0
    dead_letters: int = 0
    parse_errors: int = 0
    cut: int = 0
    """Lines that were longer than the encoder reads."""
    warming_up: int = 0
    templates: int = 0
    patterns: int = 0
    forgotten_template_lines: int = 0
    """Lines counted under templates that were since forgotten: the counts of templates and this sum to ``lines``."""
    forgotten_source_lines: int = 0
    """Of a topic: lines of sources inside it that were since forgotten."""
    expired: int = 0
    """Lines that the topic's retention removed before they were read."""
    warmups: dict[int, Warmup] = field(default_factory=dict)
    """Partition to how far its warm-up is, where it is not over."""
    group: str = ""
    """Consumer group that feeds the source."""
    model: str = ""
    """Identity of the model of its latest batch."""
    applied: dict[int, int] = field(default_factory=dict)
    """Partition of the topic to the offset after the last applied line."""
    topic: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "topic", topic_of(self.source))
