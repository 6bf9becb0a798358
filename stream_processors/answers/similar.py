"""Patterns for a question in plain English, or for a log line: by words and by meaning, joined by rank.

Words find what is said as it is asked, vectors what is said in other words. Only ranks are joined, since a BM25 score
and a cosine have no common unit. No torch and no numba: a question is answered by whoever has the store and the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Pattern, Template
from connectors.patterns import patterns_of
from connectors.store import Store
from encoder_core.ranking import BM25, PLACES, VECTOR_SHARE, fuse
from encoder_core.vectors import unit_rows
from stream_processors.answers.codes import with_names
from stream_processors.answers.queries import readable

MEMBERS = 4
"""Templates of a pattern whose words count, the most lines first."""
CHARACTERS = 600
"""Of a template: bounds the work of a question in a large store."""
NOT_NEAR = -1.0
"""The cosine of a pattern that has no vector of the encoder's model."""


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern that answers a question."""

    pattern: Pattern
    score: float
    """Joined from both rankings; larger is better, and comparable within one answer only."""
    words: float
    """BM25 score of its words; 0 when it has none of the question's."""
    cosine: float | None
    """Of its nearest template to the question; None when none has a vector of the encoder's model."""


class PatternSearch:
    """The patterns of some templates, to be searched; memory and work grow with their text.

    model: identity of the encoder; vectors of others are not comparable.
    """

    def __init__(self, templates: Sequence[Template], model: str = "") -> None:
        self.patterns = patterns_of(templates)
        self._model = model
        places = {pattern.id: place for place, pattern in enumerate(self.patterns)}
        self._templates = list(templates)
        self._of = np.array([places[template.pattern] for template in templates], dtype=np.int64)
        texts = {template.id: template.text for template in templates}
        self._index = BM25(
            " ".join(with_names(texts[name][:CHARACTERS]) for name in pattern.members[:MEMBERS])
            for pattern in self.patterns
        )

    def words(self, question: str) -> NDArray[np.float32]:
        """BM25 of each pattern, float32 (patterns,)."""
        return self._index.scores(question)

    def cosines(self, vector: NDArray[np.floating]) -> NDArray[np.float32]:
        """Of each pattern's nearest template to a vector (dim,), float32 (patterns,); ``NOT_NEAR`` without one."""
        size = 2 * len(vector)
        rows = [
            n for n, one in enumerate(self._templates) if one.model == self._model and len(one.vector) == size
        ]
        if not rows:
            return np.full(len(self.patterns), NOT_NEAR, dtype=np.float32)
        vectors = np.stack([np.frombuffer(self._templates[row].vector, dtype="<f2") for row in rows])
        return self.nearest(unit_rows(vectors) @ unit_rows(vector), rows)

    def nearest(
        self, cosines: NDArray[np.floating], rows: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """The largest of its templates' cosines for each pattern. cosines: of the templates ``rows``, or of all."""
        found = np.full(len(self.patterns), NOT_NEAR, dtype=np.float32)
        np.maximum.at(found, self._of if rows is None else self._of[rows], cosines.astype(np.float32))
        return found

    def joined(
        self,
        words: NDArray[np.floating],
        cosines: NDArray[np.floating],
        *,
        places: float = PLACES,
        share: float = VECTOR_SHARE,
    ) -> NDArray[np.float32]:
        """Both rankings in one, float32 (patterns,). What says nothing, as no word found does, is left out."""
        rankings = [(words, 1.0), (cosines, share)]
        telling = [(scores, weight) for scores, weight in rankings if len(scores) and np.ptp(scores) > 0]
        if not telling:
            return np.zeros(len(self.patterns), dtype=np.float32)
        return fuse([scores for scores, _ in telling], [weight for _, weight in telling], places=places)


def similar(
    store: Store, source: str, question: str, vector: NDArray[np.floating], *, model: str, limit: int = 10
) -> list[Match]:
    """The patterns that answer a question best. vector: the question's, (dim,), of the encoder ``model``."""
    templates = store.templates(source)
    search = PatternSearch(templates, model)
    words, cosines = search.words(question), search.cosines(vector)
    scores = search.joined(words, cosines)
    best = np.lexsort((-words, -scores))[:limit].tolist()
    shown = readable([search.patterns[place] for place in best], templates)
    return [
        Match(
            pattern,
            float(scores[place]),
            float(words[place]),
            float(cosines[place]) if cosines[place] > NOT_NEAR else None,
        )
        for pattern, place in zip(shown, best, strict=True)
        if words[place] > 0 or cosines[place] > NOT_NEAR
    ]
