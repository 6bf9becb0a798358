"""A detector and a policy over the lines of one partition, those of the warm-up included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Anomaly
from connectors.records import Line
from stream_processors.detection.detector import Detector
from stream_processors.detection.policy import AlertPolicy

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line seen during warm-up, to be scored at its end."""

    line: Line
    features: Rows
    pattern: str
    known: bool
    """Whether it was scored in an earlier life of the worker: it counts for the threshold, and is not flagged again."""


class LineScoring:
    """Scores lines and flags them, each once; lines of the warm-up wait for its end.

    Lines come with their features, float32 (lines, width), and the ids of their patterns.
    """

    def __init__(self, detector: Detector, policy: AlertPolicy) -> None:
        self.detector, self.policy = detector, policy
        self._waiting: list[Waiting] = []

    @property
    def settled(self) -> bool:
        """Whether no line waits, not even one that only counts for the threshold."""
        return not self._waiting

    @property
    def unscored(self) -> list[Line]:
        """Lines that were never scored, in order."""
        return [entry.line for entry in self._waiting if not entry.known]

    def near_alert(self, features: Rows, band: float) -> NDArray[np.int64]:
        """Places of the rows that an alert rate ``band`` times as high would flag; the detector is warm."""
        return self.policy.reaches(self.detector.score(features), band=band)

    def score(self, lines: Sequence[Line], features: Rows, patterns: Sequence[str]) -> list[Anomaly]:
        """Takes new lines; returns those to flag, and those that waited when the warm-up is over."""
        if not self.detector.ready:
            self._wait(lines, features, patterns, unscored_from=lines[0].offset)
            self.detector.learn(features)
            return self._score_waiting() if self.detector.ready else []
        late = self._score_waiting()  # of a warm-up that ended while relearning
        scores = self.detector.score(features)
        self.policy.observe(scores)
        self.detector.learn(features)
        return late + self.policy.flag(lines, patterns, scores)

    def relearn(
        self, lines: Sequence[Line], features: Rows, patterns: Sequence[str], *, unscored_from: int
    ) -> None:
        """Takes lines of which those before the offset ``unscored_from`` were scored before, and flags none."""
        if self.detector.ready:
            self.policy.observe(self.detector.score(features))
        else:
            self._wait(lines, features, patterns, unscored_from)
        self.detector.learn(features)
        if self.detector.ready and not self.unscored:
            self._score_waiting()

    def finish(self) -> list[Anomaly]:
        """Scores lines that still wait, for a source that ends."""
        if not self._waiting:
            return []
        if not self.detector.ready:
            self.detector.end_warmup()
        return self._score_waiting() if self.detector.ready else []

    def _wait(
        self, lines: Sequence[Line], features: Rows, patterns: Sequence[str], unscored_from: int
    ) -> None:
        self._waiting += [
            Waiting(line, row, pattern, known=line.offset < unscored_from)
            for line, row, pattern in zip(lines, features, patterns, strict=True)
        ]

    def _score_waiting(self) -> list[Anomaly]:
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        scores = self.detector.score(np.stack([entry.features for entry in waiting]))
        self.policy.observe(scores)
        new = [row for row, entry in enumerate(waiting) if not entry.known]
        return self.policy.flag(
            [waiting[row].line for row in new], [waiting[row].pattern for row in new], scores[new]
        )
