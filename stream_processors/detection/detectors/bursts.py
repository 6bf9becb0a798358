"""Counts of what comes now and of what usually does, by a clock of the lines' own. Compiled."""

from __future__ import annotations

from math import exp, log

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel
from encoder_core.templates.match import TYPES
from stream_processors.detection.counting import place_of
from stream_processors.detection.detectors.entities import kept
from stream_processors.detection.detectors.kind import NO_CAUSE
from stream_processors.detection.hashing import joint

WINDOW = 60.0
"""Seconds in which a line fades to 1/e from what is now."""
HISTORY = 1_440 * WINDOW
"""And from what is usual: a day."""
SETTLED = 10 * WINDOW
"""Seconds of lines before the first score."""
WINDOW_LINES = 500
"""Of a source whose lines have no time, or all the same, so many lines are a window."""
SPREAD = 1.0
"""Counts spread more than chance has it: of a mean m the variance is m (1 + SPREAD m)."""
SELDOM = 1.0
"""What nothing is known of comes once in a HISTORY."""
FEW_NEW, NEW = 0.05, 20.0
"""A slot is watched while at most this share of its lines, and so many more, have a new value."""
LATE, LATE_LINES = 3_600.0, 64
"""The clock goes back when so many lines in a row are so many seconds late: one before was wrong."""
PEAK = 0.3
"""Of the highest burst before, the part that is expected at any time."""
DAILY, DAY = 0.7, 86_400
"""What is left a day later of the highest count at this hour."""
VALUE = 0.5
"""What a value's burst is worth beside a template's: a line has many values."""
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
    ],
    align=True,
)
"""Lines with a template or value, faded by WINDOW and by HISTORY, the most in this burst and in those before; ``seen``
is by lines, ``time`` by the clock."""
SLOT = np.dtype([("key", "<u8"), ("seen", "<i8"), ("lines", "<f4"), ("new", "<f4")], align=True)
"""A slot: lines, and those with a value that was new."""
HOUR = np.dtype(
    [("key", "<u8"), ("seen", "<i8"), ("day", "<i8"), ("today", "<f4"), ("before", "<f4")], align=True
)
"""The highest count of a template or value at an hour, today and on days before."""
CLOCK = np.dtype(
    [
        ("first", "<f8"),  # when the first line was
        ("time", "<f8"),  # when the last one was, in seconds
        ("begin", "<f8"),  # since when all is counted, by the clock
        ("late", "<i8"),
        ("lines", "<i8"),
        ("timed", "<i8"),  # whether time goes on
    ],
    align=True,
)


@helper
def tick(clock: NDArray, time: float, counts: NDArray) -> float:
    """The time of the next line by the clock, (1,) CLOCK: seconds, or lines while time stands still."""
    state = clock[0]
    if np.isnan(time):
        time = state.time
    if state.lines == 0:
        state.first = state.time = time
    state.lines += 1
    state.late = state.late + 1 if time < state.time - LATE else 0
    if state.late >= LATE_LINES:
        state.time, state.first = time, min(state.first, time)
    state.time = max(state.time, time)
    if state.timed == 0 and state.time - state.first >= WINDOW:
        state.timed, state.begin = 1, state.first
        for place in range(len(counts)):
            counts[place].key = np.uint64(0)
    return state.time if state.timed else state.lines * (WINDOW / WINDOW_LINES)


@helper
def burst(now: float, mean: float) -> float:
    """How surprising a count far above its mean is, in nats: the deviance of a negative binomial distribution."""
    if now <= 2.0 * mean + 1.0:
        return 0.0
    return now * log(now / mean) - (now + 1.0 / SPREAD) * log((1.0 + SPREAD * now) / (1.0 + SPREAD * mean))


@helper
def count_key(
    counts: NDArray,
    hours: NDArray,
    key: np.uint64,
    time: float,
    span: float,
    line: int,
    found: NDArray[np.float64],
) -> tuple[float, bool]:
    """The surprise of how often a key comes, and whether it is new; counts it in.

    span: seconds of history there are. found: lines in the last window, and those expected in one.
    """
    count = counts[kept(counts, key, line)]
    new = count.key != key
    if new:
        count.key, count.time, count.now, count.usual = key, time, 0.0, 0.0
        count.high, count.peak = 0.0, 0.0
    age = max(0.0, time - count.time)
    if age > 0.0:
        count.now *= exp(-age / WINDOW)
        fading = exp(-age / HISTORY) if age > 1e-3 * HISTORY else 1.0 - age / HISTORY
        count.usual *= fading
        count.peak *= fading
        if count.now < 0.5 * count.high:  # that burst is over
            count.peak, count.high = max(count.peak, count.high), 0.0
    # What is in the window is no history yet.
    history = (max(0.0, count.usual - count.now) + SELDOM) / (HISTORY * (1.0 - exp(-span / HISTORY)))
    count.now += 1.0
    count.usual += 1.0
    count.time, count.seen = time, line
    count.high = max(count.high, count.now)
    found[0], found[1] = count.now, max(history * WINDOW, PEAK * count.peak)
    if found[0] > 2.0 * found[1] + 3.0:
        day, hour = int(time // DAY), int(time % DAY // 3_600)
        at = joint(key, np.uint64(hour))
        peak = hours[kept(hours, at, line)]
        if peak.key != at:
            peak.key, peak.day, peak.today, peak.before = at, day, 0.0, 0.0
        if peak.day != day:
            peak.before = max(peak.before * DAILY, peak.today)
            peak.day, peak.today = day, 0.0
        peak.seen = line
        peak.today = max(peak.today, found[0])
        found[1] = max(found[1], peak.before)
    return burst(found[0], found[1]), new


@kernel
def count_lines(
    starts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    values: NDArray[np.uint64],
    types: NDArray[np.uint8],
    times: NDArray[np.float64],
    templates: NDArray[np.uint64],
    patterns: NDArray[np.uint64],
    tables: tuple[NDArray, NDArray, NDArray, NDArray],
    scores: NDArray[np.float32],
    causes: NDArray[np.int64],
    details: NDArray[np.float64],
) -> None:
    """Scores lines and counts them in. details: (lines, 2) lines in the last window, and those expected."""
    counts, slots, hours, clock = tables
    found = np.zeros(2)
    for line in range(len(times)):
        time = tick(clock, times[line], counts)
        seen, span = clock[0].lines, max(time - clock[0].begin, WINDOW)
        settled = time - clock[0].begin >= SETTLED
        for part in range(starts[line] - 2, starts[line + 1]):
            cause = NO_CAUSE
            if part < starts[line]:
                key = templates[line] if part == starts[line] - 2 else patterns[line]
                if part == starts[line] - 1 and key == templates[line]:
                    continue
                surprise, _ = count_key(counts, hours, key, time, span, seen, found)
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
                surprise, new = count_key(
                    counts, hours, joint(keys[part], values[part]), time, span, seen, found
                )
                surprise *= VALUE
                slot.new += new
            if settled and surprise > scores[line]:
                scores[line], causes[line] = surprise, cause
                details[line, 0], details[line, 1] = found[0], found[1]


@kernel
def untaught(counts: NDArray, key: np.uint64) -> None:
    """Takes one line of a key from what is usual."""
    place = place_of(counts, key)
    if place >= 0 and counts[place].key == key:
        counts[place].usual = max(0.0, counts[place].usual - 1.0)
