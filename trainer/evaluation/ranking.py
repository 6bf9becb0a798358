"""How far up a ranking what is right stands. Equal scores share the mean of their ranks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from encoder_core.ranking import mean_ranks

Scores = NDArray[np.floating]
Right = NDArray[np.bool_]


def reciprocal_rank(scores: Scores, right: Right) -> float:
    """One over the rank of the best right answer; scores and right of the same length, at least one right."""
    return float(1 / mean_ranks(scores)[right].min())


def recall_at(scores: Scores, right: Right, k: int = 10) -> float:
    """Share of the right answers among the first k, of those that fit there."""
    return float((mean_ranks(scores)[right] <= k).sum() / min(k, int(right.sum())))


def average_precision(scores: Scores, right: Right) -> float:
    """Mean precision at the right answers; equal scores count as their share."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], right[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    found = np.cumsum(hits)[ends]
    return float((np.diff(found, prepend=0) * found / (ends + 1)).sum() / found[-1])


def pair_share(better: Scores, worse: Scores) -> float:
    """Share of (better, worse) pairs in which the better one has the higher score; equal scores are half right."""
    difference = better[:, None] - worse
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())
