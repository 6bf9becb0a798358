"""Counts of what comes now and of what usually does, by a clock of the lines' own. Compiled.

How far a count is above its mean is its excess. Lines of one burst say the same thing many times, so they are no
sample: what is counted is times, from when a template or value begins to come until it comes half as often again, or
LONG enough without an excess. The surprise of an excess is -log of the share of times that reached it, of all
templates, or all values, of the source, and no more than the excess itself. So a source whose templates burst every
hour is not surprised, and what still goes on has not become usual.
"""

from __future__ import annotations

from math import exp, log, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel
from encoder_core.templates.match import TYPES
from stream_processors.detection.counting import ask_for, place_of
from stream_processors.detection.detectors.clock import HISTORY, WINDOW, tick
from stream_processors.detection.detectors.entities import kept
from stream_processors.detection.detectors.kind import NO_CAUSE
from stream_processors.detection.hashing import joint

SETTLED = 10 * WINDOW
"""Seconds of lines before the first score."""
SPREAD = 1.0
"""Counts spread more than chance has it: of a mean m the variance is m (1 + SPREAD m)."""
SELDOM = 1.0
"""What nothing is known of comes once in a HISTORY."""
FEW_NEW, NEW = 0.05, 20.0
"""A slot is watched while at most this share of its lines, and so many more, have a new value."""
PEAK = 0.3
"""Of the highest burst before, the part that is expected at any time."""
DAILY, DAY = 0.7, 86_400
"""What is left a day later of the highest count at this hour."""
VALUE = 0.5
"""What a value's burst is worth beside a template's: a line has many values."""
UNTIMED = 0.7
"""And what any is worth by places alone."""
LEVELS, OCTAVE = 64, 4
"""Levels that an excess is told apart by, and how many of them it takes for 1 + excess to double."""
TIMES = 5_000.0
"""Times that are remembered, up to twice as many."""
LONG = 10 * WINDOW
"""Seconds after which what keeps coming as usual begins a further time."""
PRIOR, EXCESS = 10.0, 10.0
"""As if so many times had been before, a share of 1 / (1 + x) of which exceeded the mean by x EXCESS nats."""
WATCHED = np.ones(256, dtype=np.bool_)
"""By type of part: columns, and parameters that may name something that is few."""
WATCHED[[1 + TYPES.index(name) for name in ("num", "hex", "mac", "uuid", "time")]] = False
PLACES, SLOTS, HOURS = 32_768, 4_096, 8_192
"""Places of the tables: 1.8 MiB in all."""
COUNT = np.dtype(
    [
        ("key", "<u8"),
        ("seen", "<i8"),
        ("time", "<f8"),
        ("now", "<f4"),
        ("usual", "<f4"),
        ("high", "<f4"),
        ("peak", "<f4"),
        ("begin", "<f8"),
        ("level", "<i8"),
    ],
    align=True,
)
"""Lines with a template or value, faded by WINDOW and by HISTORY, the most in this burst and in those before, when this
time began and the level that it has reached; ``seen`` is by lines, ``time`` and ``begin`` by the clock."""
SLOT = np.dtype([("key", "<u8"), ("seen", "<i8"), ("lines", "<f4"), ("new", "<f4")], align=True)
"""A slot: lines, and those with a value that was new."""
HOUR = np.dtype(
    [("key", "<u8"), ("seen", "<i8"), ("day", "<i8"), ("today", "<f4"), ("before", "<f4")], align=True
)
"""The highest count of a template or value at an hour, today and on days before."""


@helper(inline=True)
def excess_of(now: float, mean: float) -> float:
    """How far a count is above its mean, in nats: the deviance of a negative binomial distribution."""
    if now <= 2.0 * mean + 1.0:
        return 0.0
    return now * log(now / mean) - (now + 1.0 / SPREAD) * log((1.0 + SPREAD * now) / (1.0 + SPREAD * mean))


@helper(inline=True)
def left(age: float) -> float:
    """What is left of what fades to 1/e at an age of 1; of the usual small one, to some billionths, without exp."""
    return 1.0 - age * (1.0 - age * (0.5 - age / 6.0)) if age < 0.02 else exp(-age)


@helper(inline=True)
def surprise(excess: float, count: Any, reached: NDArray[np.float64]) -> float:
    """-log of the share of times that reached an excess, this one aside, which counts in.

    reached: times that reached each level or more, float64 (LEVELS,).
    """
    level = min(LEVELS - 1, int(OCTAVE * log2(1.0 + excess)))
    for higher in range(count.level + 1, level + 1):
        reached[higher] += 1.0
    count.level = max(count.level, level)
    others = max(0.0, reached[level] - 1.0) + PRIOR / (1.0 + excess / EXCESS)
    return max(0.0, -log(others / (reached[0] + PRIOR)))


