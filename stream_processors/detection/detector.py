"""What scores lines: the contract of a detector. Implementations are in ``detectors``, one a file."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Detector(Protocol):
    """Says how unusual rows of features are against those it has learned."""

    @property
    def ready(self) -> bool:
        """False while warming up: nothing can be scored yet."""

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """How unusual rows, float32 (rows, width), are, higher is more, (rows,); changes nothing that decides scores.

        Raises ValueError while warming up.
        """

    def learn(self, rows: NDArray[np.float32]) -> None:
        """Takes rows into its memory; may end the warm-up."""

    def end_warmup(self) -> None:
        """Makes do with what was learned, for a source that ends; stays unready when that is too little."""

    def state(self) -> dict[str, NDArray]:
        """What a restart needs, as arrays by name."""

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved state. Raises KeyError or ValueError when it is none."""
