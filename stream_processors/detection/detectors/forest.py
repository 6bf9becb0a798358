"""An online isolation forest: bounded memory, adapts to drift, state without pickle.

Isolation Forest is Liu, Ting and Zhou (2008). Trees are grown on a reservoir of recent rows, as scikit-learn grows
them: ``benchmarks/forest.py`` compares the two, and tests walk scikit-learn's own trees here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream_processors.detection.detectors.trees import Trees


class OnlineIsolationForest:
    """Scores rows against the recent past and learns from them.

    A reservoir of ``reservoir`` rows, float16 as in a snapshot, keeps the past: once full, each new row takes the
    place of a random one, so a row's chance to be remembered halves every ``0.7 * reservoir`` rows. Every
    ``refit_every`` rows the oldest tenth of the trees is replaced by trees grown on the reservoir as it is now. After a
    warm-up that ended early all trees are grown anew each time the rows have doubled, up to those of a whole warm-up.
    """

    def __init__(
        self,
        width: int,
        *,
        trees: int = 100,
        sample: int = 256,
        reservoir: int = 4_096,
        warmup: int = 512,
        refit_every: int = 512,
        seed: int = 0,
    ) -> None:
        if not 2 <= warmup <= reservoir:
            raise ValueError(f"warmup must be between 2 and the reservoir's {reservoir} rows, got {warmup}")
        self._warmup, self._refit_every = warmup, refit_every
        self._rows = np.zeros((reservoir, width), dtype=np.float16)
        self._filled = 0
        self._fitted = 0  # rows that all trees were grown on, while there are fewer than of a whole warm-up
        self._since_refit = 0
        self._rng = np.random.default_rng(seed)
        self._trees = Trees(trees, sample)
        self._grown = False  # nor are those of a restored forest, until it is used
        self._ready = False

    @property
    def ready(self) -> bool:
        """False while warming up: nothing can be scored yet."""
        return self._ready

    @property
    def seen(self) -> int:
        """Rows in the reservoir."""
        return self._filled

    def learn(self, rows: NDArray[np.float32]) -> None:
        """Takes rows, float32 (rows, width), into the reservoir and refits what is due."""
        self._check_width(rows)
        for start in range(0, len(rows), self._refit_every):
            if self._ready:
                self._grow_restored()
            part = rows[start : start + self._refit_every]
            self._remember(part)
            self._since_refit += len(part)
            if not self._ready:
                if self._filled >= self._warmup:
                    self.fit()
            elif self._fitted < self._warmup and self._filled >= min(2 * self._fitted, self._warmup):
                self.fit()
            elif self._since_refit >= self._refit_every:
                self._grow(max(1, len(self._trees) // 10))
                self._since_refit = 0

    def fit(self) -> None:
        """Grows all trees on the reservoir as it is; ends the warm-up. Needs at least two rows."""
        if self._filled < 2:
            raise ValueError(f"an isolation forest needs at least 2 rows, got {self._filled}")
        self._grow(len(self._trees))
        self._ready, self._fitted = True, self._filled
        self._since_refit = 0

    def end_warmup(self) -> None:
        """Grows the trees early, for a source that ends; nothing happens with fewer than two rows."""
        if self._filled >= 2:
            self.fit()

    def _grow_restored(self) -> None:
        """Grows the trees of a restored forest, once."""
        if not self._grown:
            self.fit()

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Anomaly score in (0, 1), higher is more unusual (Liu et al., equation 2); float64 (rows,)."""
        if not self._ready:
            raise ValueError(f"the forest is warming up: {self._filled} of {self._warmup} rows seen")
        self._check_width(rows)
        self._grow_restored()
        return self._trees.scores(rows)

    def state(self) -> dict[str, NDArray]:
        """What a restart needs: the reservoir. The trees are grown anew from it."""
        return {"reservoir": self._rows[: self._filled].copy(), "ready": np.array([self._ready])}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved reservoir; raises ValueError when its width is another.

        Takes arrays only: trees are grown at the first use, so that many partitions are opened at once.
        """
        rows = state["reservoir"]
        self._check_width(rows)
        self._filled = min(len(rows), len(self._rows))
        self._rows[: self._filled] = rows[: self._filled]
        self._grown, self._fitted = False, self._filled
        self._ready = self._filled >= self._warmup or (bool(state["ready"][0]) and self._filled >= 2)

    def _check_width(self, rows: NDArray) -> None:
        if rows.ndim != 2 or rows.shape[1] != self._rows.shape[1]:
            raise ValueError(f"rows must be of shape (rows, {self._rows.shape[1]}), got {rows.shape}")

    def _remember(self, rows: NDArray[np.float32]) -> None:
        room = min(len(self._rows) - self._filled, len(rows))
        self._rows[self._filled : self._filled + room] = rows[:room]
        self._filled += room
        if len(rows) > room:
            self._rows[self._rng.integers(len(self._rows), size=len(rows) - room)] = rows[room:]

    def _grow(self, trees: int) -> None:
        rows = self._rows[: self._filled].astype(np.float32)
        seed = int(self._rng.integers(2**63))
        self._trees.grow(rows, trees, seed=seed)
        self._grown = True
