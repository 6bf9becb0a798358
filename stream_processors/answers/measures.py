"""Ways for a source to drift, each one number a day, and how far that number goes from day to day by itself.

A number drifted when it is over the mean of a reference's days by more than ``SPREADS`` of their standard deviations,
by more than the noise of so few lines, and by a floor that matters. The day with the largest number is left out: the
drift of one day must not hide that of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

SPREADS = 6.0
LEAST_KEPT = 3
"""Days of a reference of which none is left out."""
MODERATE = 0.1
"""Of a population stability index: what is below is commonly read as no change, what is over 0.25 as a large one."""
SMOOTHED = 0.5
"""Added to each bin, so that an empty one tells no more than its few lines do."""
Part = tuple[int, int]
"""So many of how many."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to drift. Its numbers are None where there is too little to tell."""

    name: str
    now: float | None = None
    """In the period."""
    usual: float | None = None
    """In the reference, its mean."""
    limit: float | None = None
    """Over which it is drift."""
    days: tuple[float, ...] = ()
    """In each day of the reference."""

    @property
    def drifted(self) -> bool:
        """Whether it is over its limit."""
        return self.now is not None and self.limit is not None and self.now > self.limit


def rate(name: str, before: Sequence[Part], now: Sequence[Part], floor: float) -> Measure:
    """A share, which drifts when it grows. before, now: of each day of the reference and of the period."""
    days = [part / whole for part, whole in before if whole]
    wholes = sum(whole for _, whole in now)
    if not wholes or len(days) < LEAST_KEPT:
        return Measure(name)
    usual, spread = middle(days)
    noise = sqrt(max(usual * (1 - usual), 1 / wholes) / wholes)
    limit = usual + max(floor, SPREADS * max(spread, noise))
    return Measure(name, sum(part for part, _ in now) / wholes, usual, limit, tuple(days))


def histogram(
    name: str, before: Sequence[Sequence[int]], now: Sequence[Sequence[int]], floor: float = MODERATE
) -> Measure:
    """A distribution, by its population stability index beside the reference.

    before, now: counts by bin, of each day of the reference and of the period.
    """
    old = np.array([day for day in before if any(day)], dtype=np.float64)
    new = np.array(now, dtype=np.float64).sum(axis=0)
    if not new.any() or len(old) < LEAST_KEPT:
        return Measure(name)
    days = [stability(day, old.sum(axis=0) - day) for day in old]
    usual, spread = middle(days)
    limit = usual + max(floor, SPREADS * max(spread, len(new) / new.sum()))
    return Measure(name, stability(new, old.sum(axis=0)), usual, limit, tuple(days))


def stability(new: NDArray[np.float64], old: NDArray[np.float64]) -> float:
    """The population stability index of two histograms, 0 for equal shares."""
    p, q = ((counts + SMOOTHED) / (counts + SMOOTHED).sum() for counts in (new, old))
    return float(((p - q) * np.log(p / q)).sum())


def middle(days: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation of a day's number, as far as so few days tell, without the largest of more."""
    kept = sorted(days)[: max(LEAST_KEPT, len(days) - 1)]
    return float(np.mean(kept)), float(np.std(kept, ddof=1)) * sqrt(1 + 1 / len(kept))
