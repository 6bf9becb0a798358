"""Counts by hash that fade, in flat arrays of bounded size. Compiled.

A group is a column of a kind of line, or the words of one; an entry is one of its values. An older line of a group
counts less and less: 1/e when the group has seen ``MEMORY_LINES`` further ones, whatever other groups see. Counts fade
when they are looked at, so nothing ever jumps, and of lines that keep coming in the same shares all stays the same.

Both tables are sets of ``WAYS`` places, chosen by the hash; in a full one what counts least takes its leave.
"""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel, prefetch

MEMORY_LINES = 10_000
FADE = 1 - 1 / MEMORY_LINES
"""What a count is worth one line of its group later."""
WAYS = 8
FIRST_PLACES = 1_024
GROUPS, ENTRIES = 8_192, 65_536
"""Places at most, of a source in a partition: 384 KiB and 1.5 MiB when all are taken."""
FULL = 0.6
"""Share of taken places from which a table that may grow does."""

GROUP = np.dtype(
    [
        ("key", "<u8"),
        ("seen", "<i8"),  # lines of the source when it was seen last
        ("lines", "<i8"),  # lines that it has seen
        ("total", "<f8"),  # the same, faded
        ("fresh", "<f8"),  # values that were new, faded
        ("open", "<i8"),  # 0 once it turned out to identify things
    ],
    align=True,
)
ENTRY = np.dtype([("key", "<u8"), ("seen", "<i8"), ("count", "<f4"), ("line", "<u4")], align=True)
"""line: of its group, at which the count was right."""


@helper(inline=True)
def place_of(table: NDArray, key: np.uint64) -> int:
    """The place of a key, or a free one for it; ``-1 - base`` of the set that is full without it."""
    ways = np.uint64(WAYS)
    sets = np.uint64(len(table) // WAYS)
    base = np.int64((key & (sets - np.uint64(1))) * ways)
    first = np.int64(key >> np.uint64(61))
    for step in range(WAYS):
        place = base + ((first + step) & (WAYS - 1))
        found = table[place].key
        if found == key or found == np.uint64(0):
            return place
    return -1 - base


@helper(inline=True)
def ask_for(table: NDArray, key: np.uint64) -> None:
    """Lets the place of a key come into the cache: to be called some hundred instructions before it is looked up."""
    sets = np.uint64(len(table) // WAYS)
    prefetch(table, np.int64((key & (sets - np.uint64(1))) * np.uint64(WAYS) + (key >> np.uint64(61))))


@kernel(inline=True)
def faded(count: float, lines: int) -> float:
    """What a count is worth so many lines later; for the usual few, to some millionths, without an exponential."""
    age = lines * (1.0 / MEMORY_LINES)
    return count * (1.0 - age + 0.5 * age * age if age < 0.02 else exp(-age))


@helper
def least_entry(entries: NDArray, base: int, now: int) -> int:
    """The place of a full set whose count, by the source's lines, has faded most."""
    found, least = base, np.inf
    for place in range(base, base + WAYS):
        count = faded(entries[place].count, now - entries[place].seen)
        if count < least:
            found, least = place, count
    return found


@helper
def least_group(groups: NDArray, base: int, now: int) -> int:
    """The place of a full set whose group, by the source's lines, has faded most."""
    found, least = base, np.inf
    for place in range(base, base + WAYS):
        count = faded(groups[place].total, now - groups[place].seen)
        if count < least:
            found, least = place, count
    return found


@helper
def group_of(groups: NDArray, taken: NDArray[np.int64], key: np.uint64, now: int) -> int:
    """The place of a group, which is new and empty when it had none."""
    place = place_of(groups, key)
    if place < 0:
        place = least_group(groups, -1 - place, now)
    group = groups[place]
    if group.key != key:
        taken[0] += group.key == np.uint64(0)
        group.key, group.lines, group.total, group.fresh, group.open = key, 0, 0.0, 0.0, 1
    group.seen = now
    return place


@helper(inline=True)
def count_in(entries: NDArray, taken: NDArray[np.int64], key: np.uint64, line: int, now: int) -> float:
    """What a value has counted before this line of its group; then counts it in."""
    place = place_of(entries, key)
    if place < 0:
        place = least_entry(entries, -1 - place, now)
    entry = entries[place]
    before = 0.0
    if entry.key == key:
        before = faded(entry.count, (line - np.int64(entry.line)) & 0xFFFFFFFF)
    elif entry.key == np.uint64(0):
        taken[1] += 1
    entry.key, entry.count, entry.line, entry.seen = key, before + 1.0, line & 0xFFFFFFFF, now
    return before


@helper
def next_line(group: Any, fresh: int) -> None:
    """Counts a line of a group, of which so many values were new."""
    group.total = (group.total + 1.0) * FADE
    group.fresh = (group.fresh + fresh) * FADE
    group.lines += 1


@kernel
def moved(old: NDArray, new: NDArray) -> None:
    """Puts all that has a key into a larger table of the same kind."""
    for place in range(len(old)):
        if old[place].key != np.uint64(0):
            to = place_of(new, old[place].key)
            if to >= 0:
                new[to] = old[place]


def make_table(kind: np.dtype) -> NDArray:
    """A small empty table."""
    return np.zeros(FIRST_PLACES, dtype=kind)


def grown(table: NDArray) -> NDArray:
    """The table with twice as many places."""
    larger = np.zeros(2 * len(table), dtype=table.dtype)
    moved(table, larger)
    return larger


def table_of(saved: NDArray[np.uint8], kind: np.dtype, limit: int) -> NDArray:
    """A table of the places that were taken in one, given as bytes. Raises ValueError when they are none."""
    taken = np.frombuffer(saved.tobytes(), dtype=kind)
    table = make_table(kind)
    while len(taken) > FULL * len(table) and len(table) < limit:
        table = grown(table)
    moved(taken, table)
    return table
