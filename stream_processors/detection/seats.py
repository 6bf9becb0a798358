"""Which sources have a detector of their own: the frequent ones, by counts that fade (Space-Saving, Metwally 2005)."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

RARE = "-rare"
"""Sources without a seat, together. No name begins with a dash."""
LEAST_LINES = 32.0
"""A source that asks for another one's seat has at least as many recent lines."""
TIMES = 2.0
"""And so many times as many as the rarest one that has a seat, so that two of them do not take turns."""
OTHERS = 4
"""Sources counted without a seat, a seat; a further one takes the rarest one's place, and its count as an error."""
GROWTH = 1 + 1 / 10_000
"""A line counts 1/e when the partition has seen this many further lines."""
HEAVIEST = 2.0**64
"""Counts are divided by this power of two when a line counts more: no ratio changes."""


class Seats:
    """At most ``limit`` names have a seat. Who has one follows from the lines alone, in their order."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self._limit = limit
        self._seated: dict[str, float] = {}
        self._others: dict[str, tuple[float, float]] = {}  # count, and how much of it may not be its own
        self._weight = 1.0

    def __contains__(self, name: str) -> bool:
        return name in self._seated

    @property
    def seated(self) -> list[str]:
        """Names that have a seat."""
        return list(self._seated)

    def take(self, name: str) -> tuple[str, str | None]:
        """Counts a line. Where it goes, its own name or RARE, and who lost the seat to it."""
        self._weight *= GROWTH
        if self._weight > HEAVIEST:
            self._lighten()
        if name in self._seated:
            self._seated[name] += self._weight
            return name, None
        if len(self._seated) < self._limit:
            self._seated[name] = self._others.pop(name, (0.0, 0.0))[0] + self._weight
            return name, None
        count, error = self._other(name)
        own = count - error
        if own >= LEAST_LINES * self._weight:
            rarest = min(self._seated, key=self._seated.__getitem__)
            if own > TIMES * self._seated[rarest]:
                del self._others[name]
                self._others[rarest] = self._seated.pop(rarest), 0.0
                self._seated[name] = own
                return name, rarest
        return RARE, None

    def _other(self, name: str) -> tuple[float, float]:
        """Counts a line of a name without a seat."""
        count, error = self._others.get(name, (0.0, 0.0))
        if name not in self._others and len(self._others) >= OTHERS * self._limit:
            rarest = min(self._others, key=lambda other: self._others[other][0])
            count = error = self._others.pop(rarest)[0]
        self._others[name] = count + self._weight, error
        return self._others[name]

    def _lighten(self) -> None:
        self._seated = {name: count / HEAVIEST for name, count in self._seated.items()}
        self._others = {
            name: (count / HEAVIEST, error / HEAVIEST) for name, (count, error) in self._others.items()
        }
        self._weight /= HEAVIEST

    def state(self) -> dict[str, NDArray[np.uint8]]:
        """The counts as JSON bytes, exact."""
        text = json.dumps([self._weight, self._seated, self._others])
        return {"json": np.frombuffer(text.encode(), dtype=np.uint8)}

    def restore(self, state: dict[str, NDArray[np.uint8]]) -> None:
        """Takes up saved counts."""
        self._weight, self._seated, others = json.loads(state["json"].tobytes())
        self._others = {name: (count, error) for name, (count, error) in others.items()}

    def shrink(self) -> list[str]:
        """Takes the seats of those that were seated last when there are more than now may be; answers their names."""
        leaving = self.seated[self._limit :]
        for name in leaving:
            self._others[name] = self._seated.pop(name), 0.0
        return leaving
