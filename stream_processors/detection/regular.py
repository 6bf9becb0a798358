"""Templates whose lines come at regular times, and when they come no more. Compiled.

The lines' own time is the clock, so lines that are read late, or again, tell the same. A stretch without any line of
the source counts for a template as one of its intervals at most: when all is silent, or nothing was read, none is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream_processors.detection.counting import WAYS, place_of

PLACES = 2_048
"""Templates that are followed: 112 KiB. The one with the fewest intervals makes room."""
INTERVALS = 20
"""Of a template before it is regular, at least."""
LEAST_MEAN, VARIATION = 0.05, 0.3
"""Mean of a regular template's intervals, seconds, at least, and their standard deviation by it, at most."""
MEMORY = 32
"""Intervals that mean and deviation are of."""
MISSED, LEAST_SECONDS = 10.0, 60.0
"""Usual intervals, and seconds, without a line after which a template is silent, at least."""
LONGER, FORGETS = 2.0, 0.9995
"""It is also to be so many times as long as it was away before, which is forgotten by that with every interval."""
TOLD, EACH_SECONDS = 3, 1_200.0
"""Templates that are told at once at most, and seconds after which one more may be: a rollout ends many."""
TEMPLATE = np.dtype(
    [
        ("key", "<u8"),
        ("seen", "<f8"),  # when its last line came, later by what did not count since
        ("mean", "<f8"),
        ("variance", "<f8"),
        ("longest", "<f8"),  # interval so far after which it came again
        ("intervals", "<i8"),
        ("silent", "<i8"),  # 1 when it is and that was told, -1 when it was not
    ],
    align=True,
)
CLOCK = np.dtype([("now", "<f8"), ("due", "<f8"), ("told", "<f8")], align=True)
"""due: before it no template is silent. told: templates that may be told now."""
FOUND = np.dtype(
    [("line", "<i8"), ("key", "<u8"), ("mean", "<f8"), ("elapsed", "<f8"), ("intervals", "<i8")], align=True
)
"""line: at which it was found. elapsed: 0 for one that came again."""


@njit(cache=True, nogil=True)
def due_at(one: Any) -> float:
    """When a regular template is silent if no line of it comes."""
    least = max(MISSED * one.mean, LEAST_SECONDS)
    return one.seen + max(least, LONGER * one.longest)


@njit(cache=True, nogil=True)
def is_regular(one: Any) -> bool:
    """Whether a template comes regularly."""
    return (
        one.intervals >= INTERVALS and one.mean >= LEAST_MEAN and one.variance <= (VARIATION * one.mean) ** 2
    )


@njit(cache=True, nogil=True)
def pass_gap(table: NDArray, clock: NDArray, gap: float) -> None:
    """Lets a stretch without a line of the source count for a regular template as one of its intervals at most."""
    for place in range(len(table)):
        if is_regular(table[place]):
            counts = max(table[place].mean, LEAST_SECONDS / MISSED)
            table[place].seen += max(0.0, gap - counts)
    clock[0].due = clock[0].now  # to be looked at again


@njit(cache=True, nogil=True)
def look(table: NDArray, clock: NDArray, line: int, found: NDArray, count: int) -> int:
    """Notes a template that is silent now, if there is one; returns how many are noted."""
    now, due, place_found = clock[0].now, np.inf, -1
    for place in range(len(table)):
        one = table[place]
        if one.silent != 0 or not is_regular(one):
            continue
        at = due_at(one)
        if at < now and clock[0].told < 1.0:
            one.silent = -1
        elif at < now and (place_found < 0 or at < due_at(table[place_found])):
            place_found = place
        if one.silent == 0:
            due = min(due, at)
    clock[0].due = due
    if place_found < 0:
        return count
    one = table[place_found]
    one.silent = 1
    clock[0].told -= 1.0
    found[count].line, found[count].key, found[count].mean = line, one.key, one.mean
    found[count].elapsed, found[count].intervals = now - one.seen, one.intervals
    return count + 1


@njit(cache=True, nogil=True)
def place_for(table: NDArray, key: np.uint64) -> int:
    """The place of a template, new or not."""
    place = place_of(table, key)
    if place < 0:
        base = -1 - place
        place = base
        for other in range(base, base + WAYS):
            if table[other].intervals < table[place].intervals:
                place = other
    return place


@njit(cache=True, nogil=True)
def come(one: Any, key: np.uint64, now: float) -> bool:
    """Takes a line of a template; returns whether it was silent, and told so."""
    if one.key != key:
        one.key, one.seen, one.mean, one.variance, one.longest = key, now, 0.0, 0.0, 0.0
        one.intervals, one.silent = 0, 0
        return False
    passed, told = max(0.0, now - one.seen), one.silent == 1
    if one.silent != 0 or (is_regular(one) and passed > max(MISSED * one.mean, LEAST_SECONDS)):
        one.longest = max(one.longest, passed)  # and says nothing of its usual intervals
    else:
        one.intervals += 1
        away, weight = passed - one.mean, 1.0 / min(one.intervals, MEMORY)
        one.mean += weight * away
        one.variance = (1.0 - weight) * (one.variance + weight * away * away)
        one.longest *= FORGETS
    one.seen, one.silent = now, 0
    return told


@njit(cache=True, nogil=True)
def pass_time(table: NDArray, clock: NDArray, time: float) -> None:
    """Moves the clock to the time of a line; never back."""
    gap = time - clock[0].now
    if clock[0].now == 0.0:
        clock[0].now, clock[0].due, clock[0].told = time, time, float(TOLD)
    elif gap > 0.0:
        clock[0].now = time
        clock[0].told = min(float(TOLD), clock[0].told + gap / EACH_SECONDS)
        if gap > LEAST_SECONDS / MISSED:
            pass_gap(table, clock, gap)


@njit(cache=True, nogil=True)
def follow(
    templates: NDArray[np.uint64], times: NDArray[np.float64], table: NDArray, clock: NDArray, found: NDArray
) -> int:
    """Takes lines; returns how many templates were found that fell silent or came again, 2 a line at most."""
    count = 0
    for line in range(len(templates)):
        if not 0.0 < times[line] < np.inf:
            continue
        pass_time(table, clock, times[line])
        now, key = clock[0].now, templates[line]
        one = table[place_for(table, key)]
        if come(one, key, now):
            found[count].line, found[count].key, found[count].mean = line, key, one.mean
            found[count].elapsed, found[count].intervals = 0.0, one.intervals
            count += 1
        if is_regular(one):
            clock[0].due = min(clock[0].due, due_at(one))
        if clock[0].due < now:
            count = look(table, clock, line, found, count)
    return count
