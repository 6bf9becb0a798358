"""What a store answers to a step: what was decided about templates and patterns, and what other partitions learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from connectors.alerts import Feedback
from connectors.findings import Pace
from connectors.patterns import Merge

MOST_NEWS = 500
"""Decisions that a step is told at most."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A template that the store knows, and what was decided about it."""

    id: str
    text: str
    pattern: str
    """What its pattern is today: merges are followed."""
    first_seen: float
    vector: bytes
    model: str


@dataclass(frozen=True, slots=True)
class News:
    """Decisions of a source, in the order in which the store took them."""

    templates: tuple[Decided, ...] = ()
    merges: tuple[Merge, ...] = ()
    """What a worker thought of these patterns is to be replaced by what is here: no two ways round are kept."""
    seen: int = 0
    """The position after them, for ``Findings.seen``; 0 for a source without any."""


NO_NEWS = News()
BEGINNING = "0"
"""The position before all lessons."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What lines of a source taught those of its partitions that applied them."""

    taught: tuple[bytes, ...] = ()
    """One a step (``Findings.taught``), in the order in which the store took them; of other partitions alone, but for
    one that asks from the beginning: it remembers nothing of its own."""
    heard: str = BEGINNING
    """The position after them, for ``Findings.heard``."""


NO_LESSONS = Lessons()


@dataclass(frozen=True, slots=True)
class SourceApplied:
    """What the store decided of a source in a step."""

    patterns: Mapping[str, str] = field(default_factory=dict)
    """Template id to pattern id, of templates of the step whose pattern is not the one that the step named."""
    missing: tuple[str, ...] = ()
    """Ids of templates of which the store has no text: they came without, and are to be sent whole next time."""
    news: News | None = None
    """What others decided since ``Findings.seen``, bounded: the next step has more. None when it was not asked for."""
    lessons: Lessons | None = None
    """What others learned since ``Findings.heard``, bounded likewise. None when it was not asked for."""
    others: tuple[Pace, ...] = ()
    """How fast lines come in the source's other partitions."""
    feedback: Feedback | None = None
    """What people said of patterns; None when that is what the step knew."""


@dataclass(frozen=True, slots=True)
class Applied(SourceApplied):
    """What the store decided in a step: of its topic, and of sources inside it."""

    parts: Mapping[str, SourceApplied] = field(default_factory=dict)


def with_parts(own: SourceApplied, parts: Mapping[str, SourceApplied]) -> Applied:
    """What was decided of a topic, with that of the sources inside it."""
    return Applied(**{one.name: getattr(own, one.name) for one in fields(own)}, parts=parts)
