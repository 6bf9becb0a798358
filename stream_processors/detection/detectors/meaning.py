"""How few lines mean about what a line means: a density over the vectors of templates, each weighing what its lines do.

A line's density is the share of recent lines that have its template, and of those that have a near one, the less the
farther it is: a kernel estimate over the nearest templates. So a new template that says what others say is no surprise,
and one that is like nothing before is. What depends on vectors is computed once a template, when it is first seen.
"""

from __future__ import annotations

import json
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel
from stream_processors.detection.counting import MEMORY_LINES, faded
from stream_processors.detection.detectors.counts import lines_counted
from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises
from stream_processors.detection.table import Rows
from stream_processors.detection.texts import encodable

TEMPLATES = 1_024
"""Known at most; a new one takes the place of the one whose lines have faded most."""
FIRST_PLACES = 64
NEIGHBOURS = 16
WIDTH = 0.2
"""1 - cosine at which a line of another template counts 1/e of one of the same."""
LEAST = exp(-4.0)
"""Lines that would count less do not."""
TEXT_CHARACTERS = 200
"""Of a template that are kept, for people."""


@kernel
def density_lines(
    places: NDArray[np.int32],
    begin: int,
    end: int,
    clock: int,
    counts: NDArray[np.float64],
    seen: NDArray[np.int64],
    others: NDArray[np.int32],
    weights: NDArray[np.float32],
    found: NDArray[np.float32],
) -> None:
    """Scores and counts lines from ``begin`` to ``end``, whose templates are known.

    counts, seen: lines of each template, as they were at its last one. others, weights: its neighbours, and what a line
    of theirs counts, (templates, NEIGHBOURS), 0 for none.
    """
    for line in range(begin, end):
        place, now = places[line], clock + line
        own = faded(counts[place], now - seen[place])
        density = own
        for at in range(NEIGHBOURS):
            if weights[place, at] > 0.0:
                other = others[place, at]
                density += weights[place, at] * faded(counts[other], now - seen[other])
        found[line] = max(0.0, log((lines_counted(now) + 2.0) / (density + 1.0)))
        counts[place], seen[place] = own + 1.0, now


@kernel
def faintest(counts: NDArray[np.float64], seen: NDArray[np.int64], now: int) -> int:
    """The place of the template whose lines have faded most."""
    found, least = 0, np.inf
    for place in range(len(counts)):
        count = faded(counts[place], now - seen[place])
        if count < least:
            found, least = place, count
    return found


@helper
def put(
    place: int, other: int, weight: float, others: NDArray[np.int32], weights: NDArray[np.float32]
) -> None:
    """Makes a template a neighbour of another one, unless that one has nearer ones enough."""
    at = np.argmin(weights[place])
    if weight > weights[place, at]:
        others[place, at], weights[place, at] = other, weight


@kernel
def link(
    place: int,
    known: int,
    cosines: NDArray[np.float32],
    others: NDArray[np.int32],
    weights: NDArray[np.float32],
) -> None:
    """Takes a template's neighbours anew, and it as theirs. cosines: to the ``known`` templates, itself among them."""
    weights[place] = 0.0
    for other in range(known):
        if other == place:
            continue
        for at in range(NEIGHBOURS):
            if others[other, at] == place:
                weights[other, at] = 0.0
        weight = exp((cosines[other] - 1.0) / WIDTH)
        if weight >= LEAST:
            put(place, other, weight, others, weights)
            put(other, place, weight, others, weights)


