"""An online isolation forest: bounded memory, adapts to drift, state without pickle.

Isolation Forest is Liu, Ting and Zhou (2008). Trees are grown by scikit-learn on a reservoir of recent
rows and flattened to arrays, so that any number of rows walks all trees at once: a tree is at most
log2(sample) levels deep, and a level is one vectorised step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

EULER_GAMMA = 0.5772156649
WALK_ROWS = 1_024
"""Rows walked together, which bounds the (rows, trees) arrays of a walk."""


def average_path_length(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """c(n), the mean path length of an unsuccessful search among n rows (Liu et al., equation 1)."""
    rows = np.asarray(rows, dtype=np.float64)
    safe = np.maximum(rows, 3.0)
    length = 2.0 * (np.log(safe - 1.0) + EULER_GAMMA) - 2.0 * (safe - 1.0) / safe
    return np.where(rows <= 1.0, 0.0, np.where(rows <= 2.0, 1.0, length))


class FlatTrees:
    """Grown trees as arrays of shape (trees, nodes); a leaf points to itself and holds its path length.

    A path length is in units of c(n) of the tree's own sample, so that trees of a young and of a full reservoir agree.
    """

    def __init__(self, forest: IsolationForest) -> None:
        trees = [estimator.tree_ for estimator in forest.estimators_]
        shape = (len(trees), max(tree.node_count for tree in trees))
        self.feature = np.zeros(shape, dtype=np.int32)
        self.threshold = np.full(shape, np.inf, dtype=np.float32)
        self.children = np.zeros((*shape, 2), dtype=np.int32)
        self.path_length = np.zeros(shape, dtype=np.float32)
        self.depth = np.zeros(len(trees), dtype=np.int32)
        for index, tree in enumerate(trees):
            nodes = np.arange(tree.node_count, dtype=np.int32)
            leaf = tree.children_left == -1
            self.feature[index, nodes] = np.where(leaf, 0, tree.feature)
            self.threshold[index, nodes] = np.where(leaf, np.inf, _rounded_down(tree.threshold))
            self.children[index, nodes, 0] = np.where(leaf, nodes, tree.children_left)
            self.children[index, nodes, 1] = np.where(leaf, nodes, tree.children_right)
            depth = np.zeros(tree.node_count, dtype=np.int32)
            for node in np.flatnonzero(~leaf):  # parents come before their children
                depth[[tree.children_left[node], tree.children_right[node]]] = depth[node] + 1
            normal = average_path_length(tree.n_node_samples[0])  # of this tree's own sample
            self.path_length[index, nodes] = (depth + average_path_length(tree.n_node_samples)) / normal
            self.depth[index] = depth.max()

    def replace_oldest(self, newer: FlatTrees) -> None:
        """Drops the trees grown first and appends the newer ones; the number of trees stays the same."""
        width = max(self.feature.shape[1], newer.feature.shape[1])
        for name in ("feature", "threshold", "children", "path_length", "depth"):
            kept, new = getattr(self, name)[len(newer.depth) :], getattr(newer, name)
            if kept.ndim > 1:
                kept, new = (_widen(array, width) for array in (kept, new))
            setattr(self, name, np.concatenate([kept, new]))

    def mean_path_length(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean over the trees of each row's path length in units of c(n), float64 (rows,)."""
        tree = np.arange(len(self.depth))[None, :]
        row = np.arange(len(rows))[:, None]
        node = np.zeros((len(rows), len(self.depth)), dtype=np.int32)
        for _ in range(int(self.depth.max())):
            right = rows[row, self.feature[tree, node]] > self.threshold[tree, node]
            node = self.children[tree, node, right.astype(np.int8)]
        return self.path_length[tree, node].mean(axis=1, dtype=np.float64)


def _rounded_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each threshold: float32 rows compare with it as with the threshold itself."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _widen(array: NDArray, width: int) -> NDArray:
    """Pads the node axis; the added nodes are never reached."""
    padding = [(0, 0), (0, width - array.shape[1])] + [(0, 0)] * (array.ndim - 2)
    return np.pad(array, padding)


