"""Isolation trees as flat arrays, grown and walked by compiled loops without the GIL.

A tree is grown as scikit-learn grows it (Liu, Ting and Zhou, 2008): on a sample without repeats, each node split at a
random place between the least and the most of a random column that varies there, down to ``ceil(log2(sample))`` levels.
A node takes 8 bytes, children lie side by side, and a leaf leads to itself: a step down is one comparison without a
branch, and rows (or, for few rows, trees) go down together.
"""

from __future__ import annotations

from math import ceil, log, log2
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

NODE = np.dtype(
    [("threshold", np.float32), ("length", np.float32), ("feature", np.uint16), ("left", np.uint16)]
)
"""A row goes left unless its value of the feature is above the threshold; the right child follows the left one.

A leaf has an infinite threshold and itself as left child. length: of the path of a row that ends there, in units of
c(n) of the tree's own sample, so that trees of a young and of a full reservoir agree.
"""
MOST_SAMPLE = 1 << 15
"""Rows a tree may be grown on: its nodes have 16-bit numbers."""
EULER_GAMMA = 0.5772156649
SAME = 1e-7
"""A column whose values differ by no more does not vary, as in scikit-learn."""
LANES = 64
"""Rows that go down a tree together."""


class Trees:
    """As many trees as were asked for, each grown on a sample of at most so many rows.

    nodes: of ``NODE``, (trees, nodes). levels: how deep a tree may be.
    """

    def __init__(self, trees: int, sample: int) -> None:
        if not 2 <= sample <= MOST_SAMPLE:
            raise ValueError(f"sample must be between 2 and {MOST_SAMPLE} rows, got {sample}")
        self.sample, self.levels = sample, ceil(log2(sample))
        self.nodes = np.zeros((trees, 2 * sample - 1), NODE)
        self._oldest = 0

    def __len__(self) -> int:
        return len(self.nodes)

    def grow(self, rows: NDArray[np.float32], trees: int, *, seed: int) -> None:
        """Grows the oldest ``trees`` trees anew on rows, float32 (rows, width), at least two."""
        _grow(rows, self.sample, np.uint64(seed), self._oldest, trees, self.nodes)
        self._oldest = (self._oldest + trees) % len(self.nodes)

    @classmethod
    def of(cls, forest: IsolationForest) -> Trees:
        """The trees of a fitted forest of scikit-learn, to be walked here."""
        trees = cls(len(forest.estimators_), max(2, forest.max_samples_))
        for nodes, estimator in zip(trees.nodes, forest.estimators_, strict=True):
            tree = estimator.tree_
            place, depth = np.zeros((2, tree.node_count), np.int64)
            inner = np.flatnonzero(tree.children_left != -1)
            for pair, node in enumerate(inner):  # parents come before their children
                children = [tree.children_left[node], tree.children_right[node]]
                place[children], depth[children] = (2 * pair + 1, 2 * pair + 2), depth[node] + 1
            left_over = [average_path_length(rows) for rows in tree.n_node_samples]
            nodes["length"][place] = (depth + left_over) / average_path_length(tree.n_node_samples[0])
            nodes["threshold"][place], nodes["left"][place] = np.inf, place
            nodes["threshold"][place[inner]] = _rounded_down(tree.threshold[inner])
            nodes["feature"][place[inner]] = tree.feature[inner]
            nodes["left"][place[inner]] = place[tree.children_left[inner]]
        return trees

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Anomaly scores of rows, float32 (rows, width), in (0, 1), higher is more unusual, float64 (rows,).

        They are those of Liu et al., equation 2.
        """
        scores = np.empty(len(rows))
        _score(rows, self.levels, self.nodes, scores)
        return scores


@kernel
def average_path_length(rows: int) -> float:
    """c(n), the mean path length of an unsuccessful search among n rows (Liu et al., equation 1)."""
    if rows <= 1:
        return 0.0
    if rows == 2:
        return 1.0
    return 2.0 * (log(rows - 1.0) + EULER_GAMMA) - 2.0 * (rows - 1.0) / rows


@kernel
def _score(
    rows: NDArray[np.float32], levels: int, nodes: NDArray[np.void], scores: NDArray[np.float64]
) -> None:
    trees = len(nodes)
    at = np.empty(max(LANES, trees), np.int64)
    for first in range(0, len(rows), LANES):
        end = min(first + LANES, len(rows))
        if end - first >= LANES // 4:
            _sum_together(rows[first:end], levels, nodes, at, scores[first:end])
        else:
            for row in range(first, end):
                scores[row] = _sum_of_row(rows[row], levels, nodes, at)
        for row in range(first, end):
            scores[row] = 2.0 ** (-scores[row] / trees)


@helper
def _sum_together(
    rows: NDArray[np.float32],
    levels: int,
    nodes: NDArray[np.void],
    at: NDArray[np.int64],
    sums: NDArray[np.float64],
) -> None:
    """Sums of the rows' path lengths over the trees; the rows go down a tree together."""
    sums[:] = 0.0
    for tree in range(len(nodes)):
        at[: len(rows)] = 0
        for _ in range(levels):
            for row in range(len(rows)):
                node = nodes[tree, at[row]]
                at[row] = node.left + (rows[row, node.feature] > node.threshold)
        for row in range(len(rows)):
            sums[row] += nodes[tree, at[row]].length


