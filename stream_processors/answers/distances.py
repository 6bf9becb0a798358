"""How far new templates are from all that were there before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.days import DAY
from connectors.findings import Template
from encoder_core.vectors import unit_rows

CHUNK = 512
"""Templates compared with all others together: bounds memory."""


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Templates with the day on which each was new; all but those of the first day, before which there was nothing."""

    days: NDArray[np.int64]
    """Since the epoch, (templates,)."""
    lines: NDArray[np.int64]
    """Lines of that day, (templates,)."""
    distances: NDArray[np.float32]
    """1 - cosine to the nearest template of an earlier day, (templates,)."""

    def of(self, day: int) -> Newcomers:
        """Those of a day."""
        chosen = self.days == day
        return Newcomers(self.days[chosen], self.lines[chosen], self.distances[chosen])


def born(template: Template) -> int:
    """The day on which a template was new, since the epoch."""
    return template.born[0] or int(template.first_seen // DAY)


def newcomers(templates: Sequence[Template], model: str) -> Newcomers:
    """The templates whose vectors are of a model, in the order of their days."""
    known = sorted((one for one in templates if one.model == model and one.vector), key=born)
    days = np.array([born(one) for one in known], dtype=np.int64)
    lines = np.array([one.born[1] for one in known], dtype=np.int64)
    found = np.full(len(known), np.nan, dtype=np.float32)
    if known:
        vectors = unit_rows(
            np.stack([np.frombuffer(one.vector, dtype="<f2") for one in known]).astype(np.float32)
        )
        for at in range(0, len(known), CHUNK):
            rows = slice(at, at + CHUNK)
            earlier = days[None, :] < days[rows, None]
            cosines = np.where(earlier, vectors[rows] @ vectors.T, -np.inf).max(axis=1)
            found[rows] = 1 - cosines
    later = np.isfinite(found)
    return Newcomers(days[later], lines[later], found[later])
