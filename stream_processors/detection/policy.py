"""Where a score becomes an alert."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Anomaly, Reason
from stream_processors.detection.budget import EVERYTHING, Budget
from stream_processors.detection.feedback import MALICIOUS, Marks
from stream_processors.detection.pace import Pacer
from stream_processors.detection.quantile import TailQuantile
from stream_processors.detection.texts import Shown

EQUAL_SCORES = 0.1
"""Scores that differ by less are ties: those of equal lines wander by as much as shares and tails do."""
STEP = 128
"""Lines that share one threshold at most."""
AT_ONCE = 4
"""Flagged lines after which the threshold is renewed at once: a burst of equal lines is known for one then."""


MARKED = Reason("marked", 0.0, "its pattern was marked as malicious")


class Judged(NamedTuple):
    """What the policy says of lines."""

    places: NDArray[np.int64]
    """Those to flag, (k,)."""
    thresholds: NDArray[np.float64]
    """What each line's score had to reach, (lines,)."""
    raised: frozenset[int] = frozenset()
    """Those of them that are flagged because someone said that they are malicious."""


class AlertPolicy:
    """Flags the most unusual lines of a partition, as many as the budget allows.

    The threshold is the quantile of recent scores at the share that the budget allows now (``pace.Pacer``), renewed
    after ``STEP`` lines, or a few that were flagged. So how lines are cut into batches changes nothing.
    Scores that are nearly equal pass together or not at all (``quantile.TailQuantile``): equal lines are no alert
    when they are more than that share.
    """

    def __init__(self, budget: Budget, *, partition: int, model: str) -> None:
        self._partition, self._model = partition, model
        self.pacer = Pacer(budget)
        self._quantile = TailQuantile(tolerance=EQUAL_SCORES)
        self._everything = budget.share is not None and budget.share >= EVERYTHING
        self._threshold, self._since, self._passed = self._at(1.0), 0, 0

    def judge(self, scores: NDArray[np.float64], times: NDArray[np.float64], marks: Marks = None) -> Judged:
        """Takes scores of lines and their times, (lines,) each, in order.

        marks: what people said of them. Those that are benign are never flagged, those that are malicious always, and
        neither of them counts.
        """
        if marks is not None:
            return self._but_marked(self.judge, scores, times, marks)
        single = scores.astype(np.float32)
        if self._everything:
            return self.judge_together(scores, times)
        thresholds = np.empty(len(scores))
        at = 0
        while at < len(scores):
            end = min(at + STEP - self._since, len(scores))
            passing = np.flatnonzero(single[at:end] >= self._threshold)
            if len(passing) >= AT_ONCE - self._passed:
                end = at + int(passing[AT_ONCE - self._passed - 1]) + 1
                passing = passing[: AT_ONCE - self._passed]
            thresholds[at:end] = self._threshold
            allowed = self._learn(single[at:end], times[at:end])
            self.pacer.spend(allowed, len(passing))
            self._since, self._passed = self._since + end - at, self._passed + len(passing)
            if self._since == STEP or self._passed == AT_ONCE:
                self._renew()
            at = end
        return Judged(np.flatnonzero(single >= thresholds), thresholds)

    def judge_together(
        self, scores: NDArray[np.float64], times: NDArray[np.float64], marks: Marks = None
    ) -> Judged:
        """As ``judge``, of lines that waited: all are known before the first is judged, by one threshold."""
        if marks is not None:
            return self._but_marked(self.judge_together, scores, times, marks)
        single = scores.astype(np.float32)
        allowed = self._learn(single, times)
        threshold = self._at(self.pacer.share())
        places = np.flatnonzero(single >= threshold)
        self.pacer.spend(allowed, len(places))
        self._renew()
        return Judged(places, np.full(len(scores), threshold))

    def _but_marked(
        self,
        judge: Callable[[NDArray[np.float64], NDArray[np.float64]], Judged],
        scores: NDArray[np.float64],
        times: NDArray[np.float64],
        marks: NDArray[np.int8],
    ) -> Judged:
        places = np.flatnonzero(marks == 0)
        judged = judge(scores[places], times[places])
        thresholds = np.full(len(scores), self._threshold)
        thresholds[places] = judged.thresholds
        raised = np.flatnonzero(marks == MALICIOUS)
        return Judged(np.union1d(places[judged.places], raised), thresholds, frozenset(raised.tolist()))

    def _learn(self, scores: NDArray[np.float32], times: NDArray[np.float64]) -> float:
        """Takes note of lines; returns how many of them the budget allows."""
        allowed = self.pacer.see(times)
        self._quantile.update(scores, self.pacer.share())
        return allowed

    def _renew(self) -> None:
        """Makes the threshold for the next lines."""
        self._threshold, self._since, self._passed = self._at(self.pacer.share_now()), 0, 0

    def _at(self, share: float) -> float:
        return 0.0 if self._everything else self._quantile.threshold(share, self.pacer.share())

    def flag(
        self,
        show: Callable[[int], Shown],
        pattern: Callable[[int], str],
        reasons: Callable[[int], tuple[Reason, ...]],
        scores: NDArray[np.float64],
        judged: Judged,
    ) -> list[Anomaly]:
        """The alerts among lines that were judged.

        show: what an alert says of a line, asked for those that are flagged. pattern: the id of its pattern.
        reasons: why it is unusual.
        """
        found, lines = [], self._quantile.lines
        shares = self._quantile.shares(scores[judged.places]).tolist()
        for row, share in zip(judged.places.tolist(), shares, strict=True):
            line = show(row)
            found.append(
                Anomaly(
                    partition=self._partition,
                    offset=line.offset,
                    timestamp=line.timestamp,
                    score=float(scores[row]),
                    threshold=min(float(judged.thresholds[row]), float(scores[row])),
                    text=line.text,
                    format=line.format,
                    pattern=pattern(row),
                    cut=line.cut,
                    model=self._model,
                    index=line.index,
                    reasons=(MARKED,) * (row in judged.raised) + reasons(row),
                    entities=line.entities,
                    share=share,
                    among=lines,
                )
            )
        return found

    def state(self) -> dict[str, NDArray]:
        """The scores it remembers, and what it has spent."""
        own = {"judge": np.array([self._threshold, self._since, self._passed])}
        return self._quantile.state() | self.pacer.state() | own

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved state."""
        self._quantile.restore(state)
        self.pacer.restore(state)
        threshold, since, passed = state["judge"].tolist()
        self._threshold, self._since, self._passed = threshold, int(since), int(passed)
