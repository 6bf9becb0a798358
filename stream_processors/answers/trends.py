"""What is new, bursting and gone among the patterns of a source: a period against the rest of the day."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.patterns import Pattern

FACTOR = 3
"""So many times as many lines as usual are a burst."""
FEW = 5
"""More than usual by no more than so many lines are none."""
CERTAIN = 5.0
"""A pattern that should have had lines in so many minutes of the period, and had none, is gone. If it came at random
that would be one time in 150."""
LEAST_BEFORE = 10
"""Minutes before the period without which nothing is called a burst, or gone."""


@dataclass(frozen=True, slots=True)
class Trend:
    """One pattern in the period, and before it."""

    pattern: Pattern
    lines: int
    """In the period."""
    usual: float
    """Lines in as long a time before it; 0 where nothing is known of before."""
    peak: int
    """Lines of its busiest minute in the period."""
    peak_at: int
    """That minute, since the epoch."""
    usual_peak: int
    """Lines of its busiest minute before."""


@dataclass(frozen=True, slots=True)
class Trends:
    """The patterns of a source in a period of whole minutes."""

    begin: int
    """First minute of the period, since the epoch."""
    end: int
    """The minute after the last one."""
    before: int
    """Minutes before it of which lines are counted."""
    lines: int
    """Lines in the period."""
    lines_before: int
    new: tuple[Trend, ...]
    """Those that had no line before, the most lines first. None when nothing is known of before."""
    bursting: tuple[Trend, ...]
    """Those with many more lines than usual, in all or in a minute, the largest factor first."""
    gone: tuple[Trend, ...]
    """Those without a line that came often before, what should have had the most lines first."""
    normal: tuple[Trend, ...]
    """All others with lines in the period, the most lines first."""


def trends(patterns: Sequence[Pattern], begin: float, end: float) -> Trends:
    """The patterns in the period from ``begin`` to ``end``, seconds since the epoch, both in it with their minutes."""
    first, after = math.floor(begin / 60), math.floor(end / 60) + 1
    known = min((p.minutes[0][0] for p in patterns if p.minutes), default=first)
    before = max(0, first - known)
    groups: dict[str, list[Trend]] = {"new": [], "bursting": [], "gone": [], "normal": [], "": []}
    for pattern in patterns:
        groups[_group(trend := _trend(pattern, first, after, before), first, after, before)].append(trend)
    return Trends(
        begin=first,
        end=after,
        before=before,
        lines=sum(trend.lines for group in groups.values() for trend in group),
        lines_before=sum(count for p in patterns for minute, count in p.minutes if minute < first),
        new=_by_lines(groups["new"]),
        bursting=tuple(sorted(groups["bursting"], key=lambda t: (-_times(t), t.pattern.id))),
        gone=tuple(sorted(groups["gone"], key=lambda t: (-t.usual, t.pattern.id))),
        normal=_by_lines(groups["normal"]),
    )


def _by_lines(found: Iterable[Trend]) -> tuple[Trend, ...]:
    return tuple(sorted(found, key=lambda trend: (-trend.lines, trend.pattern.id)))


def _times(trend: Trend) -> float:
    """How many times as many lines as usual, in all or in a minute."""
    return max(trend.lines / max(trend.usual, 1), trend.peak / max(trend.usual_peak, 1))


def _trend(pattern: Pattern, first: int, after: int, before: int) -> Trend:
    within = [(count, minute) for minute, count in pattern.minutes if first <= minute < after]
    earlier = [count for minute, count in pattern.minutes if minute < first]
    peak, minute = max(within, default=(0, first))
    return Trend(
        pattern=pattern,
        lines=sum(count for count, _ in within),
        usual=sum(earlier) * (after - first) / before if before else 0.0,
        peak=peak,
        peak_at=minute,
        usual_peak=max(earlier, default=0),
    )


def _group(trend: Trend, first: int, after: int, before: int) -> str:
    """The group that a pattern is in; empty for none."""
    pattern, enough = trend.pattern, before >= LEAST_BEFORE
    if not trend.lines:
        minutes = sum(minute < first for minute, _ in pattern.minutes)
        return "gone" if enough and minutes * (after - first) / before >= CERTAIN else ""
    if before and pattern.first_seen >= first * 60 and not trend.usual_peak:
        return "new"
    in_all = trend.lines > max(FACTOR * trend.usual, trend.usual + FEW + 4 * math.sqrt(trend.usual))
    in_a_minute = trend.peak > max(FACTOR * trend.usual_peak, trend.usual_peak + FEW)
    return "bursting" if enough and (in_all or in_a_minute) else "normal"
