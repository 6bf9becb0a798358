"""Lines as sets of character shingles: MinHash signatures of them, LSH bands, and their exact Jaccard similarity.

MinHash is Broder (1997), bands are Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4. The
signatures are rensa's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash
from scipy.sparse import csr_matrix

from trainer.data.templates import templates_of
from trainer.settings import DedupSettings

HASH_BITS = 30
"""Of a shingle's hash. Two sets of a thousand shingles share one by chance once in a thousand pairs."""
BAND_RECALL = 0.99
"""Least share of the pairs right at the threshold that must meet in some band; those above it meet more often."""
DEVIATIONS = 2.5
"""Standard deviations below the threshold to which a signature's estimate is still followed by the exact value."""
PAIR_ELEMENTS = 1 << 21
"""Shingles compared at once: bounds the memory."""
SEED = 1


class Sketched(Protocol):
    """Lines that can be compared."""

    @property
    def signatures(self) -> NDArray[np.uint8]:
        """The low byte of every MinHash, uint8 (n, permutations)."""

    def sizes_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Shingles of some lines, int64 (len(rows),)."""

    def sets_of(self, rows: NDArray[np.int64]) -> csr_matrix:
        """A row for each of ``rows`` with a one for every shingle, int8 (len(rows), 2 ** HASH_BITS)."""


@dataclass(frozen=True, slots=True)
class Sketches:
    """``Sketched`` lines in memory, with the keys that bring them together.

    sets: as ``sets_of`` of all. keys: uint64 (n, bands); two lines with an equal key are candidates.
    """

    sets: csr_matrix
    signatures: NDArray[np.uint8]
    keys: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.keys)

    def sizes_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """See ``Sketched``."""
        return (self.sets.indptr[rows + 1] - self.sets.indptr[rows]).astype(np.int64)

    def sets_of(self, rows: NDArray[np.int64]) -> csr_matrix:
        """See ``Sketched``."""
        return self.sets[rows]

    def take(self, rows: NDArray[np.int64]) -> Sketches:
        """Some of the lines, in the order of ``rows``."""
        return Sketches(self.sets[rows], self.signatures[rows], self.keys[rows])


class Sketcher:
    """Sketches lines as the settings ask, and tells which pairs are similar."""

    def __init__(self, settings: DedupSettings) -> None:
        self.threshold = settings.threshold
        self.shingle = settings.shingle
        self.permutations = settings.permutations
        self.templates = settings.form == "template"
        self.rows = rows_of_a_band(settings.threshold, settings.permutations)
        self.bands = settings.permutations // self.rows
        deviation = np.sqrt(settings.threshold * (1 - settings.threshold) / settings.permutations)
        self.least_estimate = settings.threshold - DEVIATIONS * deviation

    @cached_property
    def _weights(self) -> NDArray[np.uint64]:
        weights = np.random.default_rng(SEED).integers(1 << 63, size=(self.bands, self.rows), dtype=np.uint64)
        return weights * np.uint64(2) + np.uint64(1)

    def sketch(self, lines: Sequence[str]) -> Sketches:
        """Sketches of one or more non-empty lines."""
        sets = shingle_sets(templates_of(lines) if self.templates else lines, self.shingle)
        tokens = sets.indices.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            tokens, sets.indptr.astype(np.uint64), self.permutations, SEED
        )
        signatures = np.array(matrix.to_rows(), dtype=np.uint32)
        banded = signatures[:, : self.bands * self.rows].reshape(-1, self.bands, self.rows)
        keys = np.einsum("nbr,br->nb", banded.astype(np.uint64), self._weights)
        return Sketches(sets, signatures.astype(np.uint8), keys)

    def close(
        self, one: Sketched, rows: NDArray[np.int64], other: Sketched, ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """The pairs of a line of ``one`` and one of ``other`` that may be similar by their signatures.

        rows, ids: int64 (pairs,); returns those of the close pairs, and their estimated similarity.
        """
        estimates = (
            np.count_nonzero(one.signatures[rows] == other.signatures[ids], axis=1) / self.permutations
        )
        chosen = estimates >= self.least_estimate
        return rows[chosen], ids[chosen], estimates[chosen]

    def similar(
        self, one: Sketched, rows: NDArray[np.int64], other: Sketched, ids: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which pairs reach the threshold, bool (pairs,); rows, ids: int64 (pairs,)."""
        found = np.zeros(len(rows), dtype=bool)
        for part in parts(one.sizes_of(rows) + other.sizes_of(ids), PAIR_ELEMENTS):
            found[part] = jaccard(one.sets_of(rows[part]), other.sets_of(ids[part])) >= self.threshold
        return found


def rows_of_a_band(threshold: float, permutations: int) -> int:
    """The most rows with which ``permutations // rows`` bands still bring ``BAND_RECALL`` of the pairs together."""
    rows = 1
    for more in range(2, permutations + 1):
        if 1 - (1 - threshold**more) ** (permutations // more) >= BAND_RECALL:
            rows = more
    return rows


def shingle_sets(texts: Sequence[str], shingle: int) -> csr_matrix:
    """A one for the hash of every run of ``shingle`` characters of a text, int8 (len(texts), 2 ** HASH_BITS).

    A shorter text is one shingle.
    """
    lengths = np.array([max(len(text), shingle) for text in texts])
    ends = np.cumsum(lengths)
    padded = "".join([text.ljust(shingle, "\0") for text in texts])
    codes = np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    hashes = np.zeros(len(codes) - shingle + 1, dtype=np.uint64)
    for offset in range(shingle):
        hashes *= np.uint64(0xBF58476D1CE4E5B9)
        hashes += codes[offset : offset + len(hashes)]
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(0x94D049BB133111EB)
    inside = np.ones(len(codes), dtype=bool)
    for offset in range(1, shingle):
        inside[ends - offset] = False
    indices = (hashes[inside[: len(hashes)]] >> np.uint64(64 - HASH_BITS)).astype(np.int32)
    starts = np.concatenate(([0], np.cumsum(lengths - shingle + 1)))
    for start, end in pairwise(starts.tolist()):
        indices[start:end].sort()
    fresh = np.ones(len(indices), dtype=bool)
    fresh[1:] = indices[1:] != indices[:-1]
    fresh[starts[:-1]] = True
    kept = np.concatenate(([0], np.cumsum(fresh)))[starts]
    return make_sets(indices[fresh], kept)


def make_sets(indices: NDArray[np.int32], starts: NDArray[np.int64]) -> csr_matrix:
    """Sets from the sorted hashes of all rows end to end, int32, and where each row starts, (n + 1,)."""
    ones = np.ones(len(indices), dtype=np.int8)
    sets = csr_matrix(
        (ones, indices, starts.astype(np.int32)), shape=(len(starts) - 1, 1 << HASH_BITS), copy=False
    )
    sets.has_canonical_format = True
    return sets


def jaccard(one: csr_matrix, other: csr_matrix) -> NDArray[np.float64]:
    """Similarity of the sets in equal rows, float64 (rows,)."""
    shared = np.diff(one.multiply(other).indptr)
    return shared / (np.diff(one.indptr) + np.diff(other.indptr) - shared)


def parts(sizes: NDArray[np.int64], limit: int) -> Iterator[slice]:
    """Consecutive slices with sizes of about ``limit`` together, each of one element or more."""
    groups = np.cumsum(sizes) // limit
    edges = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(sizes)]
    for start, end in pairwise(edges):
        if end > start:
            yield slice(start, end)
