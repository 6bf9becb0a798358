"""Whether a source's lines drifted from what they were, and whether a model should be trained on them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.days import Day
from connectors.store import Store
from stream_processors.answers.measures import LEAST_KEPT, Measure, Part, histogram, rate
from stream_processors.answers.seen_days import LEAST_LINES, SeenDays, days_of

FAR = 0.25
"""1 - cosine from which on a template is unlike another one."""
KEPT = 0.8
"""Share of a day's new templates that the store must still have to tell how far they were."""
LINES, TEMPLATES, GONE = "new lines", "new templates", "lines gone"
UNLIKE, WORDS, SCORES = "lines unlike all before", "unknown words", "scores"
FLOORS = {LINES: 0.05, TEMPLATES: 0.1, GONE: 0.1, UNLIKE: 0.03, WORDS: 0.03}
"""What a share must grow by to matter."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What became of a source."""

    source: str
    days: SeenDays
    measures: tuple[Measure, ...] = ()
    """None when there is too little to compare."""
    retrain: bool = False
    because: str = ""


def drift(store: Store, source: str, *, until: float, period: int = 1, reference: int = 7) -> Drift:
    """Compares the last complete days before ``until`` with those before them, as ``days_of`` takes them."""
    days = days_of(store, source, until=until, period=period, reference=reference)
    if not days.enough:
        lines = sum(one.lines for one in days.now)
        return Drift(source, days, because=f"{lines:,} lines, at least {LEAST_LINES} of one model are needed")
    if len(days.before) < LEAST_KEPT:
        few = f"{len(days.before)} days to compare with, at least {LEAST_KEPT} are needed"
        return Drift(source, days, because=few)
    found = measures(days)
    return Drift(source, days, found, *advice(found))


def measures(days: SeenDays) -> tuple[Measure, ...]:
    """All ways to drift."""

    def share(name: str, part_of: Callable[[Day], Part | None]) -> Measure:
        before, now = ([part_of(day) for day in some] for some in (days.before, days.now))
        told = [part for part in now if part is not None]
        if len(told) < len(now):
            return Measure(name)
        return rate(name, [part for part in before if part is not None], told, FLOORS[name])

    return (
        share(LINES, lambda day: (day.new_lines, day.lines)),
        share(TEMPLATES, lambda day: (day.new, day.templates)),
        share(GONE, lambda day: gone(days, day)),
        share(UNLIKE, lambda day: unlike(days, day)),
        share(WORDS, lambda day: (day.unknown, day.words)),
        histogram(SCORES, [day.scores for day in days.before], [day.scores for day in days.now]),
    )


def gone(days: SeenDays, day: Day) -> Part | None:
    """Lines of the day before whose templates did not come again, of all its lines; None without lines then."""
    before = days.known.get(day.day - 1)
    return None if before is None else (max(before.lines - day.returned, 0), before.lines)


def unlike(days: SeenDays, day: Day) -> Part | None:
    """Lines of a day's new templates that are far from all before, of its lines; None where they were forgotten."""
    new = days.new.of(day.day)
    if len(new.lines) < KEPT * day.new:
        return None
    return int(new.lines[new.distances > FAR].sum()), day.lines


def advice(found: Sequence[Measure]) -> tuple[bool, str]:
    """Whether to train again, and why.

    New templates alone are no reason: a model reads lines that it was not trained on. Words that its vocabulary does
    not have are, and so are lines that mean what none did before.
    """
    drifted = {one.name: one for one in found if one.drifted}
    if reasons := [in_words(drifted[name]) for name in (WORDS, UNLIKE) if name in drifted]:
        return True, " and ".join(reasons)
    if drifted:
        return False, f"the model knows the words and the kinds of lines that changed ({', '.join(drifted)})"
    return False, "nothing drifted"


def in_words(measure: Measure) -> str:
    """A share that drifted."""
    return f"{measure.name} are {measure.now:.1%}, usually {measure.usual:.1%}"
