"""Speed of contestants that take turns: every repeat runs each once, in rotated order, so that drift hits all alike."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

WARM_UP = -1
"""The repeat that is not counted."""
LEAST_SECONDS = 0.5
"""A shorter call is made again until so much time has passed."""
PAUSE = 0.05
"""Seconds between contestants: idle threads of the last one spin for a while before they sleep."""


class Work(NamedTuple):
    """What one turn does. least_seconds: 0 for work that must not be done twice, as it fills a cache."""

    call: Callable[[], object]
    lines: int
    tokens: int
    least_seconds: float = LEAST_SECONDS


Contestant = Callable[[int], Work]
"""From the number of the repeat, or ``WARM_UP``, to its work; preparing it is not timed."""


class Rate(NamedTuple):
    """Lines and tokens a second."""

    lines: float
    tokens: float


class Spread(NamedTuple):
    """Median and range over the repeats."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


Rates = dict[str, list[Rate]]
"""Rates of each contestant, one a repeat."""


def timed(work: Work) -> Rate:
    """Does the work, again and again up to its least duration, without garbage collection."""
    gc.collect()
    gc.disable()
    try:
        calls, started = 0, time.perf_counter()
        while not calls or time.perf_counter() - started < work.least_seconds:
            work.call()
            calls += 1
        seconds = time.perf_counter() - started
    finally:
        gc.enable()
    return Rate(work.lines * calls / seconds, work.tokens * calls / seconds)


def measure(what: str, contestants: Mapping[str, Contestant], repeats: int) -> Rates:
    """Warms every contestant up, then times them in turns."""
    progress(f"{what}: warm-up")
    for contestant in contestants.values():
        contestant(WARM_UP).call()
    names = list(contestants)
    rates: Rates = {name: [] for name in names}
    for repeat in range(repeats):
        progress(f"{what}: repeat {repeat + 1} of {repeats}")
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            work = contestants[name](repeat)
            time.sleep(PAUSE)
            rates[name].append(timed(work))
    return rates


def ratio(rates: Rates, one: str, other: str) -> Spread:
    """How many times as many lines a second ``one`` does as ``other``: the ratios of the repeats."""
    return Spread.of([a.lines / b.lines for a, b in zip(rates[one], rates[other], strict=True)])


def progress(message: str) -> None:
    """Says on stderr what is under way."""
    print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)