@helper(inline=True)
def count_key(
    counts: NDArray,
    hours: NDArray,
    reached: NDArray[np.float64],
    key: np.uint64,
    time: float,
    windows: float,
    line: int,
    found: NDArray[np.float64],
) -> tuple[float, bool]:
    """The surprise of how often a key comes, and whether it is new; counts it in.

    windows: what a line of the history there is counts in a window. found: lines in the last window, and those
    expected in one.
    """
    count = counts[kept(counts, key, line)]
    new = count.key != key
    if new:
        count.key, count.time, count.now, count.usual = key, time, 0.0, 0.0
        count.high, count.peak = 0.0, 0.0
    age = max(0.0, time - count.time)
    if age > 0.0:
        count.now *= left(age / WINDOW)
        fading = left(age / HISTORY)
        count.usual *= fading
        count.peak *= fading
        if count.now < 0.5 * count.high:  # that burst is over
            count.peak, count.high = max(count.peak, count.high), 0.0
    if count.high == 0.0 or (count.level == 0 and time - count.begin >= LONG):
        count.begin, count.level = time, 0
        reached[0] += 1.0
        if reached[0] > 2.0 * TIMES:
            reached *= 0.5
    # What is in the window is no history yet.
    usual = (max(0.0, count.usual - count.now) + SELDOM) * windows
    count.now += 1.0
    count.usual += 1.0
    count.time, count.seen = time, line
    count.high = max(count.high, count.now)
    found[0], found[1] = count.now, max(usual, PEAK * count.peak)
    if found[0] > 2.0 * found[1] + 3.0:
        found[1] = max(found[1], highest_before(hours, key, time, line, found[0]))
    excess = excess_of(found[0], found[1])
    return min(excess, surprise(excess, count, reached)) if excess > 0.0 else 0.0, new


@helper
def highest_before(hours: NDArray, key: np.uint64, time: float, line: int, now: float) -> float:
    """The highest count of a key at this hour of earlier days; notes today's."""
    day, hour = int(time // DAY), int(time % DAY // 3_600)
    at = joint(key, np.uint64(hour))
    peak = hours[kept(hours, at, line)]
    if peak.key != at:
        peak.key, peak.day, peak.today, peak.before = at, day, 0.0, 0.0
    if peak.day != day:
        peak.before = max(peak.before * DAILY, peak.today)
        peak.day, peak.today = day, 0.0
    peak.seen = line
    peak.today = max(peak.today, now)
    return float(peak.before)


@helper(inline=True)
def ask_ahead(
    counts: NDArray,
    slots: NDArray,
    parts: tuple[int, int],
    keys: NDArray[np.uint64],
    standing: NDArray[np.uint64],
    types: NDArray[np.uint8],
) -> None:
    """Lets what the parts of a later line are looked up by come into the cache."""
    for part in range(parts[0], parts[1]):
        if WATCHED[types[part]]:
            ask_for(slots, keys[part])
            ask_for(counts, standing[part])


@kernel
def count_lines(
    starts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    standing: NDArray[np.uint64],
    types: NDArray[np.uint8],
    times: NDArray[np.float64],
    templates: NDArray[np.uint64],
    patterns: NDArray[np.uint64],
    tables: tuple[NDArray, NDArray, NDArray, NDArray],
    reached: NDArray[np.float64],
    scores: NDArray[np.float32],
    causes: NDArray[np.int64],
    details: NDArray[np.float64],
) -> None:
    """Scores lines and counts them in.

    standing: joint hashes of keys and values. reached: by templates and by values, (2, LEVELS).
    details: (lines, 2) lines in the last window, and those expected.
    """
    counts, slots, hours, clock = tables
    found = np.zeros(2)
    lines = len(times)
    for line in range(lines):
        time = tick(clock, times[line], counts)
        seen, span = clock[0].lines, max(time - clock[0].begin, WINDOW)
        windows = WINDOW / (HISTORY * (1.0 - exp(-span / HISTORY)))
        if line + 1 < lines:
            ask_for(counts, templates[line + 1])
            ask_ahead(counts, slots, (starts[line + 1], starts[line + 2]), keys, standing, types)
        settled, worth = time - clock[0].begin >= SETTLED, 1.0 if clock[0].timed else UNTIMED
        for part in range(starts[line] - 2, starts[line + 1]):
            cause = NO_CAUSE
            if part < starts[line]:
                key = templates[line] if part == starts[line] - 2 else patterns[line]
                if part == starts[line] - 1 and key == templates[line]:
                    continue
                score, _ = count_key(counts, hours, reached[0], key, time, windows, seen, found)
            elif not WATCHED[types[part]]:
                continue
            else:
                cause = part
                slot = slots[kept(slots, keys[part], seen)]
                if slot.key != keys[part]:
                    slot.key, slot.lines, slot.new = keys[part], 0.0, 0.0
                slot.seen = seen
                slot.lines += 1.0
                if slot.new > FEW_NEW * slot.lines + NEW:
                    continue
                score, new = count_key(counts, hours, reached[1], standing[part], time, windows, seen, found)
                score *= VALUE
                slot.new += new
            if settled and worth * score > scores[line]:
                scores[line], causes[line] = worth * score, cause
                details[line, 0], details[line, 1] = found[0], found[1]


@kernel
def untaught(counts: NDArray, key: np.uint64) -> None:
    """Takes one line of a key from what is usual."""
    place = place_of(counts, key)
    if place >= 0 and counts[place].key == key:
        counts[place].usual = max(0.0, counts[place].usual - 1.0)
