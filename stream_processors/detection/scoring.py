"""A detector and a policy over the lines of one partition of a source, those of the warm-up included."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from connectors.findings import Anomaly
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.detector import Detector
from stream_processors.detection.policy import AlertPolicy
from stream_processors.detection.texts import shown
from stream_processors.detection.waiting import Rows, Waiting, WaitingLines
from stream_processors.detection.warmup import WarmupClock

Patterns = Callable[[int], str]


class LineScoring:
    """Scores lines and flags them, each once; lines of the warm-up wait for its end.

    Lines come with their features, float32 (lines, width), and what knows the id of the pattern of a place.
    """

    def __init__(self, detector: Detector, policy: AlertPolicy, clock: WarmupClock) -> None:
        self.detector, self.policy, self.clock = detector, policy, clock
        self.waiting = WaitingLines()

    def score(self, lines: LineBatch, features: Rows, pattern: Patterns, now: float) -> list[Anomaly]:
        """Takes new lines; returns those to flag, and those that waited when the warm-up is over."""
        if not self.detector.ready:
            self._wait(lines, features, pattern, unscored_from=int(lines.offsets[0]))
            self.clock.see(len(lines), now)
            self.detector.learn(features)
            return self.tick(now)
        late = self._score_waiting()  # of a warm-up that ended while relearning
        scores = self.detector.score(features)
        judged = self.policy.judge(scores, lines.times)
        self.detector.learn(features)
        return late + self.policy.flag(lambda place: shown(lines.line(place)), pattern, scores, judged)

    def relearn(self, lines: LineBatch, features: Rows, pattern: Patterns, *, unscored_from: int) -> None:
        """Takes lines of which those before the offset ``unscored_from`` were scored before, and flags none."""
        if self.detector.ready:
            self.policy.judge(self.detector.score(features), lines.times)
        else:
            self._wait(lines, features, pattern, unscored_from)
            self.clock.see(len(lines), 0.0)
        self.detector.learn(features)
        if self.detector.ready and not self.waiting.unscored:
            self._score_waiting()

    def due(self, now: float) -> bool:
        """Whether time ends the warm-up."""
        return not self.detector.ready and self.clock.over(now)

    def tick(self, now: float) -> list[Anomaly]:
        """Lines to flag of a warm-up that has ended, by lines or by time."""
        if self.due(now):
            self.detector.end_warmup()
        return self._score_waiting() if self.detector.ready else []

    def finish(self) -> list[Anomaly]:
        """Scores lines that still wait, for a source that ends."""
        if not self.waiting.lines:
            return []
        if not self.detector.ready:
            self.detector.end_warmup()
        return self._score_waiting() if self.detector.ready else []

    def adopt(self, waiting: Sequence[Waiting], now: float) -> list[Anomaly]:
        """Takes lines that waited elsewhere, where too few came to score them."""
        self._take(waiting, now)
        return self.tick(now)

    def relearn_waiting(self, waiting: Sequence[Waiting]) -> None:
        """As ``adopt``, of lines up to the applied offset, and flags none."""
        self._take(waiting, 0.0)
        if self.detector.ready and not self.waiting.unscored:
            self._score_waiting()

    def _take(self, waiting: Sequence[Waiting], now: float) -> None:
        if not self.detector.ready:
            self.clock.see(len(waiting), now)
        self.waiting.lines += waiting
        self.detector.learn(np.stack([entry.features for entry in waiting]))

    def _wait(self, lines: LineBatch, features: Rows, pattern: Patterns, unscored_from: int) -> None:
        known = (lines.offsets < unscored_from).tolist()
        self.waiting.lines += [
            Waiting(shown(lines.line(place)), features[place], pattern(place), known=known[place])
            for place in range(len(lines))
        ]

    def _score_waiting(self) -> list[Anomaly]:
        waiting = self.waiting.take()
        if not waiting:
            return []
        scores = self.detector.score(np.stack([entry.features for entry in waiting]))
        times = np.array([entry.line.timestamp for entry in waiting])
        judged = self.policy.judge_together(scores, times)
        new = np.array([not entry.known for entry in waiting])
        judged = judged._replace(places=judged.places[new[judged.places]])
        return self.policy.flag(
            lambda row: waiting[row].line, lambda row: waiting[row].pattern, scores, judged
        )
