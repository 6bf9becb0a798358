"""Streaming trees of other packages, over four columns: how rare the template and its rarest word are, rate, length."""

from __future__ import annotations

import numpy as np

from benchmarks.detection import simple
from benchmarks.detection.streams import Scores, Stream

TREES, POINTS = 20, 256


def columns(stream: Stream) -> np.ndarray:
    """float64 (messages, 4), each scaled to 0 to 1 by what came so far."""
    length = np.log1p(simple.length(stream))
    rows = np.stack([simple.rarity(stream), simple.new_words(stream), simple.burst(stream), length], axis=1)
    low, high = np.minimum.accumulate(rows), np.maximum.accumulate(rows)
    return (rows - low) / np.maximum(high - low, 1e-9)


def half_space_trees(stream: Stream) -> Scores:
    """river's HalfSpaceTrees."""
    from river.anomaly import HalfSpaceTrees

    model, scores = HalfSpaceTrees(seed=0), []
    for row in columns(stream).tolist():
        point = dict(enumerate(row))
        scores.append(model.score_one(point))
        model.learn_one(point)
    return np.array(scores)


def random_cut_forest(stream: Stream) -> Scores:
    """rrcf's robust random-cut trees: mean collusive displacement."""
    import rrcf

    trees = [rrcf.RCTree(random_state=seed) for seed in range(TREES)]
    draw, scores = np.random.default_rng(0), []
    rows = columns(stream)
    rows = rows + draw.normal(0, 1e-6, rows.shape)  # equal points are one leaf, of any number
    for place, row in enumerate(rows):
        total = 0.0
        for tree in trees:
            if len(tree.leaves) >= POINTS:
                tree.forget_point(place - POINTS)
            tree.insert_point(row, index=place)
            total += tree.codisp(place)
        scores.append(total / TREES)
    return np.array(scores)
