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

from connectors.records import Anomaly, Changes, Line, Pattern, WindowPart
from stream_processors.features import WIDTH, RecentVectors, SurpriseCounts, Surprises, feature_rows
from stream_processors.forest import OnlineIsolationForest
from stream_processors.patterns import Assignment, PatternTable
from stream_processors.quantile import SlidingQuantile
from stream_processors.selection import unit_rows
from stream_processors.windows import WindowSampler

STATE_VERSION = 1
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


def display_text(line: Line) -> str:
    """The line as it came, for people: undecodable bytes replaced, cut to a few kilobytes."""
    if line.value is None:
        return line.record.text[:TEXT_CHARACTERS]
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
            seed=settings.seed,
        )
        self._quantile = SlidingQuantile(settings.alert_rate)
        self._patterns = PatternTable(dim, threshold=settings.pattern_threshold, limit=settings.pattern_limit)
        self._windows = WindowSampler(dim, seconds=settings.window_seconds, k=settings.window_lines)
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
        changes.warming_up = len(self._waiting)
        if not lines:
            return
        units, assignment, anomalies = self._learn(lines, unit_rows(vectors), refinement)
        changes.anomalies += anomalies
        changes.warming_up = len(self._waiting)
        changes.patterns += self._pattern_changes(lines, assignment)
        changes.windows += self._sample(lines, units)

    def relearn(
        self, lines: Sequence[Line], vectors: NDArray[np.float32], refinement: Refinement | None = None
    ) -> None:
        """Takes lines between the snapshot and the applied offset: their effects are in the store already."""
        if lines:
            self._learn(lines, unit_rows(vectors), refinement)

    def _learn(
        self, lines: Sequence[Line], units: NDArray[np.float32], refinement: Refinement | None
    ) -> tuple[NDArray[np.float32], Assignment, list[Anomaly]]:
        """The unit vectors that counted in the end, the lines' patterns, and those to flag."""
        if len(lines) != len(units):
            raise ValueError(f"{len(lines)} lines but {len(units)} vectors")
        surprises = [self._counts.surprises(line.record) for line in lines]
        if refinement is not None and self._forest.ready:
            units = self._refined(units, surprises, refinement)
        assignment = self._patterns.assign(units, [line.record.text for line in lines])
        features = feature_rows(self._recent.distances(units), assignment.rarity, surprises)
        return units, assignment, self._score(lines, features, assignment)

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
            self._forest.fit()
            changes.anomalies += self._score_waiting()
        changes.warming_up = len(self._waiting)

    def _score(
        self, lines: Sequence[Line], features: NDArray[np.float32], assignment: Assignment
    ) -> list[Anomaly]:
        names = assignment.ids
        if self._forest.ready:
            scores = self._forest.score(features)
            self._quantile.update(scores)
            self._forest.learn(features)
            return self._flag(lines, names, scores)
        self._waiting += [Waiting(*entry) for entry in zip(lines, features, names, strict=True)]
        self._forest.learn(features)
        return self._score_waiting() if self._forest.ready else []

    def _score_waiting(self) -> list[Anomaly]:
        waiting, self._waiting = self._waiting, []
        scores = self._forest.score(np.stack([entry.features for entry in waiting]))
        self._quantile.update(scores)
        return self._flag([entry.line for entry in waiting], [entry.pattern for entry in waiting], scores)

    def _flag(
        self, lines: Sequence[Line], names: Sequence[str], scores: NDArray[np.float64]
    ) -> list[Anomaly]:
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
        changed = self._windows.add(
            np.array([line.timestamp for line in lines], dtype=np.float64),
            units,
            [display_text(line) for line in lines],
            [line.offset for line in lines],
        )
        return [self._windows.part(start, self.partition) for start in changed]

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
        metadata = {"version": str(STATE_VERSION), "offset": str(offset), "model": self.model}
        return safetensors.numpy.save(tensors, metadata=metadata)

    def restore(self, snapshot: bytes) -> int:
        """Takes up a snapshot and returns its offset. Raises ValueError when it is not one of ours."""
        metadata = snapshot_metadata(snapshot)
        found = (metadata.get("version"), metadata.get("model"))
        if found != (str(STATE_VERSION), self.model):
            raise ValueError(
                f"detector state of {self.source}/{self.partition} has (version, model) {found}, "
                f"expected {(str(STATE_VERSION), self.model)}"
            )
        try:
            self._take_up(safetensors.numpy.load(snapshot))
        except (safetensors.SafetensorError, KeyError) as error:
            raise ValueError(f"not a detector state: {error}") from error
        return int(metadata["offset"])

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
        """Goes on with the store's windows of this partition."""
        self._windows.restore([part for part in parts if part.partition == self.partition])


def snapshot_metadata(snapshot: bytes) -> dict[str, str]:
    """The header's metadata of safetensors bytes; ValueError when they are not."""
    try:
        size = int.from_bytes(snapshot[:8], "little")
        return json.loads(snapshot[8 : 8 + size])["__metadata__"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not a detector state: {error}") from error
