"""One partition's memory and what a batch of lines changes: scores, patterns, windows.

Pure of I/O: lines and vectors in, ``Changes`` out. The worker, ``scan`` and the tests all run this.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from connectors.findings import Anomaly, Changes, Pattern, WindowPart
from connectors.records import Line
from encoder_core.vectors import unit_rows
from stream_processors.detection.detectors.forest import OnlineIsolationForest
from stream_processors.detection.features import WIDTH, RecentVectors, SurpriseCounts, Surprises, feature_rows
from stream_processors.detection.patterns import Assignment, PatternTable
from stream_processors.detection.quantile import SlidingQuantile
from stream_processors.detection.windows import WindowSampler

STATE_VERSION = 2
EQUAL_FEATURES = 0.02
"""Features that differ by less are alike: those of equal lines creep by some thousandths as counts grow."""
EQUAL_SCORES = 0.02
"""Scores that differ by less are ties: those of equal lines wander by as much while trees are renewed."""
TEXT_CHARACTERS = 4_000
"""Characters of a line kept with an anomaly or as a pattern's example."""


class DetectionSettings(BaseModel):
    """What counts as unusual, as one pattern, and as one window."""

    model_config = ConfigDict(extra="forbid")

    alert_rate: float = Field(
        0.005, gt=0, lt=1, description="Share of recent lines to flag, the most unusual"
    )
    trees: int = Field(100, ge=10, le=1_000, description="Trees of the isolation forest")
    reservoir: int = Field(4_096, ge=256, le=100_000, description="Recent lines the forest remembers")
    warmup: int = Field(512, ge=16, description="Lines before the first score; they are scored then")
    refit_every: int = Field(512, ge=16, description="Lines between renewals of a tenth of the trees")
    pattern_threshold: float = Field(
        0.95, ge=-1, le=1, description="Cosine from which a line joins a pattern"
    )
    pattern_limit: int = Field(
        1_000, ge=1, le=100_000, description="Patterns kept per partition and in the store"
    )
    window_seconds: int = Field(60, ge=1, description="Length of a tumbling window")
    window_lines: int = Field(10, ge=1, le=1_000, description="Most diverse lines kept of a window")
    seed: int = Field(0, description="Seed of the forest")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.warmup > self.reservoir:
            raise ValueError(
                f"detection.warmup={self.warmup} never ends with detection.reservoir={self.reservoir} lines"
            )
        return self


@dataclass(frozen=True, slots=True)
class Refinement:
    """Better vectors for those lines of a batch whose scores may come to an alert."""

    band: float
    """Refined are lines that an alert rate this many times as high would flag."""
    vectors: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    """Places in the batch, (rows,), to their vectors, float32 (rows, dim)."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line seen during warm-up, to be scored at its end."""

    line: Line
    features: NDArray[np.float32]
    pattern: str
    known: bool
    """Whether it was scored in an earlier life of the worker: it counts for the threshold, and is not flagged again."""


def display_text(line: Line) -> str:
    """The line as it came, for people: undecodable bytes replaced, cut to a few kilobytes."""
    if line.value is None:
        return line.record.text[:TEXT_CHARACTERS].encode("utf-8", "replace").decode()
    return line.value[: 4 * TEXT_CHARACTERS].decode("utf-8", "replace")[:TEXT_CHARACTERS]


