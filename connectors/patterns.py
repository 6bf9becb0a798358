"""What kinds of lines there are: templates, the patterns that they form, and how patterns merged.

Imports nothing of ours. A pattern keeps nothing of its own: it is the sum of the templates that point to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

EXAMPLES = 3
"""Values that are kept of a slot."""
HOURS = 24
"""Hours of which lines are counted by minute."""


@dataclass(frozen=True, slots=True)
class SlotSummary:
    """What was found in one slot of a template."""

    slot: str
    """Name of the column, or the place among the placeholders."""
    type: str
    examples: tuple[str, ...] = ()
    """The first few distinct values."""
    least: float | None = None
    """Of the values that are numbers; None when there was none."""
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """Lines that differ in their parameters alone. As a change: what one step adds to it.

    In a change of a template that the store knows, ``text``, ``pattern``, ``example``, ``vector`` and ``model`` may be
    empty: they are the founder's and stay. ``parameters`` then has the slots where something was added, if any.
    """

    id: str
    """64-bit hash of the text, 16 hexadecimal digits."""
    text: str
    pattern: str
    """Id of its pattern; as a change, what the worker would decide."""
    count: int
    first_seen: float
    last_seen: float
    example: str = ""
    vector: bytes = b""
    """Unit vector of the text, float16 little-endian, ``2 * dim`` bytes."""
    model: str = ""
    """Identity (name@version#sha) of the model that made the vector; vectors of two models are not comparable."""
    minutes: tuple[tuple[int, int], ...] = ()
    """(minutes since the epoch, lines), of a day. As a change: of the step; 0 for lines without a time."""
    parameters: tuple[SlotSummary, ...] = ()
    born: tuple[int, int] = field(default=(0, 0), compare=False)
    """The day on which it was new, since the epoch, and its lines of that day; (0, 0) where that is not known. A change
    has none: the store counts it."""


@dataclass(frozen=True, slots=True)
class Merge:
    """One pattern became part of another."""

    pattern: str
    into: str
    time: float
    """Seconds since the epoch."""
    reason: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """Templates that say the same, as they are read."""

    id: str
    """Id of the template that founded it."""
    count: int
    first_seen: float
    last_seen: float
    example: str
    vector: bytes
    """Of its founder, or else of its template with most lines: float16 little-endian, ``2 * dim`` bytes."""
    model: str
    template: str = ""
    """What its templates have in common, for people."""
    templates: int = 0
    """How many there are."""
    members: tuple[str, ...] = ()
    """Their ids, the most lines first."""
    minutes: tuple[tuple[int, int], ...] = ()
    """(minutes since the epoch, lines), of a day."""
    parameters: tuple[SlotSummary, ...] = ()


def of_a_day(templates: Iterable[Template]) -> list[Template]:
    """Templates with the minutes of the day that ends with the latest hour of all of them, the most lines first."""
    found = sorted(templates, key=lambda template: (-template.count, template.id))
    latest = max((minute for template in found for minute, _ in template.minutes), default=0)
    first = (latest // 60 - HOURS + 1) * 60
    return [
        replace(template, minutes=tuple(pair for pair in template.minutes if pair[0] >= first))
        for template in found
    ]


def patterns_of(templates: Iterable[Template]) -> list[Pattern]:
    """The patterns that templates form, the most lines first."""
    groups: dict[str, list[Template]] = {}
    for template in templates:
        groups.setdefault(template.pattern, []).append(template)
    found = [_pattern(name, members) for name, members in groups.items()]
    return sorted(found, key=lambda pattern: (-pattern.count, pattern.id))


def _pattern(name: str, members: Sequence[Template]) -> Pattern:
    members = sorted(members, key=lambda template: (template.id != name, -template.count, template.id))
    first = members[0]
    minutes: dict[int, int] = {}
    parameters: dict[tuple[str, str], SlotSummary] = {}
    for member in members:
        for minute, count in member.minutes:
            minutes[minute] = minutes.get(minute, 0) + count
        for summary in member.parameters:
            place = summary.slot, summary.type
            parameters[place] = together(parameters[place], summary) if place in parameters else summary
    return Pattern(
        id=name,
        count=sum(member.count for member in members),
        first_seen=min(member.first_seen for member in members),
        last_seen=max(member.last_seen for member in members),
        example=first.example,
        vector=first.vector,
        model=first.model,
        template=first.text,
        templates=len(members),
        members=tuple(m.id for m in sorted(members, key=lambda m: (-m.count, m.id))),
        minutes=tuple(sorted(minutes.items())),
        parameters=tuple(parameters.values()),
    )


def together(one: SlotSummary, other: SlotSummary) -> SlotSummary:
    """What two summaries of a slot say: the first few examples, the widest range."""
    least = [value for value in (one.least, other.least) if value is not None]
    most = [value for value in (one.most, other.most) if value is not None]
    return replace(
        one,
        examples=tuple(dict.fromkeys((*one.examples, *other.examples)))[:EXAMPLES],
        least=min(least, default=None),
        most=max(most, default=None),
    )
