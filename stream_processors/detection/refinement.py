"""Better vectors for a few lines, where one encoder is quick and another one good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Refinement:
    """Better vectors for those lines of a batch whose scores may come to an alert."""

    band: float
    """Refined are lines that an alert rate this many times as high would flag."""
    vectors: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    """Places in the batch, (rows,), to their vectors, float32 (rows, dim)."""

    def within(self, rows: NDArray[np.int64]) -> Refinement:
        """The same for a part of the batch, whose places are ``rows``."""
        return Refinement(self.band, lambda places: self.vectors(rows[places]))
