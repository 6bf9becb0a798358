"""Which texts make a step: a function of the seed and the step's number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.contrast.items import ALONE, ENGLISH, LOG, TURNED, WORDS
from trainer.contrast.store import Items

COMPANY = 0.5
"""Share of a batch's items that are companions of others in it."""
ALONE_SHARE = 0.5
"""Texts that only the teacher speaks of, over a batch's items."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts of one step by their number.

    anchors, positives: int64 (n,), two texts of the same item. alone: int64 (k,). items: int64 (n,), of the pairs.
    """

    anchors: NDArray[np.int64]
    positives: NDArray[np.int64]
    alone: NDArray[np.int64]
    items: NDArray[np.int64]


class Sampler:
    """Draws batches: sources by the number of their items to ``power``, ``english`` of the pairs descriptions.

    Of the texts that stand alone half are words.
    """

    def __init__(self, items: Items, *, english: float, power: float, seed: int) -> None:
        self.items, self.english, self.seed = items, english, seed
        counts = np.bincount(items.sources, minlength=len(items.names))
        weights = (counts.astype(float) ** (power - 1))[items.sources]
        texts = np.diff(items.texts)
        taught = items.teacher[items.texts[:-1]] >= 0
        words = np.array([name["domain"] == WORDS for name in items.names], np.bool_)[items.sources] & taught
        others = (items.kinds == ALONE) & taught & ~words
        if words.any() and others.any():
            weights[words] *= weights[others].sum() / weights[words].sum()
        self.pools = {}
        for kind in (LOG, ENGLISH, ALONE):
            usable = (items.kinds == kind) & ~items.held & (taught if kind == ALONE else texts > 1)
            places = np.flatnonzero(usable)
            self.pools[kind] = (places, np.cumsum(weights[places]))

    def batch(self, step: int, size: int) -> Batch:
        """The batch of a step, of about ``size`` items."""
        rng = np.random.default_rng((self.seed, step))
        own = size - round(size * COMPANY)
        english = rng.binomial(size, self.english) if len(self.pools[ENGLISH][0]) else 0
        logs = max(0, own - english // 2)
        seeds = np.concatenate([self.draw(LOG, logs, rng), self.draw(ENGLISH, min(english, size), rng)])
        company = [self.companion(item, rng) for item in seeds]
        items = np.unique(np.concatenate([seeds, np.array([i for i in company if i >= 0], np.int64)]))
        picks = {int(item): self.pair(item, rng) for item in items}
        pairs = np.array([self.beside(int(item), picks) for item in items], np.int64).reshape(-1, 2)
        alone = self.items.texts[self.draw(ALONE, round(size * ALONE_SHARE), rng)]
        return Batch(pairs[:, 0], pairs[:, 1], alone, items)

    def draw(self, kind: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Items of a kind by their weights; none where there are none."""
        places, sums = self.pools[kind]
        if not len(places) or count <= 0:
            return np.empty(0, np.int64)
        return np.unique(places[np.searchsorted(sums, rng.random(count) * sums[-1], side="right")])

    def companion(self, item: int, rng: np.random.Generator) -> int:
        """One of an item's companions, the turned one half of the time; -1 for none."""
        first, last = self.items.companion_starts[item : item + 2]
        if first == last:
            return -1
        place = first if rng.random() < 0.5 else rng.integers(first, last)
        other = int(self.items.companions[place])
        return other if self.items.texts[other + 1] - self.items.texts[other] > 1 else -1

    def beside(self, item: int, picks: Mapping[int, tuple[int, int]]) -> tuple[int, int]:
        """The texts of an item; of a turned one those at its original's places, where both have as many texts."""
        if self.items.kinds[item] != TURNED:
            return picks[item]
        original = int(self.items.companions[self.items.companion_starts[item]])
        own, other = self.items.texts[item], self.items.texts[original]
        same = self.items.texts[item + 1] - own == self.items.texts[original + 1] - other
        if original not in picks or not same:
            return picks[item]
        one, two = picks[original]
        return int(one - other + own), int(two - other + own)

    def pair(self, item: int, rng: np.random.Generator) -> tuple[int, int]:
        """Two different texts of an item in random order."""
        first, last = self.items.texts[item : item + 2]
        one, other = rng.permutation(np.arange(first, last))[:2]
        return int(one), int(other)
