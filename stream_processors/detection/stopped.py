"""A source that has no line any more at all, and when it comes again. By the worker's clock: no line could tell it."""

from __future__ import annotations

from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Anomaly, Reason
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.silence import MOST_SCORE, duration

STOPPED = np.uint64(0xA0761D6478BD642F)
"""Id of the alert, in each source."""
INDEX = -(1 << 30)
"""Stands for a line's place in its message: there is no line."""
LEAST_LINES, LEAST_SPAN = 100, 3_600.0
"""Lines of a source, and seconds from its first to its last one, before it can be missed."""
MISSED, LEAST_SECONDS, LONGER = 10.0, 120.0, 2.0
"""Usual intervals, seconds, and times the longest stretch without a line so far, that it is to be away at least."""
USUAL_HALF, LONGEST_HALF = 86_400.0, 14 * 86_400.0
"""Seconds after which a line counts half for the usual interval, and a stretch without one is half as long."""
ATTENTION = 60.0
"""Seconds without being asked after which nobody can have listened."""


class Away(NamedTuple):
    """A source that stopped, or came again."""

    seconds: float
    """Without a line."""
    interval: float
    """Its usual one, seconds."""
    time: float
    """When it was found, seconds since the epoch."""
    offset: int
    """Of its last line before."""
    over: bool
    """Whether it came again."""

    def anomaly(self, source: str, *, partition: int, model: str) -> Anomaly:
        """What an alert says of it."""
        score = min(MOST_SCORE, self.seconds / self.interval / log(10))
        rate = 60.0 / self.interval
        said = f"had {rate:.2g} lines a minute, and none for {duration(self.seconds)} now"
        if self.over:
            said = f"came back after {duration(self.seconds)}; {rate:.2g} lines a minute are usual"
        numbers: dict[str, float | str] = {"a_minute": round(rate, 3), "seconds": round(self.seconds, 3)}
        return Anomaly(
            partition=partition,
            offset=self.offset,
            timestamp=self.time,
            score=score,
            threshold=min(score, MISSED / log(10)),
            text=f"no line of {source} in partition {partition}",
            format="silence",
            pattern=f"{int(STOPPED):016x}",
            model=model,
            index=INDEX,
            reasons=(Reason("silence", score, said, numbers),),
        )


class Stopped:
    """Notices when the lines of a source in one partition end. How they are cut into batches changes nothing."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begins anew."""
        self._lines, self._first, self._last, self._offset = 0, 0.0, 0.0, 0
        self._count, self._longest = 0.0, 0.0
        self._told = False
        self._heard = self._asked = 0.0

    @property
    def interval(self) -> float:
        """The usual one between lines, seconds: both lines and time fade."""
        passed = (1.0 - 0.5 ** ((self._last - self._first) / USUAL_HALF)) * USUAL_HALF / log(2.0)
        return max(passed / max(self._count, 1.0), 1e-6)

    def follow(self, batch: LineBatch, now: float) -> Away | None:
        """Takes lines; returns that the source is back when it was told that it had stopped. now: 0 for no clock."""
        times = batch.times[np.isfinite(batch.times) & (batch.times > 0.0)]
        if not len(times):
            return None
        self._heard, interval = max(self._heard, now), self.interval
        begin = self._last or float(times[0])
        self._first = self._first or begin
        at = np.maximum.accumulate(np.concatenate([[begin], times]))
        gaps, end = np.diff(at), float(at[-1])
        ages = (end - at[1:]) / LONGEST_HALF
        before = self._longest * 0.5 ** ((end - begin) / LONGEST_HALF)
        self._longest = max(before, float((gaps * 0.5**ages).max()))
        self._count *= 0.5 ** ((end - begin) / USUAL_HALF)
        self._count += float((0.5 ** ((end - at[1:]) / USUAL_HALF)).sum())
        self._lines, self._last = self._lines + len(times), end
        back = Away(float(gaps[0]), interval, float(at[1]), self._offset, True) if self._told else None
        self._offset, self._told = int(batch.offsets[-1]), False
        return back

    def due(self, now: float) -> bool:
        """Whether the source has been away for too long, by the worker's clock, and that is not told yet."""
        if now - self._asked > ATTENTION:  # or just begun to listen
            self._heard = max(self._heard, now)
        self._asked = now
        if self._told or self._lines < LEAST_LINES or self._last - self._first < LEAST_SPAN:
            return False
        away = now - max(self._heard, self._last)
        return away > max(LEAST_SECONDS, MISSED * self.interval, LONGER * self._longest)

    def tick(self, now: float) -> Away | None:
        """That the source has stopped, told once."""
        if not self.due(now):
            return None
        self._told = True
        return Away(now - self._last, self.interval, now, self._offset, False)

    def state(self) -> dict[str, NDArray]:
        """What is known of its lines, and whether it was told."""
        known = (self._first, self._last, self._count, self._longest)
        return {
            "known": np.array(known),
            "lines": np.array([self._lines, self._offset, self._told], dtype=np.int64),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved state. Raises ValueError when it is none."""
        self._first, self._last, self._count, self._longest = state["known"].tolist()
        self._lines, self._offset, told = state["lines"].tolist()
        self._told = bool(told)
