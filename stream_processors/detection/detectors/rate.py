"""Bursts: what comes far more often in the last minute than its own history and the time of day say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream_processors.detection.counting import moved
from stream_processors.detection.detectors.bursts import (
    COUNT,
    HOUR,
    HOURS,
    LEVELS,
    PLACES,
    SLOT,
    SLOTS,
    count_lines,
    untaught,
)
from stream_processors.detection.detectors.clock import CLOCK, WINDOW_LINES
from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises
from stream_processors.detection.detectors.slotcounts import shown


class Rate:
    """-log of the share of times that a template, its pattern or a value came as much more often than usual.

    A value is one of a column or parameter with few. Lines count less and less over WINDOW seconds in what is now, and
    over HISTORY in what is usual. What is in the window is no history yet; earlier bursts and counts at this hour of
    earlier days are. The clock is the lines' own time and goes not back for a late line; while time stands still, as in
    lines without one, places take its part. What stops coming has no line that could say so: see ``silence``.
    """

    name = "rate"

    def __init__(self) -> None:
        self._tables = {
            name: np.zeros(size, dtype=kind)
            for name, size, kind in (
                ("counts", PLACES, COUNT),
                ("slots", SLOTS, SLOT),
                ("hours", HOURS, HOUR),
                ("clock", 1, CLOCK),
            )
        }
        self._reached = np.zeros((2, LEVELS))
        self._said = Surprises(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64))
        self._details = np.zeros((0, 2))

    def observe(self, seen: Seen) -> Surprises:
        """Scores each line with what came before it, and learns it."""
        batch, tables = seen.batch, self._tables
        scores = np.zeros(len(seen), dtype=np.float32)
        causes, details = np.full(len(seen), NO_CAUSE), np.zeros((len(seen), 2))
        count_lines(
            batch.starts,
            batch.slots,
            seen.standing,
            batch.types,
            batch.times,
            seen.templates,
            seen.patterns,
            (tables["counts"], tables["slots"], tables["hours"], tables["clock"]),
            self._reached,
            scores,
            causes,
            details,
        )
        self._said, self._details = Surprises(scores, causes), details
        return self._said

    def unlearn(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Takes those lines from what is usual; in what is now they stay."""
        batch = seen.batch
        for place in places.tolist():
            keys = [int(seen.templates[place])]
            if seen.patterns[place] != seen.templates[place]:
                keys.append(int(seen.patterns[place]))
            keys += seen.standing[batch.starts[place] : batch.starts[place + 1]].tolist()
            for key in keys:
                untaught(self._tables["counts"], np.uint64(key))

    def explain(self, seen: Seen, place: int) -> Reason:
        """How often it came in the last window, and how often it usually does."""
        score, part = float(self._said.scores[place]), int(self._said.causes[place])
        now, usual = self._details[place].tolist()
        if score == 0.0:
            return Reason(self.name, score, "no more often than usual", {})
        numbers: dict[str, float | str] = {"now": round(now), "usual": round(usual, 2)}
        what = "this kind of line"
        if part != NO_CAUSE:
            name, value = shown(seen.batch.part(place, part))
            numbers[name], what = value, f"{name} {value!r}"
        unit = "a minute" if self._tables["clock"]["timed"][0] else f"in {WINDOW_LINES} lines"
        expected = f"{usual:,.0f}" if usual >= 2 else f"{usual:.2g}"
        return Reason(self.name, score, f"{what}: {now:,.0f} {unit}, usually {expected}", numbers)

    def state(self) -> dict[str, NDArray]:
        """The places that are taken of each table, as bytes, and times by the level that they reached."""
        tables = {
            name: np.frombuffer(
                (table if name == "clock" else table[table["key"] != 0]).tobytes(), dtype=np.uint8
            )
            for name, table in self._tables.items()
        }
        return {**tables, "reached": self._reached}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved state. Raises ValueError when it is none."""
        if state["reached"].shape != self._reached.shape:
            raise ValueError(f"reached must be {self._reached.shape}, got {state['reached'].shape}")
        self._reached = state["reached"].copy()
        for name, table in self._tables.items():
            saved = np.frombuffer(state[name].tobytes(), dtype=table.dtype)
            table[:] = np.zeros(1, dtype=table.dtype)
            if name == "clock":
                table[:] = saved
            else:
                moved(saved, table)
