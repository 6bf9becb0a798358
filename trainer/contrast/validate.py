"""How good vectors are on items that were held out: the measures that choices are made by."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.contrast.items import ENGLISH, LOG, TURNED
from trainer.contrast.phrases import SOURCE as PHRASES
from trainer.contrast.store import Items

SOURCE_ITEMS = 60
"""Most items of a source that are measured or measured against."""
NEIGHBOURS = 5

Vectors = NDArray[np.float32]
Embed = Callable[[NDArray[np.int64]], Vectors]
"""Vectors, float32 (n, dim), of texts by their number, int64 (n,)."""


class Figures(NamedTuple):
    """template: MRR of a line's own template among those of all held-out sources. turned: share of the texts that are
    nearer to their template than to the same with one word turned around. described: MRR of an event among others by
    its description. domain: macro F1 of a template's domain by its nearest templates of other sources. opposed: share
    of our own sentences that are nearer to one in a phrase that was never trained on than to that phrase's opposite.
    """

    template: float
    turned: float
    described: float
    domain: float
    opposed: float


def figures(items: Items, embed: Embed) -> Figures:
    """All measures, of vectors with the mean of the templates taken off."""
    logs = sampled(items, (items.kinds == LOG) & items.held)
    known = sampled(items, (items.kinds == LOG) & ~items.held)
    first, last = items.texts[:-1], items.texts[1:] - 1
    templates = embed(first[logs])
    learnt = embed(first[known])
    both = np.concatenate([templates, learnt])
    mean = both.mean(0) if len(both) else np.zeros(both.shape[1], np.float32)
    twins, originals = turned_pairs(items, logs)
    ours = np.array([name["source"].startswith(PHRASES) for name in items.names], np.bool_)[items.sources]
    english = np.flatnonzero((items.kinds == ENGLISH) & items.held & ~ours)
    said = np.flatnonzero((items.kinds == ENGLISH) & items.held & ours)
    opposites = items.companions[items.companion_starts[said]]
    other, phrase, opposite = (
        unit(embed(text) - mean) for text in (last[said], first[said], first[opposites])
    )
    lines = unit(embed(first[logs] + 1) - mean)
    texts = unit(embed(last[originals]) - mean)
    right = unit(embed(first[originals]) - mean)
    wrong = unit(embed(first[twins]) - mean)
    queries, events = (unit(embed(place) - mean) for place in (first[english], last[english]))
    held, known_ones = unit(templates - mean), unit(learnt - mean)
    return Figures(
        mean_reciprocal_rank(lines @ held.T),
        nearer(texts, right, wrong),
        mean_reciprocal_rank(queries @ events.T),
        domain_score(items, held, known_ones, logs, known),
        nearer(other, phrase, opposite),
    )


def sampled(items: Items, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each source the first ``SOURCE_ITEMS`` items of those wanted that have two texts, evenly spread."""
    wanted = wanted & (np.diff(items.texts) > 1)
    found = []
    for source in np.unique(items.sources[wanted]):
        places = np.flatnonzero(wanted & (items.sources == source))
        found.append(places[np.linspace(0, len(places) - 1, min(len(places), SOURCE_ITEMS)).astype(int)])
    return np.concatenate(found) if found else np.empty(0, np.int64)


def turned_pairs(items: Items, logs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Turned items whose template differs, and the item of each."""
    twins, originals = [], []
    for item in logs:
        for other in items.companions[items.companion_starts[item] : items.companion_starts[item + 1]]:
            if items.kinds[other] == TURNED:
                twins.append(int(other))
                originals.append(int(item))
    return np.array(twins, np.int64), np.array(originals, np.int64)


def unit(vectors: Vectors) -> Vectors:
    """Rows of unit length."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def nearer(texts: Vectors, right: Vectors, wrong: Vectors) -> float:
    """Share of unit vectors whose row of ``right`` is nearer than that of ``wrong``; 0 of none."""
    return float(((texts * right).sum(1) > (texts * wrong).sum(1)).mean()) if len(texts) else 0.0


def mean_reciprocal_rank(cosines: Vectors) -> float:
    """Of each row's own column, ties at their mean rank."""
    if not len(cosines):
        return 0.0
    own = np.diag(cosines)[:, None]
    ranks = 1 + (cosines > own).sum(1) + ((cosines == own).sum(1) - 1) / 2
    return float((1 / ranks).mean())


def domain_score(
    items: Items, ours: Vectors, theirs: Vectors, logs: NDArray[np.int64], known: NDArray[np.int64]
) -> float:
    """Macro F1 of the domain of ``logs`` as their nearest of ``known`` have it."""
    if not len(logs) or not len(known):
        return 0.0
    domains = np.array([name["domain"] for name in items.names])
    right, labels = domains[items.sources[logs]], domains[items.sources[known]]
    near = np.argpartition(-(ours @ theirs.T), min(NEIGHBOURS, len(known)) - 1, axis=1)[:, :NEIGHBOURS]
    guessed = []
    for row in labels[near]:
        names, counts = np.unique(row, return_counts=True)
        guessed.append(names[counts.argmax()])
    said = np.array(guessed)
    scores = []
    for label in np.unique(right):
        hits = ((said == label) & (right == label)).sum()
        scores.append(2 * hits / ((said == label).sum() + (right == label).sum()))
    return float(np.mean(scores))
