"""Which lines of a stream are repeats: the kept ones in an index, new ones compared with them batch by batch.

The index takes about 12 bytes for each band of a kept line and one byte for each permutation: with the default
settings 400 bytes a kept line, however long it is, and three times that for the moment in which the longest of its
arrays is rebuilt. The shingles of kept lines, 4 bytes each, are in a scratch file. Dropped lines leave nothing.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from trainer.data.minhash import Sketcher, Sketches, make_sets, parts
from trainer.settings import DedupSettings

KEPT, EXACT, NEAR = range(3)
"""What becomes of a line: it stays, equals an earlier line that stayed, or is similar to one."""
BATCH_LINES = 512
BATCH_CHARACTERS = 1 << 20
PAIRS = 1 << 18
"""Candidate pairs at once: bounds the memory."""


def batches(lines: Iterator[str]) -> Iterator[list[str]]:
    """Consecutive lines, as many at once as bound the memory."""
    batch: list[str] = []
    characters = 0
    for line in lines:
        batch.append(line)
        characters += len(line)
        if len(batch) == BATCH_LINES or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def hash_lines(lines: Sequence[str]) -> NDArray[np.uint64]:
    """64 bits of BLAKE2b of each line, uint64 (n,): equal hashes are taken for equal lines."""
    digests = [hashlib.blake2b(line.encode(), digest_size=8).digest() for line in lines]
    return np.frombuffer(b"".join(digests), dtype="<u8")


class SortedRuns:
    """Rows by 64-bit key, 12 bytes an entry: sorted arrays, each more than twice as long as the next.

    The logarithmic method of Bentley and Saxe (1980): an entry is merged a logarithmic number of times.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]] = []

    def add(self, keys: NDArray[np.uint64], ids: NDArray[np.uint32]) -> None:
        """Adds entries; keys and ids (n,)."""
        if not len(keys):
            return
        while self._runs and len(self._runs[-1][0]) <= 2 * len(keys):
            older = self._runs.pop()
            keys, ids = np.concatenate((older[0], keys)), np.concatenate((older[1], ids))
        order = np.argsort(keys, kind="stable")
        self._runs.append((keys[order], ids[order]))

    def contains(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which keys have an entry, bool (n,)."""
        found = np.zeros(len(keys), dtype=bool)
        for known, _ in self._runs:
            found |= known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys
        return found

    def find(self, keys: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Rows of ``keys`` (n, columns) and the ids they share a key with, in parts of about ``PAIRS`` pairs.

        Both int64 (pairs,), each pair once, sorted by row, all pairs of a row in one part.
        """
        order = np.argsort(
            keys, axis=None, kind="stable"
        )  # neighbours are looked up together: fewer cache misses
        flat, rows = keys.ravel()[order], order // keys.shape[1]
        hits = []
        for known, ids in self._runs:
            low = np.searchsorted(known, flat)
            found = np.flatnonzero(known[np.minimum(low, len(known) - 1)] == flat)
            counts = np.searchsorted(known, flat[found], side="right") - low[found]
            hits.append((rows[found], low[found], counts, ids))
        sizes = np.zeros(len(keys), dtype=np.int64)
        for owners, _, counts, _ in hits:
            sizes += np.bincount(owners, counts, len(keys)).astype(np.int64)
        for part in parts(sizes, PAIRS):
            codes = []
            for owners, low, counts, ids in hits:
                chosen = (owners >= part.start) & (owners < part.stop)
                repeats = counts[chosen]
                offsets = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
                found_ids = ids[np.repeat(low[chosen], repeats) + offsets].astype(np.int64)
                codes.append(np.repeat(owners[chosen], repeats) << 32 | found_ids)
            pairs = np.unique(np.concatenate(codes)) if codes else np.empty(0, dtype=np.int64)
            yield pairs >> 32, pairs & 0xFFFFFFFF


class KeptLines:
    """Sketches of the kept lines, found by their keys; the sets are in an unnamed file in ``folder``."""

    def __init__(self, permutations: int, folder: Path) -> None:
        self.count = 0
        self._signatures = np.empty((1024, permutations), dtype=np.uint8)
        self._ends = np.zeros(1025, dtype=np.int64)
        self._runs = SortedRuns()
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 as long as the index

    @property
    def signatures(self) -> NDArray[np.uint8]:
        """See ``Sketched``."""
        return self._signatures[: self.count]

    def sizes_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """See ``Sketched``."""
        return self._ends[rows + 1] - self._ends[rows]

    def add(self, lines: Sketches) -> None:
        """Adds lines that stay."""
        total = self.count + len(lines)
        if total > len(self._signatures):
            self._signatures = np.resize(self._signatures, (2 * total, self._signatures.shape[1]))
            self._ends = np.resize(self._ends, 2 * total + 1)
        self._signatures[self.count : total] = lines.signatures
        self._ends[self.count + 1 : total + 1] = self._ends[self.count] + lines.sets.indptr[1:]
        self._file.write(lines.sets.indices.tobytes())
        self._file.flush()
        ids = np.arange(self.count, total, dtype=np.uint32)
        self._runs.add(lines.keys.ravel(), np.repeat(ids, lines.keys.shape[1]))
        self.count = total

    def sets_of(self, rows: NDArray[np.int64]) -> csr_matrix:
        """See ``Sketched``."""
        spans = zip(self._ends[rows].tolist(), self._ends[rows + 1].tolist(), strict=True)
        number = self._file.fileno()
        content = b"".join([os.pread(number, 4 * (end - start), 4 * start) for start, end in spans])
        starts = np.concatenate(([0], np.cumsum(self.sizes_of(rows))))
        return make_sets(np.frombuffer(content, dtype=np.int32), starts)

    def similar(self, lines: Sketches, sketcher: Sketcher) -> NDArray[np.bool_]:
        """Which lines share a band with, and are similar to, a kept one, bool (n,)."""
        found = np.zeros(len(lines), dtype=bool)
        for pairs in self._runs.find(lines.keys):
            rows, ids, estimates = sketcher.close(lines, pairs[0], self, pairs[1])
            order = np.lexsort((-estimates, rows))
            best = order[np.diff(rows, prepend=-1) > 0]  # most repeats are told by their most likely original
            found[rows[best]] = sketcher.similar(lines, rows[best], self, ids[best])
            rest = ~found[rows]
            rest[best] = False
            found[rows[rest][sketcher.similar(lines, rows[rest], self, ids[rest])]] = True
        return found


class Deduplicator:
    """Decides on lines in the order of the corpus: each is compared with the lines kept before it."""

    def __init__(self, settings: DedupSettings, folder: Path) -> None:
        self._sketcher = Sketcher(settings)
        self._kept = KeptLines(settings.permutations, folder)
        self._hashes = SortedRuns()

    def decide(self, lines: Sequence[str]) -> NDArray[np.uint8]:
        """``KEPT``, ``EXACT`` or ``NEAR`` for each line, uint8 (n,)."""
        hashes = hash_lines(lines)
        distinct, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        known = self._hashes.contains(distinct)
        rows = np.sort(first[~known])
        fates = np.full(len(lines), NEAR, dtype=np.uint8)
        if len(rows):
            kept = rows[self._keep([lines[row] for row in rows.tolist()])]
            fates[kept] = KEPT
            self._hashes.add(hashes[kept], np.zeros(len(kept), dtype=np.uint32))
        stays = known | (fates[first] == KEPT)
        repeat = np.arange(len(lines)) != first[inverse]
        fates[stays[inverse] & (repeat | known[inverse])] = EXACT
        return fates

    def restore(self, lines: Sequence[str]) -> None:
        """Takes lines that were kept before."""
        self._kept.add(self._sketcher.sketch(lines))
        self._hashes.add(hash_lines(lines), np.zeros(len(lines), dtype=np.uint32))

    def _keep(self, lines: Sequence[str]) -> NDArray[np.int64]:
        """Rows of the lines that stay, int64, sorted; they are added to the index."""
        sketches = self._sketcher.sketch(lines)
        left = np.flatnonzero(~self._kept.similar(sketches, self._sketcher))
        kept = left[keep_first(sketches.take(left), self._sketcher)]
        self._kept.add(sketches.take(kept))
        return kept


def keep_first(lines: Sketches, sketcher: Sketcher) -> NDArray[np.int64]:
    """Rows of the lines that are not similar to an earlier kept one of the same lines, int64, sorted.

    In rounds: a line without an earlier undecided candidate is kept, and those it is a candidate of are compared
    with it.
    """
    if not len(lines):
        return np.empty(0, dtype=np.int64)
    runs = SortedRuns()
    runs.add(lines.keys.ravel(), np.repeat(np.arange(len(lines), dtype=np.uint32), lines.keys.shape[1]))
    found = [
        sketcher.close(lines, rows[ids < rows], lines, ids[ids < rows]) for rows, ids in runs.find(lines.keys)
    ]
    rows, ids = np.concatenate([pairs[0] for pairs in found]), np.concatenate([pairs[1] for pairs in found])
    undecided, kept = np.ones(len(lines), dtype=bool), np.zeros(len(lines), dtype=bool)
    while undecided.any():
        new = undecided.copy()
        new[rows] = False
        kept |= new
        undecided &= ~new
        compared = new[ids]
        similar = sketcher.similar(lines, rows[compared], lines, ids[compared])
        undecided[rows[compared][similar]] = False
        left = undecided[rows] & undecided[ids]
        rows, ids = rows[left], ids[left]
    return np.flatnonzero(kept)
