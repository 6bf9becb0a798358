"""Random draws that come out the same on every machine and Python version. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Draws built on `Random.random` alone: the one method whose sequence Python promises to keep."""

    __slots__ = ("unit",)

    def __init__(self, seed: int) -> None:
        self.unit = Random(seed).random

    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1."""
        return int(self.unit() * n)

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return low + int(self.unit() * (high - low + 1))

    def tail(self, low: int, high: int) -> int:
        """Return an integer from low to high; small ones are common, large ones rare."""
        u = self.unit()
        return low + int(u * u * u * u * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.unit() < probability

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items, all equally likely."""
        return items[int(self.unit() * len(items))]

    def favour(self, items: Sequence[T]) -> T:
        """Return one of the items, the first ones far more often than the last."""
        u = self.unit()
        return items[int(u * u * len(items))]

    def text(self, alphabet: str, length: int) -> str:
        """Return `length` characters of the alphabet."""
        unit, n = self.unit, len(alphabet)
        return "".join([alphabet[int(unit() * n)] for _ in range(length)])

    def hex(self, digits: int) -> str:
        """Return that many lower-case hexadecimal digits."""
        parts = []
        while digits > 0:
            size = min(digits, 12)  # one draw carries 53 bits, 13 digits would take 52 of them
            parts.append(f"{int(self.unit() * 16**size):0{size}x}")
            digits -= size
        return "".join(parts)

    def uuid(self) -> str:
        """Return a random UUID (version 4)."""
        h = self.hex(30)
        return f"{h[:8]}-{h[8:12]}-4{h[12:15]}-a{h[15:18]}-{h[18:]}"

    def gap(self, rate: float) -> int:
        """Return an exponential inter-arrival time in whole microseconds, for `rate` arrivals per second."""
        return round(-log(1.0 - self.unit()) / rate * 1e6)
