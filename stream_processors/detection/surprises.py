"""How surprising the values of a line's columns and its words are, by what was counted before: -log of their shares."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream_processors.detection import counting
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.counting import FULL, count_in, group_of, next_line
from stream_processors.detection.hashing import joint

TOP = 3
"""Most surprising columns, and words, of a line that the forest gets, largest first."""
TRUSTED_LINES = 50
"""A group's surprises count half when it has seen this many lines."""
SURE = 0.9
"""Trust from which a kind's own words are all that counts."""
UNSURPRISING = 1.01
"""A value that is as good as always there."""
FADED = 0.5
"""A value that counts less is new."""
MANY_VALUES, IDENTIFYING, DESCRIBING = 200.0, 0.2, 0.1
"""A column with more new values, and more than this share of its lines, identifies things and is not counted; it is
again once the share of new ones has fallen."""
SAMPLED = 16
"""Every so many lines of a column that is not counted are, to see whether it should be; and of a well known kind's
words, for the source as a whole."""
WORDS, EVERYTHING = np.uint64(0x9AE16A3B2F90404F), np.uint64(0xC3A5C85C97CB3127)


@njit(cache=True, nogil=True)
def trust_in(total: float) -> float:
    """How much a group of so many lines is believed: its first lines do not stand out."""
    return total / (total + TRUSTED_LINES)


@njit(cache=True, nogil=True)
def keep_top(row: NDArray[np.float32], first: int, value: float) -> None:
    """Puts a value in its place among the TOP largest, which begin at ``first``."""
    for place in range(first, first + TOP):
        if value > row[place]:
            value, row[place] = row[place], value


@njit(cache=True, nogil=True)
def column_surprise(
    groups: NDArray, entries: NDArray, taken: NDArray[np.int64], slot: np.uint64, value: np.uint64, now: int
) -> float:
    """The surprise of a column's value, from 0 to 1, before it is counted in.

    No value surprises more than a new one does in a column where so many are new.
    """
    group = groups[group_of(groups, taken, slot, now)]
    if group.open == 0 and group.lines % SAMPLED:
        group.lines += 1
        return 0.0
    total, fresh = group.total, group.fresh
    before = count_in(entries, taken, joint(slot, value), group.lines, now)
    next_line(group, before < FADED)
    if group.open == 0:
        group.open = group.fresh < DESCRIBING * group.total
        return 0.0
    group.open = group.fresh <= max(MANY_VALUES, IDENTIFYING * group.total)
    share = min((total + 2) / (before + 1), (total + 1) / (fresh + 0.5))
    if share < UNSURPRISING:
        return 0.0
    return log(share) / log(total + 2) * trust_in(total)


@njit(cache=True, nogil=True)
def word_surprises(
    groups: NDArray,
    entries: NDArray,
    taken: NDArray[np.int64],
    kind: np.uint64,
    lists: tuple[NDArray[np.uint64], NDArray[np.uint64]],
    now: int,
    row: NDArray[np.float32],
) -> None:
    """The surprises of the words of a line, before they are counted in.

    Of a kind of line that is hardly known it counts how usual the words are in the source as a whole, for which every
    so many lines of well known kinds are enough.
    """
    own = groups[group_of(groups, taken, kind, now)]
    trust = trust_in(own.total)
    if trust >= SURE:
        known_words(entries, taken, own, kind, lists, now, row)
        if own.lines % SAMPLED == 0:
            whole = groups[group_of(groups, taken, EVERYTHING, now)]
            for words in lists:
                for word in words:
                    count_in(entries, taken, joint(EVERYTHING, word), whole.lines, now)
            next_line(whole, 0)
        next_line(own, 0)
        return
    whole = groups[group_of(groups, taken, EVERYTHING, now)]
    most, guess = log(own.total + 2), (1 - trust / SURE) * trust_in(whole.total)
    most_of_all = log(whole.total + 2)
    for words in lists:
        for word in words:
            before = count_in(entries, taken, joint(kind, word), own.lines, now)
            of_all = count_in(entries, taken, joint(EVERYTHING, word), whole.lines, now)
            known = trust * (1 - log(before + 1) / most)
            keep_top(row, TOP, known + guess * (1 - log(of_all + 1) / most_of_all))
    next_line(own, 0)
    next_line(whole, 0)


