"""Two stretches of a source's days to be compared: a period, and the reference before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from connectors.days import DAY, Day
from connectors.store import Store
from stream_processors.answers.distances import Newcomers, newcomers

LEAST_LINES = 100
"""Lines of a day that says something."""
OF_ONE_MODEL = 0.99
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class SeenDays:
    """What came in them."""

    first: int
    """The period's first day, since the epoch."""
    last: int
    model: str
    """Identity of the model that read most of the period's lines; '' when it has none."""
    now: Sequence[Day]
    """The period's days that have lines."""
    before: Sequence[Day]
    """The reference's that can be compared with."""
    known: Mapping[int, Day]
    """All days that are kept, up to the last."""
    new: Newcomers

    @property
    def enough(self) -> bool:
        """Whether the period has lines enough of one model."""
        return says_something(self.now, self.model)


def days_of(store: Store, source: str, *, until: float, period: int, reference: int) -> SeenDays:
    """The last complete days (UTC) before ``until``, seconds since the epoch, and those before them.

    period, reference: how many days each has. A day without enough lines of the period's model is left out of the
    reference, and so is one after a day without any, a source's first above all: everything in it is new.
    """
    last = int(until // DAY) - 1
    first = last - period + 1
    known = {one.day: one for one in store.days(source, last)}
    now = [one for day, one in known.items() if day >= first]
    models = {name for one in now for name in one.models}
    model = max(models, key=lambda name: (sum(one.models.get(name, 0) for one in now), name), default="")
    before = [
        one
        for day, one in known.items()
        if first - reference <= day < first and day - 1 in known and says_something([one], model)
    ]
    return SeenDays(first, last, model, now, before, known, newcomers(store.templates(source), model))


def says_something(days: Sequence[Day], model: str) -> bool:
    """Whether days have lines enough, nearly all of one model."""
    lines = sum(one.lines for one in days)
    return lines >= LEAST_LINES and sum(one.models.get(model, 0) for one in days) >= OF_ONE_MODEL * lines


def on(day: int) -> date:
    """The date of a day since the epoch."""
    return EPOCH + timedelta(days=day)
