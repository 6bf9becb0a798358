"""Silence: a kind of line that came regularly, such as a heartbeat, and does no more while its source goes on."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Anomaly, Reason
from stream_processors.detection.counting import moved
from stream_processors.detection.detectors.kind import Seen
from stream_processors.detection.hashing import joint
from stream_processors.detection.regular import CLOCK, FOUND, MISSED, PLACES, TEMPLATE, follow

MOST_SCORE = 20.0
SILENT = np.uint64(0xD6E8FEB86659FD93)
"""With a template's id, the id of its silence, which has alerts and marks of its own."""


class Found(NamedTuple):
    """A template that fell silent, or came again."""

    line: int
    """Place of the line at which it was found."""
    template: int
    interval: float
    """Its usual one, seconds."""
    elapsed: float
    """Seconds without a line of it; 0 when it came again."""
    intervals: int
    """That are known of it."""

    @property
    def id(self) -> int:
        """Of its silence."""
        return int(joint(np.uint64(self.template), SILENT))

    @property
    def over(self) -> bool:
        """Whether it came again."""
        return self.elapsed == 0.0

    @property
    def score(self) -> float:
        """-log10 of the chance of so long an interval if lines came at random, which is more than it is."""
        return min(MOST_SCORE, self.elapsed / self.interval / log(10))

    def reason(self) -> Reason:
        """For people."""
        said = f"came every {duration(self.interval)}, and not for {duration(self.elapsed)} now"
        numbers = {"interval": round(self.interval, 3), "seconds": round(self.elapsed, 3)}
        return Reason("silence", self.score, said, numbers)


def duration(seconds: float) -> str:
    """Seconds, with as much of them as tells: ``0.25 s``, ``61 s``, ``12 min``, ``3.5 h``."""
    for least, size, unit in ((172_800.0, 86_400, "d"), (7_200.0, 3_600, "h"), (120.0, 60, "min")):
        if seconds >= least:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


class Silence:
    """The regular templates of a source in one partition."""

    def __init__(self) -> None:
        self._table, self._clock = np.zeros(PLACES, dtype=TEMPLATE), np.zeros(1, dtype=CLOCK)

    def follow(self, seen: Seen) -> Sequence[Found]:
        """Takes lines; returns what fell silent and what came again, in order."""
        found = np.zeros(2 * len(seen), dtype=FOUND)
        count = follow(seen.templates, seen.batch.times, self._table, self._clock, found)
        return [Found(*one) for one in found[:count].tolist()]

    def forget(self) -> None:
        """Begins anew."""
        self._table[:], self._clock[:] = np.zeros(1, dtype=TEMPLATE), np.zeros(1, dtype=CLOCK)

    def state(self) -> dict[str, NDArray[np.uint8]]:
        """The places that are taken, and the clock, as bytes."""
        taken = self._table[self._table["key"] != 0]
        return {
            name: np.frombuffer(table.tobytes(), dtype=np.uint8)
            for name, table in (("templates", taken), ("clock", self._clock))
        }

    def restore(self, state: dict[str, NDArray[np.uint8]]) -> None:
        """Takes up a saved state. Raises ValueError when it is none."""
        self.forget()
        self._clock[:] = np.frombuffer(state["clock"].tobytes(), dtype=CLOCK)
        moved(np.frombuffer(state["templates"].tobytes(), dtype=TEMPLATE), self._table)


def told(found: Found, seen: Seen, text: str, *, partition: int, model: str) -> Anomaly:
    """What an alert says of it; its place is that of the line at which it was found. text: of the template."""
    batch = seen.batch
    return Anomaly(
        partition=partition,
        offset=int(batch.offsets[found.line]),
        timestamp=float(batch.times[found.line]),
        score=found.score,
        threshold=min(found.score, MISSED / log(10)),
        text=text,
        format="silence",
        pattern=f"{found.id:016x}",
        model=model,
        index=-1 - int(batch.indexes[found.line]),
        reasons=() if found.over else (found.reason(),),
    )
