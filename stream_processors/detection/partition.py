"""One partition's memory of one source and what a batch of lines changes: scores, patterns, windows.

Pure of I/O: lines and vectors in, ``Findings`` out. The worker, ``scan`` and the tests all run this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Findings, Pattern, WindowPart
from connectors.records import Line
from encoder_core.vectors import unit_rows
from stream_processors.detection import snapshot
from stream_processors.detection.detector import Detector
from stream_processors.detection.detectors.forest import OnlineIsolationForest
from stream_processors.detection.features import (
    EQUAL_FEATURES,
    WIDTH,
    RecentVectors,
    SurpriseCounts,
    Surprises,
    feature_rows,
)
from stream_processors.detection.patterns import Assignment, PatternTable
from stream_processors.detection.policy import AlertPolicy
from stream_processors.detection.refinement import Refinement
from stream_processors.detection.scoring import LineScoring
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.snapshot import Part
from stream_processors.detection.texts import display_text
from stream_processors.detection.waiting import Waiting, settled
from stream_processors.detection.warmup import WarmupClock
from stream_processors.detection.windows import WindowSampler


def make_forest(settings: DetectionSettings) -> Detector:
    """The detector of the settings."""
    return OnlineIsolationForest(
        WIDTH,
        trees=settings.trees,
        reservoir=settings.reservoir,
        warmup=settings.warmup,
        refit_every=settings.refit_every,
        one_sided=True,
        blur=EQUAL_FEATURES,
        seed=settings.seed,
    )


class PartitionDetector:
    """Features, scores, patterns and windows of one partition of one source, of one model's vectors."""

    def __init__(
        self,
        source: str,
        partition: int,
        dim: int,
        settings: DetectionSettings,
        *,
        model: str = "",
        detector: Detector | None = None,
    ) -> None:
        self.source, self.partition, self.model = source, partition, model
        self._kind = snapshot.Kind(model, dim, "source")
        self._recent, self._counts = RecentVectors(dim), SurpriseCounts()
        self._patterns = PatternTable(
            dim, threshold=settings.pattern_threshold, limit=settings.pattern_limit, model=model
        )
        self._windows = WindowSampler(
            dim, seconds=settings.window_seconds, k=settings.window_lines, partition=partition, model=model
        )
        detector = make_forest(settings) if detector is None else detector
        policy = AlertPolicy(settings.alert_rate, partition=partition, model=model)
        clock = WarmupClock(settings.warmup, settings.warmup_seconds)
        self._scoring = LineScoring(detector, policy, clock)
        self._parts: dict[str, Part] = {
            "detector": detector,
            "policy": policy,
            "patterns": self._patterns,
            "recent": self._recent,
            "counts": self._counts,
            "waiting": self._scoring.waiting,
            "warmup": clock,
        }

    @property
    def warm(self) -> bool:
        """False while lines can't be scored yet."""
        return self._scoring.detector.ready

    def process(
        self,
        lines: Sequence[Line],
        vectors: NDArray[np.float32],
        findings: Findings,
        refinement: Refinement | None = None,
        *,
        now: float = 0.0,
    ) -> None:
        """Takes lines with their embeddings, float32 (lines, dim), and adds what they change to ``findings``.

        now: the worker's clock, seconds since the epoch; 0 for none.
        """
        findings.lines += len(lines)
        findings.cut += sum(line.cut for line in lines)
        findings.parse_errors += sum(line.record.parse_error is not None for line in lines)
        if lines:
            units, assignment, features = self._learn(lines, unit_rows(vectors), refinement)
            findings.anomalies += self._scoring.score(lines, features, assignment.ids, now)
            findings.patterns += self._pattern_changes(lines, assignment)
            findings.windows += self._sample(lines, units)
        self.describe(findings)

    def relearn(
        self,
        lines: Sequence[Line],
        vectors: NDArray[np.float32],
        refinement: Refinement | None = None,
        *,
        waiting_from: int | None = None,
    ) -> None:
        """Takes lines between the snapshot and the applied offset: their effects are in the store already.

        waiting_from: offset of the first line that was not scored (``Findings.waiting_from``); None when all were.
        Lines before it are never flagged again; the others wait for the end of the warm-up.
        """
        if lines:
            _, assignment, features = self._learn(lines, unit_rows(vectors), refinement)
            first = lines[-1].offset + 1 if waiting_from is None else waiting_from
            self._scoring.relearn(lines, features, assignment.ids, unscored_from=first)

    def finish(self, findings: Findings) -> None:
        """Scores lines that still wait for the end of the warm-up: for a source that ends, such as a file."""
        findings.anomalies += self._scoring.finish()
        self.describe(findings)

    def due(self, now: float) -> bool:
        """Whether the warm-up ends by time."""
        return self._scoring.due(now)

    def tick(self, findings: Findings, now: float) -> None:
        """Ends the warm-up when time does, without a further line."""
        findings.anomalies += self._scoring.tick(now)
        self.describe(findings)

    def give_up(self, findings: Findings) -> list[Waiting]:
        """Scores lines that still wait; returns them instead when they are too few, for another detector."""
        waiting = [] if self._scoring.clock.enough() else self._scoring.waiting.take()
        self.finish(findings)
        findings.warmup = None
        return waiting

    def adopt(self, waiting: Sequence[Waiting], findings: Findings, now: float) -> None:
        """Takes lines that waited elsewhere and were never scored."""
        findings.anomalies += self._scoring.adopt(waiting, now)
        self.describe(findings)

    def relearn_waiting(self, waiting: Sequence[Waiting], *, unscored_from: int | None) -> None:
        """As ``adopt``, up to the applied offset: lines before ``unscored_from``, all for None, were scored."""
        self._scoring.relearn_waiting(settled(waiting, unscored_from))

    def describe(self, findings: Findings) -> None:
        """Says of which model the findings are, and which lines wait."""
        unscored = self._scoring.waiting.unscored
        findings.model = self.model
        findings.warming_up = len(unscored)
        findings.waiting_from = min((line.offset for line in unscored), default=None)
        findings.warmup = None if self.warm else self._scoring.clock.facts()

    def _learn(
        self, lines: Sequence[Line], units: NDArray[np.float32], refinement: Refinement | None
    ) -> tuple[NDArray[np.float32], Assignment, NDArray[np.float32]]:
        """The unit vectors that counted in the end, the lines' patterns, and their features."""
        if len(lines) != len(units):
            raise ValueError(f"{len(lines)} lines but {len(units)} vectors")
        surprises = [self._counts.surprises(line.record) for line in lines]
        if refinement is not None and self.warm:
            units = self._refined(units, surprises, refinement)
        assignment = self._patterns.assign(units, [line.record.text for line in lines])
        features = feature_rows(self._recent.distances(units), assignment.rarity, surprises)
        return units, assignment, features

    def _refined(
        self, units: NDArray[np.float32], surprises: Sequence[Surprises], refinement: Refinement
    ) -> NDArray[np.float32]:
        """The vectors, those of lines within the band of an alert replaced.

        The scores that decide are a preview: each line is compared with what came before the batch, and vectors,
        patterns and detector stay as they are.
        """
        features = feature_rows(self._recent.distance(units), self._patterns.rarity(units), surprises)
        rows = self._scoring.near_alert(features, refinement.band)
        if len(rows):
            units = units.copy()
            units[rows] = unit_rows(refinement.vectors(rows))
        return units

    def _pattern_changes(self, lines: Sequence[Line], assignment: Assignment) -> list[Pattern]:
        by_name: dict[str, list[int]] = {}
        for place, name in enumerate(assignment.ids):
            by_name.setdefault(name, []).append(place)
        changes = []
        for name, places in by_name.items():
            times = [lines[place].timestamp for place in places]
            changes.append(
                Pattern(
                    id=name,
                    count=len(places),
                    first_seen=min(times),
                    last_seen=max(times),
                    example=display_text(lines[places[0]]),
                    vector=assignment.vectors[name].astype("<f2").tobytes(),
                    model=self.model,
                )
            )
        return changes

    def _sample(self, lines: Sequence[Line], units: NDArray[np.float32]) -> list[WindowPart]:
        return self._windows.add(
            np.array([line.timestamp for line in lines], dtype=np.float64),
            units,
            lambda row: display_text(lines[row]),
            [(line.offset, line.index) for line in lines],
        )

    def snapshot(self, offset: int, **beside: Part) -> bytes:
        """All but the windows, the lines that wait included, as safetensors bytes, at ``offset``.

        beside: parts of others that are kept with it.
        """
        return snapshot.save(self._parts | beside, self._kind, offset)

    def restore(self, saved: bytes, *, waiting_from: int | None = None, **beside: Part) -> int:
        """Takes up a snapshot and returns its offset. Raises ValueError, in one line, when it is not one of ours.

        waiting_from: offset of the first line that was not scored since; None when all were. beside: as it was saved.
        """
        offset = snapshot.load(saved, self._parts | beside, self._kind)
        self._scoring.waiting.settle(waiting_from)
        return offset

    def restore_windows(self, parts: Sequence[WindowPart]) -> None:
        """Goes on with the store's windows of this partition; parts of another model or length are set aside."""
        self._windows.restore(parts)
