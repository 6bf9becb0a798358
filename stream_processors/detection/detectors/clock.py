"""The lines' own time: it goes on with them, not back for a late one, and by places where they have none. Compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper

WINDOW = 60.0
"""Seconds in which a line fades to 1/e from what is now."""
HISTORY = 1_440 * WINDOW
"""And from what is usual: a day."""
WINDOW_LINES = 500
"""Of a source whose lines have no time, or all the same, so many lines are a window."""
LATE, LATE_LINES = 3_600.0, 64
"""The clock goes back when so many lines in a row are so many seconds late: one before was wrong."""
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


@helper(inline=True)
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
        if state.timed:
            state.begin = min(state.begin, time)
    if time > state.time + HISTORY:  # nothing is known of now
        state.first = time
        if state.timed:
            state.begin = time
    state.time = max(state.time, time)
    if state.timed == 0 and state.time - state.first >= WINDOW:
        state.timed, state.begin = 1, state.first
        for place in range(len(counts)):
            counts[place].key = np.uint64(0)
    return state.time if state.timed else state.lines * (WINDOW / WINDOW_LINES)
