"""An online isolation forest over the vectors of lines: measured beside the other kinds, not among the usual ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream_processors.detection.detectors.forest import OnlineIsolationForest
from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises

TREES, RESERVOIR, WARMUP = 100, 4_096, 256
"""A line's chance to be remembered halves every 0.7 * RESERVOIR lines."""
STEP_LINES = 512
"""Lines after which a tenth of the trees is grown anew."""
ORDINARY, SCALE = 0.5, 20.0
"""The score of Liu et al. that a line of no great or small depth has, and what the excess is multiplied by."""


class Isolation:
    """How soon random splits isolate a line's vector. ``dim``: of the vectors."""

    name = "isolation"

    def __init__(self, dim: int) -> None:
        self._forest = OnlineIsolationForest(
            dim, trees=TREES, reservoir=RESERVOIR, warmup=WARMUP, refit_every=STEP_LINES
        )
        self._waiting = np.zeros((0, dim), dtype=np.float32)

    def observe(self, seen: Seen) -> Surprises:
        """Scores each line by the trees of the last whole step, 0 before there are any, and learns it."""
        batch, found = seen.batch, np.zeros(len(seen), dtype=np.float32)
        vectors = batch.rows.vectors[batch.templates]
        begin = 0
        while begin < len(seen):
            end = min(begin + STEP_LINES - len(self._waiting), len(seen))
            if self._forest.ready:
                scores = self._forest.score(vectors[begin:end])
                found[begin:end] = np.maximum(scores - ORDINARY, 0) * SCALE
            self._waiting = np.concatenate([self._waiting, vectors[begin:end]])
            if len(self._waiting) == STEP_LINES:
                self._forest.learn(self._waiting)
                self._waiting = self._waiting[:0]
            begin = end
        return Surprises(found, np.full(len(seen), NO_CAUSE))

    def unlearn(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Nothing: a reservoir forgets by itself."""

    def explain(self, seen: Seen, place: int) -> Reason:
        """How unusual its vector is."""
        vector = seen.batch.rows.vectors[seen.batch.templates[place]][None]
        score = float(self._forest.score(vector)[0]) if self._forest.ready else ORDINARY
        nats = max(score - ORDINARY, 0.0) * SCALE
        return Reason(
            self.name, nats, f"its vector has an isolation score of {score:.2f}", {"isolation": score}
        )

    def state(self) -> dict[str, NDArray]:
        """The forest's reservoir, and the lines of the step that has begun."""
        return self._forest.state() | {"waiting": self._waiting}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved one."""
        self._forest.restore(state)
        self._waiting = state["waiting"].copy()
