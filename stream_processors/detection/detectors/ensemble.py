"""The kinds of surprise of one source in one partition, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Reason
from stream_processors.detection.detectors import severity
from stream_processors.detection.detectors.combination import NATS, Combination
from stream_processors.detection.detectors.kind import Kind, Seen

REASONS = 3
"""Reasons of a line at most."""
WORTH = 0.5
"""A kind is a reason when its tail has this share of the nats of the strongest one."""


@dataclass(frozen=True)
class Judged:
    """What the kinds say of lines."""

    seen: Seen
    rows: NDArray[np.float32]
    """Scores of the kinds in nats, and last what severity adds, (lines, kinds + 1)."""


class Ensemble:
    """Kinds of surprise and the score that they come to."""

    def __init__(self, kinds: Sequence[Kind], *, warmup: int = 512) -> None:
        self.kinds = kinds
        self.combination = Combination(len(kinds), warmup=warmup)

    def observe(self, seen: Seen) -> Judged:
        """What each kind says of each line, which it then learns."""
        rows = np.empty((len(seen), len(self.kinds) + 1), dtype=np.float32)
        for place, kind in enumerate(self.kinds):
            rows[:, place] = kind.observe(seen).scores
        rows[:, -1] = severity.priors(seen.batch.severities)
        return Judged(seen, rows)

    def reasons(self, judged: Judged, place: int) -> tuple[Reason, ...]:
        """Why a line scores as it does, the strongest reason first."""
        row = judged.rows[place]
        nats = self.combination.nats(row)
        found = [
            replace(self.kinds[kind].explain(judged.seen, place), score=float(nats[kind] / NATS))
            for kind in np.argsort(-nats, kind="stable")[:REASONS].tolist()
            if nats[kind] > 0 and nats[kind] >= WORTH * nats.max()
        ]
        if row[-1] > 0:
            found.append(severity.reason(int(judged.seen.batch.severities[place])))
        return tuple(found)
