"""What is counted of a source's lines day by day, to see it drift: sums alone, so partitions and steps add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DAY = 86_400
"""Seconds."""
DAYS_KEPT = 35
"""Days before today of which counts are kept."""
SCORE_BINS = 16
"""Of the histogram of scores."""
SCORE_BIN = 0.5
"""Width of a bin. A score is -log10 of a share, so bins are equally wide in its logarithm; the last one has no end."""

Counts = Mapping[str, int]
"""Name to what is counted under it."""


def lines_of(model: str) -> str:
    """The name of the lines of a day that a model read."""
    return f"lines:{model}"


def scores_in(bin: int) -> str:
    """The name of the scores of a day in a bin."""
    return f"score:{bin}"


@dataclass(frozen=True, slots=True)
class Day:
    """What came in one day (UTC) by the lines' own time."""

    day: int
    """Days since the epoch."""
    models: Mapping[str, int] = field(default_factory=dict)
    """Identity of a model to the lines that it read."""
    words: int = 0
    """Words of the lines' templates, once a line."""
    unknown: int = 0
    """Those of them that the model's tokenizer has to spell."""
    scores: tuple[int, ...] = (0,) * SCORE_BINS
    """Lines by score, in bins of ``SCORE_BIN`` from 0."""
    templates: int = 0
    """Distinct ones."""
    new: int = 0
    """Those that the source had never had."""
    new_lines: int = 0
    """Lines of those."""
    returned: int = 0
    """Lines that the day's templates had the day before."""

    @property
    def lines(self) -> int:
        """Lines that were read by any model."""
        return sum(self.models.values())


def day_from(day: int, counts: Counts) -> Day:
    """A day from what was counted of it, by name."""
    plain = ("words", "unknown", "templates", "new", "new_lines", "returned")
    start = lines_of("")
    return Day(
        day,
        models={name[len(start) :]: count for name, count in counts.items() if name.startswith(start)},
        scores=tuple(counts.get(scores_in(bin), 0) for bin in range(SCORE_BINS)),
        **{name: counts.get(name, 0) for name in plain},
    )


def counted_days(days: Mapping[int, Counts], now: float) -> dict[int, dict[str, int]]:
    """Counts by day as a store keeps them: lines without a time count today, none later, and none that is too old."""
    today = int(now // DAY)
    found: dict[int, dict[str, int]] = {}
    for day, counts in days.items():
        at = min(day, today) if day > 0 else today
        if at >= today - DAYS_KEPT:
            sums = found.setdefault(at, {})
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count
    return found
