"""What goes out: the findings of a batch, and totals of a source.

Imports nothing of ours: stream_processors makes them, a store keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


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


@dataclass(frozen=True, slots=True)
class Pattern:
    """A group of lines with near embeddings. As a change: what one batch adds to the group."""

    id: str
    count: int
    first_seen: float
    last_seen: float
    example: str
    vector: bytes
    """The founding line's unit vector, float16 little-endian, ``2 * dim`` bytes."""
    model: str
    """Identity (name@version#sha) of the model that made the vector; vectors of two models are not comparable."""


@dataclass(frozen=True, slots=True)
class WindowPart:
    """One partition's share of a tumbling window: its most diverse lines and what merging needs."""

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


@dataclass(slots=True)
class Changes:
    """Everything one batch of one partition changes in the store, applied in one atomic step.

    ``expected`` is the applied offset the worker started from (None for a partition never applied), ``end``
    the one after this step.
    """

    source: str
    partition: int
    expected: int | None
    end: int
    lines: int = 0
    dead_letters: int = 0
    parse_errors: int = 0
    cut: int = 0
    """Lines of this batch that are longer than the encoder reads."""
    warming_up: int = 0
    """Lines of this partition that could not be scored yet."""
    waiting_from: int | None = None
    """Offset of the first of them; None when no line waits."""
    expired: int = 0
    """Lines that the topic's retention removed before they were read."""
    topic_id: str | None = None
    """Kafka's id of the topic (KIP-516), where the broker has one: a topic made anew has another."""
    model: str = ""
    """Identity (name@version#sha) of the model that made them."""
    anomalies: list[Anomaly] = field(default_factory=list)
    patterns: list[Pattern] = field(default_factory=list)
    windows: list[WindowPart] = field(default_factory=list)
    snapshot: bytes | None = None


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
    patterns: int = 0
    forgotten_pattern_lines: int = 0
    """Lines counted under patterns that were since forgotten: pattern counts and this sum to ``lines``."""
    expired: int = 0
    """Lines that the topic's retention removed before they were read."""
    group: str = ""
    """Consumer group that feeds the source."""
    model: str = ""
    """Identity of the model of its latest batch."""
    applied: dict[int, int] = field(default_factory=dict)
    """Partition to the offset after the last applied line."""
