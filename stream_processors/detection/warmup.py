"""When a warm-up ends: by lines or by time, whichever is first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Warmup

LEAST_LINES = 32
"""Time ends no warm-up of fewer lines: too few to tell what is usual."""


class WarmupClock:
    """How far a warm-up is. Times are the worker's clock as it is passed in; 0 stands for none."""

    def __init__(self, lines: int, seconds: float) -> None:
        self.lines, self.seconds, self.least = lines, seconds, min(LEAST_LINES, lines)
        self._seen, self._began = 0, 0.0

    def see(self, lines: int, now: float) -> None:
        """Takes note of lines of the warm-up. A clock that was set back begins anew."""
        self._seen += lines
        if now > 0 and (self._began == 0 or now < self._began):
            self._began = now

    def enough(self) -> bool:
        """Whether it may end by time at all."""
        return self._seen >= self.least

    def over(self, now: float) -> bool:
        """Whether time ends it."""
        return self.enough() and 0 < self._began <= now - self.seconds

    def facts(self) -> Warmup:
        """How far it is, for the answers."""
        ends = int(self._began + self.seconds) if self._began else None
        return Warmup(self._seen, self.lines, ends, self.least)

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Lines and beginning."""
        return {"clock": np.array([self._seen, self._began])}

    def restore(self, state: dict[str, NDArray[np.float64]]) -> None:
        """Takes up a saved one."""
        seen, self._began = map(float, state["clock"])
        self._seen = int(seen)
