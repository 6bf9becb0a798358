"""A detector and a policy over the lines of one partition of a source, those of the warm-up included."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Anomaly
from stream_processors.detection.daily import DayCounts
from stream_processors.detection.detectors.ensemble import Ensemble, Judged
from stream_processors.detection.detectors.kind import Seen
from stream_processors.detection.feedback import Marks, Verdicts
from stream_processors.detection.policy import AlertPolicy
from stream_processors.detection.texts import Shown, shown
from stream_processors.detection.waiting import Waiting, WaitingLines
from stream_processors.detection.warmup import WarmupClock

ScoreSink = Callable[[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]], None]
"""Told of every line's score once: offsets, indexes and scores, (lines,) each."""


def unheard(offsets: NDArray[np.int64], indexes: NDArray[np.int32], scores: NDArray[np.float64]) -> None:
    """The sink of those who want alerts only."""


class LineScoring:
    """Scores lines and flags them, each once; lines of the warm-up wait for its end.

    days, told: take the scores of new lines, those of the warm-up when it is over. names: of columns, who a line is
    about.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        policy: AlertPolicy,
        clock: WarmupClock,
        days: DayCounts,
        told: ScoreSink = unheard,
        names: Sequence[str] = (),
    ) -> None:
        self._names = names
        self.ensemble, self.policy, self.clock, self._told = ensemble, policy, clock, told
        self.combination, self._days = ensemble.combination, days
        self.waiting, self.verdicts = WaitingLines(), Verdicts()

    def score(self, seen: Seen, now: float) -> list[Anomaly]:
        """Takes new lines; returns those to flag, and those that waited when the warm-up is over."""
        found = []
        for part in self.ensemble.parts(seen):
            ready = self.combination.ready
            found += self._score(self.ensemble.observe(part), ready, now)
        return found

    def _score(self, judged: Judged, ready: bool, now: float) -> list[Anomaly]:
        lines = judged.seen.batch
        if not ready:
            self.clock.see(len(lines), now)
            if self.due(now):
                self.combination.end_warmup()
            if self.combination.ready:
                return self._score_waiting(judged)
            self._wait(judged, unscored_from=int(lines.offsets[0]))
            return []
        late = self._score_waiting()  # of a warm-up that ended while relearning
        scores = judged.scores
        verdict = self.policy.judge(scores, lines.times, self._marks(judged.seen))
        self._told(lines.offsets, lines.indexes, scores)
        self._days.scored(lines.times, scores)
        flagged = self.policy.flag(
            lambda place: shown(lines.line(place), lines.parameters(place), self._names),
            judged.pattern,
            lambda place: self.ensemble.reasons(judged, place),
            scores,
            verdict,
        )
        self.ensemble.doubt(judged.seen, verdict.places)
        return late + flagged

    def _marks(self, seen: Seen) -> Marks:
        """What people said of each line's pattern."""
        return self.verdicts.marks(seen.templates, seen.patterns, seen.now)

    def relearn(self, seen: Seen, *, unscored_from: int) -> None:
        """Takes lines of which those before the offset ``unscored_from`` were scored before, and flags none."""
        for part in self.ensemble.parts(seen):
            ready = self.combination.ready
            judged = self.ensemble.observe(part)
            if not ready:
                self._wait(judged, unscored_from)
                self.clock.see(len(part), 0.0)
            if ready:
                verdict = self.policy.judge(judged.scores, part.batch.times, self._marks(part))
                self.ensemble.doubt(part, verdict.places)
            if self.combination.ready and not self.waiting.unscored:
                self._score_waiting()

    def due(self, now: float) -> bool:
        """Whether time ends the warm-up."""
        return not self.combination.ready and self.clock.over(now)

    def tick(self, now: float) -> list[Anomaly]:
        """Lines to flag of a warm-up that has ended, by lines or by time."""
        if self.due(now):
            self.combination.end_warmup()
        return self._score_waiting() if self.combination.ready else []

    def finish(self) -> list[Anomaly]:
        """Scores lines that still wait, for a source that ends."""
        if not self.waiting.lines:
            return []
        if not self.combination.ready:
            self.combination.end_warmup()
        return self._score_waiting() if self.combination.ready else []

    def adopt(self, waiting: Sequence[Waiting], now: float) -> list[Anomaly]:
        """Takes lines that waited elsewhere, where too few came to score them."""
        self._take(waiting, now)
        return self.tick(now)

    def relearn_waiting(self, waiting: Sequence[Waiting]) -> None:
        """As ``adopt``, of lines up to the applied offset, and flags none."""
        self._take(waiting, 0.0)
        if self.combination.ready and not self.waiting.unscored:
            self._score_waiting()

    def _take(self, waiting: Sequence[Waiting], now: float) -> None:
        if not self.combination.ready:
            self.clock.see(len(waiting), now)
        self.waiting.lines += waiting
        self.combination.observe(np.stack([entry.features for entry in waiting]))

    def _wait(self, judged: Judged, unscored_from: int) -> None:
        """Lets lines wait, as alerts would say them; those before an offset are known, and never flagged."""
        known = judged.seen.batch.offsets < unscored_from
        self.waiting.lines += [
            Waiting(
                unshown(judged, place) if known[place] else self._show(judged, place),
                judged.rows[place],
                judged.pattern(place),
                known=bool(known[place]),
                reasons=() if known[place] else self.ensemble.reasons(judged, place),
            )
            for place in range(len(judged.seen))
        ]

    def _show(self, judged: Judged, place: int) -> Shown:
        lines = judged.seen.batch
        return shown(lines.line(place), lines.parameters(place), self._names)

    def _score_waiting(self, last: Judged | None = None) -> list[Anomaly]:
        """Scores the lines that wait, together with those that were observed last and are new.

        Of the latter only those that are flagged are shown and explained: a warm-up is often one batch.
        """
        waiting = self.waiting.take()
        new = [entry.line for entry in waiting if not entry.known]
        rows = [entry.features for entry in waiting]
        times = np.array([entry.line.timestamp for entry in waiting])
        offsets = np.array([line.offset for line in new], dtype=np.int64)
        indexes = np.array([line.index for line in new], dtype=np.int32)
        patterns = np.array([int(entry.pattern, 16) for entry in waiting], dtype=np.uint64)
        kept = np.array([not entry.known for entry in waiting], dtype=bool)
        if last is not None:
            lines, rows = last.seen.batch, [*rows, *last.rows]
            times = np.concatenate([times, lines.times])
            offsets = np.concatenate([offsets, lines.offsets])
            indexes = np.concatenate([indexes, lines.indexes])
            patterns = np.concatenate([patterns, last.seen.patterns])
            kept = np.concatenate([kept, np.ones(len(last.seen), dtype=bool)])
        if not rows:
            return []
        scores = self.combination.settle(np.stack(rows))
        verdict = self.policy.judge_together(scores, times, self.verdicts.marks(patterns, patterns, 0.0))
        self._told(offsets, indexes, scores[kept])
        self._days.scored(times[kept], scores[kept])

        def of(row: int) -> Waiting:
            if last is None or row < len(waiting):
                return waiting[row]
            place = row - len(waiting)
            reasons = self.ensemble.reasons(last, place)
            return Waiting(self._show(last, place), last.rows[place], last.pattern(place), False, reasons)

        flagged = {row: of(row) for row in verdict.places[kept[verdict.places]].tolist()}
        return self.policy.flag(
            lambda row: flagged[row].line,
            lambda row: flagged[row].pattern,
            lambda row: flagged[row].reasons,
            scores,
            verdict._replace(places=verdict.places[kept[verdict.places]]),
        )


def unshown(judged: Judged, place: int) -> Shown:
    """What is kept of a line that waits and is never shown."""
    lines = judged.seen.batch
    return Shown(
        int(lines.offsets[place]), int(lines.indexes[place]), float(lines.times[place]), "", "", False
    )