class OnlineIsolationForest:
    """Scores rows against the recent past and learns from them.

    A reservoir of ``reservoir`` rows keeps the past: once full, each new row takes the place of a random
    one, so a row's chance to be remembered halves every ``0.7 * reservoir`` rows. Every ``refit_every`` rows
    the oldest tenth of the trees is replaced by trees grown on the reservoir as it is now. After a warm-up that ended
    early all trees are grown anew each time the rows have doubled, up to those of a whole warm-up.

    With ``one_sided`` only large values are unusual: values below a column's median count as the median. A plain
    forest isolates unusually small values just as well.

    Trees are grown on values with noise of up to ``blur`` either way. Else those of a stream of few distinct rows would
    tell apart what differs by next to nothing, and isolate ordinary rows that have crept a little; so too what is less
    than ``blur`` above the median counts as the median.
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
        one_sided: bool = False,
        blur: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not 2 <= warmup <= reservoir:
            raise ValueError(f"warmup must be between 2 and the reservoir's {reservoir} rows, got {warmup}")
        self._trees, self._sample, self._refit_every = trees, sample, refit_every
        self._warmup = warmup
        self._rows = np.zeros((reservoir, width), dtype=np.float32)
        self._floor = np.full(width, -np.inf, dtype=np.float32)
        self._one_sided, self._blur = one_sided, blur
        self._filled = 0
        self._fitted = 0  # rows that all trees were grown on, while there are fewer than of a whole warm-up
        self._since_refit = 0
        self._rng = np.random.default_rng(seed)
        self._flat: FlatTrees | None = None  # of a restored forest until it is used
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
            grown = self._grown() if self._ready else None
            part = rows[start : start + self._refit_every]
            self._remember(part)
            self._since_refit += len(part)
            if grown is None:
                if self._filled >= self._warmup:
                    self.fit()
            elif self._fitted < self._warmup and self._filled >= min(2 * self._fitted, self._warmup):
                self.fit()
            elif self._since_refit >= self._refit_every:
                grown.replace_oldest(self._grow(max(1, self._trees // 10)))
                self._since_refit = 0

    def fit(self) -> None:
        """Grows all trees on the reservoir as it is; ends the warm-up. Needs at least two rows."""
        if self._filled < 2:
            raise ValueError(f"an isolation forest needs at least 2 rows, got {self._filled}")
        self._flat = self._grow(self._trees)
        self._ready, self._fitted = True, self._filled
        self._since_refit = 0

    def end_warmup(self) -> None:
        """Grows the trees early, for a source that ends; nothing happens with fewer than two rows."""
        if self._filled >= 2:
            self.fit()

    def _grown(self) -> FlatTrees:
        """The trees; those of a restored forest are grown now."""
        if self._flat is None:
            self.fit()
        assert self._flat is not None
        return self._flat

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Anomaly score in (0, 1), higher is more unusual (Liu et al., equation 2); float64 (rows,)."""
        if not self._ready:
            raise ValueError(f"the forest is warming up: {self._filled} of {self._warmup} rows seen")
        self._check_width(rows)
        trees = self._grown()
        rows = np.maximum(rows, self._floor)
        scores = [
            np.exp2(-trees.mean_path_length(rows[start : start + WALK_ROWS]))
            for start in range(0, len(rows), WALK_ROWS)
        ]
        return np.concatenate(scores) if scores else np.empty(0)

    def state(self) -> dict[str, NDArray]:
        """What a restart needs: the reservoir. The trees are grown anew from it."""
        return {"reservoir": self._rows[: self._filled].astype(np.float16), "ready": np.array([self._ready])}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved reservoir; raises ValueError when its width is another.

        Takes arrays only: trees are grown at the first use, so that many partitions are opened at once.
        """
        rows = state["reservoir"]
        self._check_width(rows)
        self._filled = min(len(rows), len(self._rows))
        self._rows[: self._filled] = rows[: self._filled]
        self._flat, self._fitted = None, self._filled
        self._ready = self._filled >= self._warmup or (bool(state["ready"][0]) and self._filled >= 2)

    def _check_width(self, rows: NDArray) -> None:
        if rows.ndim != 2 or rows.shape[1] != self._rows.shape[1]:
            raise ValueError(f"rows must be of shape (rows, {self._rows.shape[1]}), got {rows.shape}")

    def _remember(self, rows: NDArray[np.float32]) -> None:
        room = min(len(self._rows) - self._filled, len(rows))
        self._rows[self._filled : self._filled + room] = rows[:room]
        self._filled += room
        for row in rows[room:]:
            self._rows[self._rng.integers(len(self._rows))] = row

    def _grow(self, trees: int) -> FlatTrees:
        forest = IsolationForest(
            n_estimators=trees,
            max_samples=min(self._sample, self._filled),
            random_state=int(self._rng.integers(2**31)),
        )
        rows = self._rows[: self._filled]
        if self._blur:
            rows = rows + self._rng.uniform(-self._blur, self._blur, rows.shape).astype(np.float32)
        if self._one_sided:
            self._floor = np.median(rows, axis=0) + np.float32(self._blur)
            rows = np.maximum(rows, self._floor)
        return FlatTrees(forest.fit(rows))