class Meaning:
    """-log of the density of a line's template among the lines before it. ``dim``: of its vectors."""

    name = "meaning"

    def __init__(self, dim: int, *, limit: int = TEMPLATES) -> None:
        self._limit, self._dim, self._lines = limit, dim, 0
        self._keys: list[int] = []
        self._texts: list[str] = []
        self._places: dict[int, int] = {}
        self._make(FIRST_PLACES)

    def _make(self, places: int) -> None:
        self._vectors = np.zeros((places, self._dim), dtype=np.float32)
        self._counts, self._seen = np.zeros(places), np.zeros(places, dtype=np.int64)
        self._others = np.zeros((places, NEIGHBOURS), dtype=np.int32)
        self._weights = np.zeros((places, NEIGHBOURS), dtype=np.float32)

    def observe(self, seen: Seen) -> Surprises:
        """Scores each line with what came before it, and learns it."""
        batch, found = seen.batch, np.zeros(len(seen), dtype=np.float32)
        distinct, end = batch.distinct, 0
        keys = batch.rows.keys[distinct.rows].tolist()
        places = np.array([self._places.get(key, -1) for key in keys], dtype=np.int32)
        while True:
            of_lines, begin = places[distinct.of], end
            unknown = np.flatnonzero(of_lines[begin:] < 0)
            end = begin + int(unknown[0]) if len(unknown) else len(seen)
            density_lines(
                of_lines,
                begin,
                end,
                self._lines,
                self._counts,
                self._seen,
                self._others,
                self._weights,
                found,
            )
            if not len(unknown):
                break
            new = distinct.of[end]
            place = self._add(batch.rows, int(distinct.rows[new]), self._lines + end)
            places[places == place] = -1  # of one that had to go
            places[new] = place
        self._lines += len(seen)
        return Surprises(found, np.full(len(seen), NO_CAUSE))

    def _add(self, rows: Rows, row: int, now: int) -> int:
        """The place of a template that is not known."""
        key, text = int(rows.keys[row]), rows.shapes[row][:TEXT_CHARACTERS]
        if len(self._keys) < self._limit:
            place = len(self._keys)
            self._keys.append(key)
            self._texts.append(text)
            if place == len(self._counts):
                self._widen()
        else:
            place = int(faintest(self._counts[: self._limit], self._seen[: self._limit], now))
            del self._places[self._keys[place]]
            self._keys[place], self._texts[place] = key, text
        self._places[key] = place
        self._vectors[place] = rows.vectors[row].astype(np.float16)  # as a snapshot has it
        self._counts[place], self._seen[place] = 0.0, now
        known = len(self._keys)
        cosines = self._vectors[:known] @ self._vectors[place]
        link(place, known, cosines, self._others, self._weights)
        return place

    def _widen(self) -> None:
        for name in ("_vectors", "_counts", "_seen", "_others", "_weights"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))

    def unlearn(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Takes back lines of those templates."""
        batch = seen.batch
        for key in batch.rows.keys[batch.templates[places]].tolist():
            if (place := self._places.get(key)) is not None:
                left = faded(self._counts[place], self._lines - self._seen[place]) - 1
                self._counts[place], self._seen[place] = max(left, 0.0), self._lines

    def explain(self, seen: Seen, place: int) -> Reason:
        """The nearest other template that is known, and how near it is."""
        own = self._places.get(int(seen.batch.rows.keys[seen.batch.templates[place]]))
        total, lines = lines_counted(self._lines), self._lines
        if own is None:  # more templates came in the same batch than are known at most
            text = f"unlike the {self._limit:,} templates known then"
            return Reason(self.name, log(total + 2), text, {"lines": lines})
        others, weights = self._others[own], self._weights[own]
        ages = self._lines - self._seen[others]
        near = float(weights @ (self._counts[others] * np.exp(ages * (-1.0 / MEMORY_LINES))))
        score = log((total + 2) / (max(self._counts[own] - 1, 0.0) + near + 1))
        numbers: dict[str, float | str] = {"lines_alike": round(near), "lines": lines}
        if not weights.any():
            return Reason(self.name, score, f"nothing alike in {lines:,} lines", numbers)
        best = int(np.argmax(weights))
        cosine = 1 + WIDTH * log(float(weights[best]))
        text = encodable(self._texts[others[best]])
        numbers |= {"nearest": text, "similarity": round(cosine, 2)}
        return Reason(
            self.name,
            score,
            f"about {round(near):,} of {lines:,} lines alike; nearest, with similarity {cosine:.2f}: {text}",
            numbers,
        )

    def state(self) -> dict[str, NDArray]:
        """The templates with their vectors in float16, counts and neighbours."""
        known = len(self._keys)
        texts = json.dumps(self._texts).encode()
        return {
            "vectors": self._vectors[:known].astype(np.float16),
            "keys": np.array(self._keys, dtype=np.uint64),
            "counts": self._counts[:known],
            "seen": self._seen[:known],
            "others": self._others[:known],
            "weights": self._weights[:known],
            "texts": np.frombuffer(texts, dtype=np.uint8),
            "lines": np.array([self._lines]),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved templates, those of the first places when fewer may be known now."""
        vectors, texts = state["vectors"], json.loads(state["texts"].tobytes())
        if vectors.ndim != 2 or vectors.shape[1] != self._dim:
            raise ValueError(f"vectors must be (templates, {self._dim}), got {vectors.shape}")
        known = min(len(vectors), self._limit)
        self._make(max(FIRST_PLACES, known))
        self._vectors[:known] = vectors[:known]
        for name in ("counts", "seen", "others", "weights"):
            getattr(self, f"_{name}")[:known] = state[name][:known]
        self._weights[self._others >= known] = 0.0
        self._keys, self._texts = state["keys"][:known].tolist(), texts[:known]
        self._places = {key: place for place, key in enumerate(self._keys)}
        self._lines = int(state["lines"][0])
