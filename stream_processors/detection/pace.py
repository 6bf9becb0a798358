"""What a budget allows a partition of a source from line to line."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Pace
from stream_processors.detection.budget import Budget

TAU = 1_800.0
"""Seconds over which lines an hour are averaged."""
LEAST_SECONDS = 60.0
"""A rate of lines is of so long a time at least."""
GAIN = 2.0
"""Flagged lines over the budget that lower the share to 1/e, and lines under it that raise it as much."""
DEBT, CREDIT = 12.0, 3.0
"""How many times ``GAIN`` the balance may be below and above the budget."""
WITHOUT_TIME = 0.005
"""The share where a budget is for a time and no line has one."""


class Pacer:
    """The share of lines to flag now: that of the budget, less after too many were flagged, more after too few.

    A quantile of the past alone lags behind scores that drift; the balance of what was allowed and what was flagged
    brings the stream back to its budget. A budget for a time becomes a share through the lines an hour of all
    partitions of the source: each partition tells its own and is told the others' (``others``), so that it may flag its
    part of the budget, which is its part of the lines.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.others: tuple[Pace, ...] = ()
        self._weight, self._began, self._last, self._balance = 0.0, 0.0, 0.0, 0.0
        self._gain = GAIN

    def see(self, times: NDArray[np.float64]) -> float:
        """Takes note of lines, times (n,) in seconds since the epoch; returns how many of them the budget allows."""
        if len(times) == 0:
            return 0.0
        before, latest = self._last, float(times.max())
        if self._began == 0 and latest > 0:
            timed = times[times > 0]
            self._began = self._last = before = float(timed[0])
        gap = max(latest - self._last, 0.0)
        self._last += gap
        self._weight = self._weight * math.exp(-gap / TAU) + len(times)
        if self.budget.per_second is None or self._began == 0:
            return self.share() * len(times)
        return self.budget.per_second * min(self._last - before, TAU) * self.part()

    def lines_a_second(self) -> float:
        """Of this partition, by its lines' own time; 0 before a line had one."""
        if self._began == 0:
            return 0.0
        age = max(self._last - self._began, LEAST_SECONDS)
        return self._weight / (TAU * -math.expm1(-age / TAU))

    def part(self) -> float:
        """The partition's part of the source's lines."""
        own = self.lines_a_second()
        others = sum(pace.rate * math.exp(-max(self._last - pace.time, 0.0) / TAU) for pace in self.others)
        return own / (own + others) if own > 0 else 1.0

    def share(self) -> float:
        """The share of its lines that a partition may flag by the budget."""
        if self.budget.share is not None:
            return self.budget.share
        assert self.budget.per_second is not None
        own = self.lines_a_second()
        if own == 0:
            return WITHOUT_TIME
        return min(self.budget.per_second * self.part() / own, 1.0)

    def spend(self, allowed: float, flagged: int) -> None:
        """Takes note of what the budget allowed and of how many lines were flagged."""
        self._gain = max(GAIN, GAIN * allowed)
        balance = self._balance + allowed - flagged
        self._balance = min(max(balance, -DEBT * self._gain), CREDIT * self._gain)

    def share_now(self) -> float:
        """The share to flag now."""
        return min(self.share() * math.exp(self._balance / self._gain), 1.0)

    def pace(self) -> Pace | None:
        """What the source's other partitions need to know; None when the budget is a share."""
        if self.budget.per_second is None or self._began == 0:
            return None
        return Pace(self.lines_a_second(), self._last)

    def state(self) -> dict[str, NDArray]:
        """Rate of lines and balance."""
        return {"pace": np.array([self._weight, self._began, self._last, self._balance])}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved state."""
        self._weight, self._began, self._last, self._balance = map(float, state["pace"])