@njit(cache=True, nogil=True)
def known_words(
    entries: NDArray,
    taken: NDArray[np.int64],
    own: Any,
    kind: np.uint64,
    lists: tuple[NDArray[np.uint64], NDArray[np.uint64]],
    now: int,
    row: NDArray[np.float32],
) -> None:
    """The surprises of the words of a line of a kind that is well known: those of its rarest words."""
    for words in lists:
        for word in words:
            before = count_in(entries, taken, joint(kind, word), own.lines, now)
            keep_top(row, TOP, (own.total + 2) / (before + 1))
    most, trust = log(own.total + 2), trust_in(own.total)
    for place in range(TOP, 2 * TOP):
        if row[place] > 0:
            row[place] = max(0.0, log(row[place])) / most * trust


@njit(cache=True, nogil=True)
def count_lines(
    begin: int,
    groups: NDArray,
    entries: NDArray,
    taken: NDArray[np.int64],
    clock: int,
    starts: NDArray[np.int64],
    slots: NDArray[np.uint64],
    values: NDArray[np.uint64],
    types: NDArray[np.uint8],
    kinds: NDArray[np.uint64],
    templates: NDArray[np.int32],
    template_words: tuple[NDArray[np.int64], NDArray[np.uint64]],
    value_words: tuple[NDArray[np.int64], NDArray[np.uint64]],
    found: NDArray[np.float32],
) -> int:
    """Fills in the surprises of lines from ``begin`` on, float32 (lines, 2 * TOP), until a table is to grow."""
    for line in range(begin, len(kinds)):
        if taken[0] > taken[2] or taken[1] > taken[3]:
            return line
        for place in range(starts[line], starts[line + 1]):
            if types[place]:
                break  # parameters of its text, which are not counted here
            surprise = column_surprise(groups, entries, taken, slots[place], values[place], clock + line)
            keep_top(found[line], 0, surprise)
        template, (of_templates, words), (of_values, more) = templates[line], template_words, value_words
        lists = (
            words[of_templates[template] : of_templates[template + 1]],
            more[of_values[line] : of_values[line + 1]],
        )
        kind = joint(kinds[line], WORDS)
        word_surprises(groups, entries, taken, kind, lists, clock + line, found[line])
    return len(kinds)


class SurpriseCounts:
    """Counts of columns' values and of words, of one source."""

    def __init__(self) -> None:
        self._groups = counting.make_table(counting.GROUP)
        self._entries = counting.make_table(counting.ENTRY)
        self._lines = 0

    def surprises(self, batch: LineBatch) -> NDArray[np.float32]:
        """Of each line the most surprising columns and words, float32 (lines, 2 * TOP), which are then counted in."""
        found = np.zeros((len(batch), 2 * TOP), dtype=np.float32)
        rows, done = batch.rows, 0
        taken = np.array([np.count_nonzero(t["key"]) for t in (self._groups, self._entries)] + [0, 0])
        while done < len(batch):
            taken[2:] = self._room(taken)
            done = count_lines(
                done,
                self._groups,
                self._entries,
                taken,
                self._lines,
                batch.starts,
                batch.slots,
                batch.values,
                batch.types,
                batch.kinds,
                batch.templates,
                (rows.word_starts, rows.words),
                (batch.word_starts, batch.words),
                found,
            )
        self._lines += len(batch)
        return found

    def _room(self, taken: NDArray[np.int64]) -> tuple[int, int]:
        """How many places may be taken before a table has to grow, which does so now if need be."""
        while taken[0] > FULL * len(self._groups) and 2 * len(self._groups) <= counting.GROUPS:
            self._groups = counting.grown(self._groups)
        while taken[1] > FULL * len(self._entries) and 2 * len(self._entries) <= counting.ENTRIES:
            self._entries = counting.grown(self._entries)
        return (
            len(self._groups) if len(self._groups) >= counting.GROUPS else int(FULL * len(self._groups)),
            len(self._entries) if len(self._entries) >= counting.ENTRIES else int(FULL * len(self._entries)),
        )

    def state(self) -> dict[str, NDArray]:
        """The places that are taken, as bytes, and the lines seen."""
        groups, entries = (t[t["key"] != 0] for t in (self._groups, self._entries))
        return {
            "groups": np.frombuffer(groups.tobytes(), dtype=np.uint8),
            "entries": np.frombuffer(entries.tobytes(), dtype=np.uint8),
            "lines": np.array([self._lines]),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved counts."""
        self._groups = counting.table_of(state["groups"], counting.GROUP, counting.GROUPS)
        self._entries = counting.table_of(state["entries"], counting.ENTRY, counting.ENTRIES)
        self._lines = int(state["lines"][0])
