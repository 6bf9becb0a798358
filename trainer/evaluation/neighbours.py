"""Classes of lines by their nearest neighbours of other families, so that a product's own words do not help."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from encoder_core.ranking import words_of

K = 5

Labels = NDArray[np.str_]


def predicted(similarities: NDArray[np.floating], families: Labels, labels: Labels, *, k: int = K) -> Labels:
    """The class that most of the k nearest lines of other families have; of equal numbers the nearer ones' class.

    similarities: float (n, n). families, labels: of each line (n,).
    """
    names, codes = np.unique(labels, return_inverse=True)
    others = np.where(families[:, None] == families, -np.inf, similarities)
    k = min(k, len(labels))
    nearest = np.argpartition(-others, k - 1, axis=1)[:, :k]
    votes = np.zeros((len(labels), len(names)))
    values = np.take_along_axis(others, nearest, axis=1)
    finite = np.isfinite(values)
    most = float(np.abs(similarities).max()) or 1.0
    share = np.where(finite, 1 + 1e-3 * np.where(finite, values, 0) / most, 0)
    np.add.at(votes, (np.arange(len(labels))[:, None], codes[nearest]), share)
    return names[votes.argmax(axis=1)]


def macro_f1(labels: Labels, found: Labels, weights: NDArray[np.floating]) -> float:
    """Mean over the classes of F1, with a weight for each line (n,)."""
    scores = []
    for name in np.unique(labels):
        true, said = labels == name, found == name
        both, all_of = weights[true & said].sum(), weights[true].sum() + weights[said].sum()
        scores.append(2 * both / all_of)
    return float(np.mean(scores))


def family_weights(families: Labels) -> NDArray[np.float64]:
    """One over the number of lines of each line's family (n,): every family weighs the same."""
    _, places, counts = np.unique(families, return_inverse=True, return_counts=True)
    return 1 / counts[places]


def far_from_words(texts: Sequence[str], families: Labels, classes: Labels) -> NDArray[np.bool_]:
    """The half of the lines that share the fewest words (Jaccard) with any line of their class in another family."""
    known: dict[str, int] = {}
    rows = [sorted({known.setdefault(word, len(known)) for word in words_of(text)}) for text in texts]
    has = np.zeros((len(texts), len(known)), dtype=np.float32)
    for place, row in enumerate(rows):
        has[place, row] = 1
    shared, sizes = has @ has.T, has.sum(axis=1)
    jaccard = shared / np.maximum(sizes[:, None] + sizes - shared, 1)
    alike = (classes[:, None] == classes) & (families[:, None] != families)
    nearest = np.where(alike, jaccard, 0).max(axis=1)
    return np.asarray(nearest <= np.median(nearest))
