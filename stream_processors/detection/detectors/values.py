"""Values that are unusual where they stand: never or rarely seen, numbers of an odd size, pairs never seen together."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel, prefetch
from encoder_core.templates.match import TYPES
from stream_processors.detection import counting
from stream_processors.detection.counting import FULL, ask_for
from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises
from stream_processors.detection.detectors.slotcounts import (
    NEW,
    SLOT,
    SLOTS,
    shown,
    untaught,
    value_share,
)
from stream_processors.detection.hashing import joint

PAIRED = 4
"""Slots of a line whose values are looked at in pairs, at most; those of few values."""
SETTLED, FEW_NEW, CONSTANT = 100.0, 0.02, 0.98
"""A slot of few values: lines it has seen at least, share of them with a new value at most; and share of the lines from
which on a value of it is as good as always there, and no part of a pair."""
VALUE, SIZE, PAIR = 1, 2, 3
IDENTIFYING = np.zeros(256, dtype=np.bool_)
"""By type of part: whether its values are always others."""
IDENTIFYING[[1 + TYPES.index(name) for name in ("time", "hex", "uuid")]] = True


@helper
def has_few(slot: Any) -> bool:
    """Whether a slot has few values."""
    return slot.total >= SETTLED and slot.rarities[NEW] < FEW_NEW * slot.total


@helper(inline=True)
def ask_ahead(
    slots: NDArray,
    entries: NDArray,
    parts: tuple[int, int],
    keys: NDArray[np.uint64],
    standing: NDArray[np.uint64],
    types: NDArray[np.uint8],
    spans: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """Lets what the parts of a later line are looked up by come into the cache."""
    for part in range(parts[0], parts[1]):
        if not IDENTIFYING[types[part]]:
            ask_for(slots, keys[part])
            ask_for(entries, standing[part])
            prefetch(spans[0], spans[1][part])


@helper(inline=True)
def pair_surprise(
    slots: NDArray,
    entries: NDArray,
    taken: NDArray[np.int64],
    paired: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint64]],
    few: int,
    keys: NDArray[np.uint64],
    values: NDArray[np.uint64],
    buffer: NDArray[np.uint8],
    now: int,
    found: NDArray[np.float64],
    detail: NDArray[np.float64],
) -> tuple[float, int]:
    """The surprise of the most surprising pair of a line's values, and one of its parts; counts all pairs in.

    paired: the parts, ``few`` of them, what each has counted of how many lines, and room for the pairs' hashes. detail:
    what is said of the pair, as of a line.
    """
    best, cause, pair = 0.0, NO_CAUSE, 0
    parts, counted, hashes = paired
    for one in range(few):
        for other in range(one):
            left, right = parts[one], parts[other]
            hashes[pair, 0] = joint(keys[left], keys[right])
            hashes[pair, 1] = joint(hashes[pair, 0], joint(values[left], values[right]))
            ask_for(slots, hashes[pair, 0])
            ask_for(entries, hashes[pair, 1])
            pair += 1
    pair = 0
    for one in range(few):
        for other in range(one):
            slot, value = hashes[pair, 0], hashes[pair, 1]
            pair += 1
            share, _ = value_share(slots, entries, taken, slot, value, buffer, 0, 0, now, found)
            if share == 1.0:
                continue
            # How often the two should have met by chance: less can't be missed.
            chance = counted[one, 0] * counted[other, 0] / max(counted[one, 1], counted[other, 1])
            surprise = min(-log(share), chance - found[0])
            if surprise > best:
                best, cause = surprise, parts[one]
                detail[0], detail[1], detail[2], detail[3] = PAIR, found[0], found[1], parts[other]
    return best, cause


@kernel
def count_lines(
    begin: int,
    slots: NDArray,
    entries: NDArray,
    taken: NDArray[np.int64],
    clock: int,
    starts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    values: NDArray[np.uint64],
    standing: NDArray[np.uint64],
    types: NDArray[np.uint8],
    spans: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
    scores: NDArray[np.float32],
    causes: NDArray[np.int64],
    details: NDArray[np.float64],
) -> int:
    """Scores and counts lines from ``begin`` on, until a table is to grow.

    standing: joint hashes of keys and values. details: (lines, 4) what it is, what it has counted, lines of the slot,
    and the part that a pair is of.
    """
    buffer, begins, ends = spans
    found, counted, lines = np.zeros(3), np.zeros((PAIRED, 2)), len(starts) - 1
    paired, pair = np.zeros(PAIRED, dtype=np.int64), np.zeros(4)
    hashes = np.zeros((PAIRED * (PAIRED - 1) // 2, 2), dtype=np.uint64)
    for line in range(begin, lines):
        if taken[0] > taken[2] or taken[1] > taken[3]:
            return line
        if line + 1 < lines:
            ahead = starts[line + 1], starts[line + 2]
            ask_ahead(slots, entries, ahead, keys, standing, types, spans)
        now, least, few = clock + line, 1.0, 0
        for part in range(starts[line], starts[line + 1]):
            if IDENTIFYING[types[part]]:
                continue
            share, place = value_share(
                slots,
                entries,
                taken,
                keys[part],
                standing[part],
                buffer,
                begins[part],
                ends[part],
                now,
                found,
            )
            if share < least:
                least, causes[line] = share, part
                details[line, 0] = SIZE if found[2] else VALUE
                details[line, 1], details[line, 2] = found[0], found[1]
            slot = slots[place]
            if few < PAIRED and has_few(slot) and found[0] < CONSTANT * slot.total:
                paired[few], counted[few, 0], counted[few, 1] = part, found[0], slot.total
                few += 1
        of_few = (paired, counted, hashes)
        surprise, part = pair_surprise(
            slots, entries, taken, of_few, few, keys, values, buffer, now, found, pair
        )
        best = -log(least)
        if surprise > best:
            best, causes[line] = surprise, part
            # One by one: compiling the assignment of a row takes seconds.
            details[line, 0], details[line, 1], details[line, 2], details[line, 3] = (
                pair[0],
                pair[1],
                pair[2],
                pair[3],
            )
        tests = starts[line + 1] - starts[line] + few * (few - 1) // 2
        if tests:
            scores[line] = max(0.0, best - log(tests))
    return lines


class Values:
    """-log of the share of lines of a slot that had values as rare, of a line's most surprising value or pair.

    From it the log of how many were looked at is taken (Bonferroni's correction), so that lines with many are not
    punished. Slots are counted column by column of a kind of line, and parameter by parameter of a template.
    """

    name = "values"

    def __init__(self) -> None:
        self._slots = counting.make_table(SLOT)
        self._entries = counting.make_table(counting.ENTRY)
        self._taken = np.zeros(4, dtype=np.int64)
        """Places that are taken in the two, and how many may be."""
        self._lines = 0
        self._details = np.zeros((0, 4))
        self._said = Surprises(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64))

    def observe(self, seen: Seen) -> Surprises:
        """Scores each line with what came before it, and learns it."""
        batch, done = seen.batch, 0
        scores = np.zeros(len(seen), dtype=np.float32)
        causes, details = np.full(len(seen), NO_CAUSE), np.zeros((len(seen), 4))
        taken = self._taken
        while done < len(seen):
            taken[2:] = self._room(taken)
            done = count_lines(
                done,
                self._slots,
                self._entries,
                taken,
                self._lines,
                batch.starts,
                batch.slots,
                batch.values,
                seen.standing,
                batch.types,
                (batch.buffer, batch.begins, batch.ends),
                scores,
                causes,
                details,
            )
        self._lines += len(seen)
        self._said, self._details = Surprises(scores, causes), details
        return self._said

    def _room(self, taken: NDArray[np.int64]) -> tuple[int, int]:
        """How many places may be taken before a table has to grow, which does so now if need be."""
        while taken[0] > FULL * len(self._slots) and 2 * len(self._slots) <= SLOTS:
            self._slots = counting.grown(self._slots)
        while taken[1] > FULL * len(self._entries) and 2 * len(self._entries) <= counting.ENTRIES:
            self._entries = counting.grown(self._entries)
        return (
            len(self._slots) if len(self._slots) >= SLOTS else int(FULL * len(self._slots)),
            len(self._entries) if len(self._entries) >= counting.ENTRIES else int(FULL * len(self._entries)),
        )

    def unlearn(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Takes back the values of those lines; their pairs and sizes stay."""
        batch = seen.batch
        for place in places.tolist():
            for part in range(int(batch.starts[place]), int(batch.starts[place + 1])):
                untaught(self._slots, self._entries, batch.slots[part], batch.values[part])

    def explain(self, seen: Seen, place: int) -> Reason:
        """The value, and how often it was seen among how many lines."""
        score, cause = float(self._said.scores[place]), int(self._said.causes[place])
        if cause == NO_CAUSE:
            return Reason(self.name, score, "all values are usual", {})
        what, count, lines, other = self._details[place].tolist()
        name, value = shown(seen.batch.part(place, cause))
        often = "never seen" if round(count) == 0 else f"seen {round(count):,} times"
        numbers: dict[str, float | str] = {name: value, "seen": round(count), "lines": round(lines)}
        if what == PAIR:
            partner, beside = shown(seen.batch.part(place, int(other)))
            numbers[partner] = beside
            text = f"{partner} {beside!r} and {name} {value!r} {often} together in {round(lines):,} lines"
        elif what == SIZE:
            text = f"{name} {value!r} is unlike the size of this number in {round(lines):,} lines"
        else:
            text = f"{name} {value!r} {often} in {round(lines):,} lines with this"
        return Reason(self.name, score, text, numbers)

    def state(self) -> dict[str, NDArray]:
        """The places that are taken, as bytes, and the lines seen."""
        slots, entries = (t[t["key"] != 0] for t in (self._slots, self._entries))
        return {
            "slots": np.frombuffer(slots.tobytes(), dtype=np.uint8),
            "entries": np.frombuffer(entries.tobytes(), dtype=np.uint8),
            "lines": np.array([self._lines]),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved counts."""
        self._slots = counting.table_of(state["slots"], SLOT, SLOTS)
        self._entries = counting.table_of(state["entries"], counting.ENTRY, counting.ENTRIES)
        self._taken[:2] = [np.count_nonzero(table["key"]) for table in (self._slots, self._entries)]
        self._lines = int(state["lines"][0])
