"""What is counted of each day, of one source in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.days import DAYS_KEPT, Counts, Day, counted_days, day_from
from connectors.patterns import Template
from connectors.store import counted_minutes

MINUTES = 1_440
"""Of a day."""


@dataclass(slots=True)
class _Followed:
    """What is kept of a template."""

    born: int
    """The day on which it was new."""
    first: int = 0
    """Its lines of that day."""
    latest: int = 0
    """Its latest day with lines."""
    count: int = 0
    """Its lines of that day."""
    before: int = 0
    """Those of the day before."""


class SourceDays:
    """Counts by day of one source, as ``days.lua`` keeps them."""

    def __init__(self) -> None:
        self._days: dict[int, dict[str, int]] = {}
        self._templates: dict[str, _Followed] = {}

    def apply(self, days: Mapping[int, Counts], templates: Sequence[Template], now: float) -> None:
        """Adds what a step counts, and what its templates say of turnover. now: seconds since the epoch."""
        for day, counts in counted_days(days, now).items():
            for name, count in counts.items():
                self._add(day, name, count)
        for template in templates:
            lines: dict[int, int] = {}
            for minute, count in counted_minutes(template.minutes, now).items():
                lines[minute // MINUTES] = lines.get(minute // MINUTES, 0) + count
            if lines:
                self._follow(template.id, lines)

    def read(self, last: int) -> list[Day]:
        """The days up to ``last``."""
        kept = sorted(day for day in self._days if last - DAYS_KEPT <= day <= last)
        return [day_from(day, self._days[day]) for day in kept]

    def born(self, name: str) -> tuple[int, int]:
        """The day on which a template was new, and its lines of that day; (0, 0) where that is not known."""
        kept = self._templates.get(name)
        return (kept.born, kept.first) if kept else (0, 0)

    def _add(self, day: int, name: str, count: int) -> None:
        counts = self._days.setdefault(day, {})
        counts[name] = counts.get(name, 0) + count

    def _follow(self, name: str, lines: Mapping[int, int]) -> None:
        kept = self._templates.get(name)
        if kept is None:
            kept = self._templates[name] = _Followed(min(lines))
            self._add(kept.born, "new", 1)
        for day, count in sorted(lines.items()):
            if day == kept.born:
                kept.first += count
                self._add(day, "new_lines", count)
            if day > kept.latest:
                kept.before = kept.count if day == kept.latest + 1 else 0
                kept.latest, kept.count = day, count
                self._add(day, "templates", 1)
                self._add(day, "returned", kept.before)
            elif day == kept.latest:
                kept.count += count
            elif day == kept.latest - 1:  # of a partition that is behind the others
                if not kept.before:
                    self._add(day, "templates", 1)
                kept.before += count
                self._add(kept.latest, "returned", count)