class PartitionDetector:
    """Forest, quantile, patterns and windows of one partition of one source."""

    def __init__(
        self, source: str, partition: int, dim: int, settings: DetectionSettings, *, model: str = ""
    ) -> None:
        self.source, self.partition, self.model = source, partition, model
        self._dim = dim
        self._recent = RecentVectors(dim)
        self._counts = SurpriseCounts()
        self._forest = OnlineIsolationForest(
            WIDTH,
            trees=settings.trees,
            reservoir=settings.reservoir,
            warmup=settings.warmup,
            refit_every=settings.refit_every,
            one_sided=True,
            blur=EQUAL_FEATURES,
            seed=settings.seed,
        )
        self._quantile = SlidingQuantile(settings.alert_rate, tolerance=EQUAL_SCORES)
        self._patterns = PatternTable(
            dim, threshold=settings.pattern_threshold, limit=settings.pattern_limit, model=model
        )
        self._windows = WindowSampler(
            dim, seconds=settings.window_seconds, k=settings.window_lines, partition=partition, model=model
        )
        self._waiting: list[Waiting] = []

    @property
    def warm(self) -> bool:
        """False while lines can't be scored yet."""
        return self._forest.ready

    def process(
        self,
        lines: Sequence[Line],
        vectors: NDArray[np.float32],
        changes: Changes,
        refinement: Refinement | None = None,
    ) -> None:
        """Takes lines with their embeddings, float32 (lines, dim), and adds what they change to ``changes``."""
        changes.lines += len(lines)
        changes.cut += sum(line.cut for line in lines)
        changes.parse_errors += sum(line.record.parse_error is not None for line in lines)
        if lines:
            units, assignment, features = self._learn(lines, unit_rows(vectors), refinement)
            changes.anomalies += self._score(lines, features, assignment.ids)
            changes.patterns += self._pattern_changes(lines, assignment)
            changes.windows += self._sample(lines, units)
        self._describe(changes)

    def relearn(
        self,
        lines: Sequence[Line],
        vectors: NDArray[np.float32],
        refinement: Refinement | None = None,
        *,
        waiting_from: int | None = None,
    ) -> None:
        """Takes lines between the snapshot and the applied offset: their effects are in the store already.

        waiting_from: offset of the first line that was not scored (``Changes.waiting_from``); None when all were.
        Lines before it are never flagged again; the others wait for the end of the warm-up.
        """
        if not lines:
            return
        _, assignment, features = self._learn(lines, unit_rows(vectors), refinement)
        first = lines[-1].offset + 1 if waiting_from is None else waiting_from
        if self._forest.ready:
            self._quantile.update(self._forest.score(features))
        else:
            self._wait(lines, features, assignment.ids, first)
        self._forest.learn(features)
        if self._forest.ready and not self._unscored():
            self._score_waiting()

    def _learn(
        self, lines: Sequence[Line], units: NDArray[np.float32], refinement: Refinement | None
    ) -> tuple[NDArray[np.float32], Assignment, NDArray[np.float32]]:
        """The unit vectors that counted in the end, the lines' patterns, and what the forest sees of them."""
        if len(lines) != len(units):
            raise ValueError(f"{len(lines)} lines but {len(units)} vectors")
        surprises = [self._counts.surprises(line.record) for line in lines]
        if refinement is not None and self._forest.ready:
            units = self._refined(units, surprises, refinement)
        assignment = self._patterns.assign(units, [line.record.text for line in lines])
        features = feature_rows(self._recent.distances(units), assignment.rarity, surprises)
        return units, assignment, features

    def _refined(
        self, units: NDArray[np.float32], surprises: Sequence[Surprises], refinement: Refinement
    ) -> NDArray[np.float32]:
        """The vectors, those of lines within the band of an alert replaced.

        The scores that decide are a preview: each line is compared with what came before the batch, and vectors,
        patterns and forest stay as they are.
        """
        features = feature_rows(self._recent.distance(units), self._patterns.rarity(units), surprises)
        scores = self._forest.score(features).astype(np.float32)
        rows = np.flatnonzero(scores >= self._quantile.threshold(refinement.band))
        if len(rows):
            units = units.copy()
            units[rows] = unit_rows(refinement.vectors(rows))
        return units

    def finish(self, changes: Changes) -> None:
        """Scores lines that still wait for the end of the warm-up: for a source that ends, such as a file."""
        if self._waiting and self._forest.seen >= 2:
            if not self._forest.ready:
                self._forest.fit()
            changes.anomalies += self._score_waiting()
        self._describe(changes)

    def _describe(self, changes: Changes) -> None:
        """Says of which model the changes are, and which lines wait."""
        unscored = self._unscored()
        changes.model = self.model
        changes.warming_up = len(unscored)
        changes.waiting_from = unscored[0].line.offset if unscored else None

    def _unscored(self) -> list[Waiting]:
        """Lines that were never scored."""
        return [entry for entry in self._waiting if not entry.known]

    def _score(
        self, lines: Sequence[Line], features: NDArray[np.float32], names: Sequence[str]
    ) -> list[Anomaly]:
        if not self._forest.ready:
            self._wait(lines, features, names, lines[0].offset)
            self._forest.learn(features)
            return self._score_waiting() if self._forest.ready else []
        late = self._score_waiting()  # of a warm-up that ended while relearning
        scores = self._forest.score(features)
        self._quantile.update(scores)
        self._forest.learn(features)
        return late + self._flag(lines, names, scores)

    def _wait(
        self, lines: Sequence[Line], features: NDArray[np.float32], names: Sequence[str], unscored_from: int
    ) -> None:
        self._waiting += [
            Waiting(line, row, name, known=line.offset < unscored_from)
            for line, row, name in zip(lines, features, names, strict=True)
        ]

    def _score_waiting(self) -> list[Anomaly]:
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        scores = self._forest.score(np.stack([entry.features for entry in waiting]))
        self._quantile.update(scores)
        new = [row for row, entry in enumerate(waiting) if not entry.known]
        return self._flag(
            [waiting[row].line for row in new], [waiting[row].pattern for row in new], scores[new]
        )

    def _flag(
        self, lines: Sequence[Line], names: Sequence[str], scores: NDArray[np.float64]
    ) -> list[Anomaly]:
        """The lines whose scores reach the threshold."""
        threshold = self._quantile.threshold()
        return [
            Anomaly(
                partition=self.partition,
                offset=lines[row].offset,
                timestamp=lines[row].timestamp,
                score=float(scores[row]),
                threshold=threshold,
                text=display_text(lines[row]),
                format=lines[row].record.format,
                pattern=names[row],
                cut=lines[row].cut,
                model=self.model,
            )
            for row in np.flatnonzero(scores.astype(np.float32) >= threshold).tolist()
        ]

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
            [display_text(line) for line in lines],
            [line.offset for line in lines],
        )

    def snapshot(self, offset: int) -> bytes | None:
        """All but the windows, as safetensors bytes, at ``offset``; None while warming up."""
        if self._waiting:
            return None
        tensors = {
            **{f"forest.{name}": array for name, array in self._forest.state().items()},
            **{f"quantile.{name}": array for name, array in self._quantile.state().items()},
            **{f"patterns.{name}": array for name, array in self._patterns.state().items()},
            "recent": self._recent.state(),
            "counts": self._counts.state(),
        }
        tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
        metadata = self._kind() | {"offset": str(offset)}
        return safetensors.numpy.save(tensors, metadata=metadata)

    def _kind(self) -> dict[str, str]:
        """What must agree for a snapshot to be usable."""
        return {"version": str(STATE_VERSION), "model": self.model, "dim": str(self._dim)}

    def restore(self, snapshot: bytes) -> int:
        """Takes up a snapshot and returns its offset. Raises ValueError, in one line, when it is not one of ours."""
        metadata = snapshot_metadata(snapshot)
        for name, expected in self._kind().items():
            if metadata.get(name) != expected:
                raise ValueError(
                    f"detector state of {self.source}/{self.partition} has {name} {metadata.get(name)!r}, "
                    f"expected {expected!r}"
                )
        try:
            self._take_up(safetensors.numpy.load(snapshot))
            return int(metadata["offset"])
        except (safetensors.SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"not a detector state: {str(error).splitlines()[0]}") from error

    def _take_up(self, tensors: dict[str, NDArray]) -> None:
        parts: dict[str, dict[str, NDArray]] = {"forest": {}, "quantile": {}, "patterns": {}}
        for name, array in tensors.items():
            group, _, key = name.partition(".")
            if key:
                parts[group][key] = array
        self._forest.restore(parts["forest"])
        self._quantile.restore(parts["quantile"])
        self._patterns.restore(parts["patterns"])
        self._recent.restore(tensors["recent"])
        self._counts.restore(tensors["counts"])

    def restore_windows(self, parts: Sequence[WindowPart]) -> None:
        """Goes on with the store's windows of this partition; parts of another model or length are set aside."""
        self._windows.restore(parts)


def snapshot_metadata(snapshot: bytes) -> dict[str, str]:
    """The header's metadata of safetensors bytes; ValueError when they are not."""
    try:
        size = int.from_bytes(snapshot[:8], "little")
        return json.loads(snapshot[8 : 8 + size])["__metadata__"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not a detector state: {error}") from error