@helper
def _sum_of_row(
    row: NDArray[np.float32], levels: int, nodes: NDArray[np.void], at: NDArray[np.int64]
) -> float:
    """Sum of a row's path lengths over the trees; it goes down all trees together."""
    at[: len(nodes)] = 0
    for _ in range(levels):
        for tree in range(len(nodes)):
            node = nodes[tree, at[tree]]
            at[tree] = node.left + (row[node.feature] > node.threshold)
    total = 0.0
    for tree in range(len(nodes)):
        total += nodes[tree, at[tree]].length
    return total


@helper
def _uniform(state: NDArray[np.uint64]) -> float:
    """The next number in [0, 1) of splitmix64, whose state is ``state[0]``."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = state[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


@kernel
def _draw(
    rows: NDArray[np.float32],
    state: NDArray[np.uint64],
    numbers: NDArray[np.int64],
    values: NDArray[np.float32],
) -> None:
    """Fills ``values`` with random rows, none twice. numbers: those of all rows, in any order."""
    for place in range(len(values)):
        other = place + np.int64(_uniform(state) * (len(rows) - place))
        numbers[place], numbers[other] = numbers[other], numbers[place]
        values[place] = rows[numbers[place]]


@helper
def _split(
    values: NDArray[np.float32],
    order: NDArray[np.int64],
    features: NDArray[np.int64],
    state: NDArray[np.uint64],
) -> tuple[int, np.float32]:
    """A random column that varies among the rows of ``order``, and where to split it; column -1 when none does."""
    for tried in range(len(features) if len(order) > 1 else 0):
        other = tried + np.int64(_uniform(state) * (len(features) - tried))
        feature = features[other]
        features[tried], features[other] = feature, features[tried]
        least = most = values[order[0], feature]
        for row in order:
            least, most = min(least, values[row, feature]), max(most, values[row, feature])
        if most - least > SAME:
            place = least + _uniform(state) * (np.float64(most) - least)
            threshold = np.float32(place)
            if threshold > place:  # rows of float32 compare with it as with the place itself
                threshold = np.nextafter(threshold, np.float32(-np.inf))
            return feature, min(max(threshold, least), np.nextafter(most, np.float32(-np.inf)))
    return -1, np.float32(np.inf)


@kernel
def _grow_tree(
    values: NDArray[np.float32],
    levels: int,
    order: NDArray[np.int64],
    features: NDArray[np.int64],
    state: NDArray[np.uint64],
    nodes: NDArray[np.void],
) -> None:
    """Grows one tree on values, float32 (rows, width). order, features: all numbers of rows and columns."""
    pending = np.empty(
        (levels + 2, 4), np.int64
    )  # nodes to come: place, begin and end of the rows in order, level
    pending[0] = (0, 0, len(values), 0)
    waiting, used = 1, 1
    while waiting:
        waiting -= 1
        place, begin, end, level = pending[waiting]
        feature, threshold = -1, np.float32(np.inf)
        if level < levels:
            feature, threshold = _split(values, order[begin:end], features, state)
        nodes[place].threshold = threshold
        if feature < 0:
            nodes[place].feature, nodes[place].left = 0, place
            path = level + average_path_length(end - begin)
            nodes[place].length = path / average_path_length(len(values))
            continue
        middle = begin
        for index in range(begin, end):
            if not values[order[index], feature] > threshold:
                order[index], order[middle] = order[middle], order[index]
                middle += 1
        nodes[place].feature, nodes[place].left = feature, used
        pending[waiting] = (used + 1, middle, end, level + 1)
        pending[waiting + 1] = (used, begin, middle, level + 1)
        waiting, used = waiting + 2, used + 2


@kernel
def _grow(
    rows: NDArray[np.float32],
    sample: int,
    seed: np.uint64,
    oldest: int,
    trees: int,
    nodes: NDArray[np.void],
) -> None:
    sample = min(sample, len(rows))
    levels = np.int64(np.ceil(np.log2(sample)))
    state = np.array([seed], np.uint64)
    numbers, order, features = np.arange(len(rows)), np.arange(sample), np.arange(rows.shape[1])
    values = np.empty((sample, rows.shape[1]), np.float32)
    for tree in range(oldest, oldest + trees):
        _draw(rows, state, numbers, values)
        _grow_tree(values, levels, order, features, state, nodes[tree % len(nodes)])


def _rounded_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each threshold: float32 rows compare with it as with the threshold itself."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
