"""Search by words: BM25 over short texts, and several rankings joined into one.

For queries in plain English over templates, and for the evaluation that measures them. Imports numpy only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

K1, B = 1.2, 0.75
"""BM25's saturation of a word's count and its share of length normalisation (Robertson and Zaragoza 2009, 3.5)."""
PLACES, VECTOR_SHARE = 1.0, 0.5
"""What reciprocal rank fusion (Cormack, Clarke and Buettcher 2009) adds to each rank, and how much a ranking by vectors
counts beside one by words. Chosen on the half "choose" of ``benchmarks/questions.tsv``.
"""
LONGEST_CODE = 5
"""Digits of a number that may be a code; longer ones are values."""

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
_PLACEHOLDER = re.compile(r"<[a-z*]+>")
_SUFFIXES = tuple(re.findall(r"\w+", "ations ation ating ated ates ate ions ion ures ure ings ing ed es s e"))
"""Endings of words, the longer ones first."""
_STEM = 3
_SAID_OFTEN = re.compile(
    r"an?|and|any|are|as|at|be|been|by|did|do|does|for|from|ha[ds]|have|how|i|in|into|is|its?|me|my|of|on|or|our|over"
    r"|show|some|that|the|theirs?|them|there|they|this|those|to|was|we|were|what|when|where|which|who|why|with"
)


def words_of(text: str) -> list[str]:
    """The words of a text as search compares them: lower case, without endings, parts of camelCase apart.

    Placeholders, function words and numbers of more than ``LONGEST_CODE`` digits are left out.
    """
    found = []
    for part in _PARTS.findall(_PLACEHOLDER.sub(" ", text)):
        word = part.lower()
        if _SAID_OFTEN.fullmatch(word) or (word.isdigit() and len(word) > LONGEST_CODE):
            continue
        found.append(stem(word))
    return found


def stem(word: str) -> str:
    """A lower-case English word without the most common endings: "denied" and "denies" are both "deni"."""
    if word.endswith("y") and len(word) > _STEM:
        return word[:-1] + "i"
    for suffix in _SUFFIXES:
        if not word.endswith(suffix) or len(word) - len(suffix) < _STEM:
            continue
        if suffix == "s" and word[-2] in "su":
            return word
        kept = word[: -len(suffix)]
        doubled = suffix in ("ing", "ings", "ed") and kept[-1] == kept[-2] and kept[-1] not in "lsz"
        return kept[:-1] if doubled else kept
    return word


class BM25:
    """Scores of texts for a query by the words that both have (Okapi BM25); memory grows with the texts' words."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._rows: dict[str, list[int]] = {}
        self._counts: dict[str, list[int]] = {}
        lengths = []
        for row, text in enumerate(texts):
            counted = Counter(words_of(text))
            lengths.append(sum(counted.values()))
            for word, count in counted.items():
                self._rows.setdefault(word, []).append(row)
                self._counts.setdefault(word, []).append(count)
        self._lengths = np.array(lengths, dtype=np.float32)
        usual = max(float(np.mean(lengths)), 1.0) if lengths else 1.0
        self._norms = K1 * (1 - B + B * self._lengths / usual)

    def scores(self, query: str) -> NDArray[np.float32]:
        """Of each text, float32 (texts,); 0 for one that has no word of the query."""
        found = np.zeros(len(self._lengths), dtype=np.float32)
        for word in dict.fromkeys(words_of(query)):
            if word not in self._rows:
                continue
            rows, counts = np.array(self._rows[word]), np.array(self._counts[word], dtype=np.float32)
            rarity = np.log1p((len(found) - len(rows) + 0.5) / (len(rows) + 0.5))
            found[rows] += rarity * counts * (K1 + 1) / (counts + self._norms[rows])
        return found


def fuse(
    scores: Sequence[NDArray[np.floating]], weights: Sequence[float] | None = None, *, places: float = PLACES
) -> NDArray[np.float32]:
    """Reciprocal rank fusion: the weighted sum of ``1 / (places + rank)`` over the rankings, float32 (n,).

    scores: of one length, larger is better. Equal scores share their mean rank. A score of 0 or less where others are
    above is a rank like any other: a text without a word of the query is last together with all of its kind.
    Raises ValueError when a weight is missing.
    """
    shares = [1.0] * len(scores) if weights is None else list(weights)
    if len(shares) != len(scores):
        raise ValueError(f"one weight for each ranking is needed, got {len(shares)} for {len(scores)}")
    total = np.zeros(len(scores[0]) if len(scores) else 0, dtype=np.float32)
    for one, share in zip(scores, shares, strict=True):
        total += (share / (places + mean_ranks(np.asarray(one)))).astype(np.float32)
    return total


def mean_ranks(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rank of each score from 1, the largest first; equal ones have the mean of their ranks, float64 (n,)."""
    _, group, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[group]
