"""What a line is about was in other unusual lines: one odd thing is chance, several about one user, host or id are not.

Of each value it is known how unusual the lines with it were, beyond USUAL nats, and in how many templates. Its risk is
the mean over its lines, and no more than that over its templates without the most unusual one: so a value that is in
all lines has none, nor has one that is new with one new template. A line's is the highest of its values', from lines
before it, and added to its score. Risk by entity is what security teams add alerts up by (risk-based alerting). What
the kinds of surprise know is kept as they have it: this only reads their common score.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel
from stream_processors.detection.counting import ask_for, faded, moved
from stream_processors.detection.detectors.entities import kept
from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises
from stream_processors.detection.detectors.slotcounts import shown

USUAL = 3.0
"""Nats of a line that is not unusual: one in twenty of a kind."""
LINES = 3.0
"""Usual lines that a value is taken to have had before."""
WEIGHT = 1.5
"""What risk counts beside a line's own surprise."""
PLACES = 32_768
"""Values known, 1.8 MiB; what was seen longest ago makes room."""
VALUE = np.dtype(
    [
        ("key", "<u8"),
        ("seen", "<i8"),  # line of the source
        ("templates", "<u8"),  # a bit for each of those that it was in, by their hash
        ("lines", "<f4"),
        ("nats", "<f4"),  # of them, beyond USUAL
        ("kinds", "<f4"),  # templates
        ("firsts", "<f4"),  # nats of each one's first line
        ("most", "<f4"),  # of the highest of those
    ],
    align=True,
)
"""A value: lines, templates and their nats, which fade as counts do."""
FORGOTTEN = 0.05
"""Share that is left of what is not known any more."""
AHEAD = 2
"""Lines before its own that a value is asked for in."""


@helper(inline=True)
def risk_of(one: Any) -> float:
    """The risk of a value, in nats."""
    return max(0.0, min(one.nats / (one.lines + LINES), (one.firsts - one.most) / (one.kinds + LINES - 1.0)))


@kernel
def follow_values(
    clock: int,
    starts: NDArray[np.int64],
    values: NDArray[np.uint64],
    naming: NDArray[np.bool_],
    templates: NDArray[np.uint64],
    nats: NDArray[np.float64],
    table: NDArray,
    scores: NDArray[np.float32],
    causes: NDArray[np.int64],
    details: NDArray[np.float64],
) -> None:
    """Scores lines by what their values were in before, and notes them.

    naming: whether a part may name a thing. nats: how unusual lines are, (lines,).
    details: (lines, 2) lines and templates of the value that is the cause.
    """
    lines = len(templates)
    for line in range(lines):
        for part in range(starts[min(line + AHEAD, lines)], starts[min(line + AHEAD + 1, lines)]):
            if naming[part]:
                ask_for(table, values[part])
        now = clock + line
        bit = np.uint64(1) << (templates[line] & np.uint64(63))
        more = np.float32(max(0.0, nats[line] - USUAL))
        for part in range(starts[line], starts[line + 1]):
            if not naming[part]:
                continue
            one = table[kept(table, values[part], now)]
            left = faded(1.0, now - one.seen)
            if one.key != values[part] or left < FORGOTTEN:
                one.key, one.templates, left = values[part], np.uint64(0), 0.0
            one.seen = now
            one.lines *= left
            one.nats *= left
            one.kinds *= left
            one.firsts *= left
            one.most *= left
            score = WEIGHT * risk_of(one)
            if score > scores[line]:
                scores[line], causes[line] = score, part
                details[line, 0], details[line, 1] = one.lines, one.kinds
            one.lines += 1.0
            one.nats += more
            if not one.templates & bit:
                one.templates |= bit
                one.kinds += 1.0
                one.firsts += more
                one.most = max(one.most, more)


class Risk:
    """What earlier lines with the same values add to how unusual a line is, of one source in one partition."""

    name = "risk"

    def __init__(self) -> None:
        self._table, self._lines = np.zeros(PLACES, dtype=VALUE), 0
        self._said = Surprises(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64))
        self._details = np.zeros((0, 2))

    def follow(self, seen: Seen, nats: NDArray[np.float64]) -> NDArray[np.float32]:
        """What is added to each line, in nats, (lines,), by those before it; learns how unusual each is, (lines,)."""
        batch = seen.batch
        scores = np.zeros(len(seen), dtype=np.float32)
        causes, details = np.full(len(seen), NO_CAUSE), np.zeros((len(seen), 2))
        follow_values(
            self._lines,
            batch.starts,
            batch.values,
            seen.naming,
            seen.templates,
            nats,
            self._table,
            scores,
            causes,
            details,
        )
        self._lines += len(seen)
        self._said, self._details = Surprises(scores, causes), details
        return scores

    def explain(self, seen: Seen, place: int) -> Reason | None:
        """The value that other unusual lines had, asked right after ``follow``; None without one."""
        part = int(self._said.causes[place])
        if part == NO_CAUSE:
            return None
        name, value = shown(seen.batch.part(place, part))
        lines, templates = (round(number) for number in self._details[place].tolist())
        text = f"{name} {value!r} was in {lines:,} lines of {templates:,} templates before, unusual ones among them"
        numbers: dict[str, float | str] = {name: value, "lines": lines, "templates": templates}
        return Reason(self.name, float(self._said.scores[place]), text, numbers)

    def state(self) -> dict[str, NDArray]:
        """The places that are taken, as bytes, and the lines seen."""
        taken = self._table[self._table["key"] != 0]
        return {"values": np.frombuffer(taken.tobytes(), dtype=np.uint8), "lines": np.array([self._lines])}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved state. Raises ValueError when it is none."""
        self._table[:] = np.zeros(1, dtype=VALUE)
        moved(np.frombuffer(state["values"].tobytes(), dtype=VALUE), self._table)
        self._lines = int(state["lines"][0])
