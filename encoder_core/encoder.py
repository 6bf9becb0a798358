"""``Encoder.embed``: log lines to vectors, each distinct line computed once, in bounded memory."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder_core.batching import pad_rows, token_budget_batches
from encoder_core.bundle import Bundle, default_bundle_path
from encoder_core.session import Session
from encoder_core.tokenizer import Tokenizer

CHUNK_LINES = 4_096
"""Distinct lines tokenised and sorted together: bounds memory whatever the input."""


def size_of(text: str, vector: NDArray[np.float32]) -> int:
    """Bytes that a text and its vector take in memory."""
    return sys.getsizeof(text) + vector.nbytes


class VectorCache:
    """Least-recently-used vectors by text, bounded in bytes (text and vector; 0 keeps nothing)."""

    def __init__(self, limit: int) -> None:
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._limit = limit
        self._bytes = 0

    def get(self, text: str) -> NDArray[np.float32] | None:
        """The vector of a text seen before, now the most recent one."""
        vector = self._vectors.get(text)
        if vector is not None:
            self._vectors.move_to_end(text)
        return vector

    def put(self, text: str, vector: NDArray[np.float32]) -> None:
        """Keeps a text's vector and forgets the oldest ones over the limit."""
        if (old_vector := self._vectors.pop(text, None)) is not None:
            self._bytes -= size_of(text, old_vector)
        self._vectors[text] = vector
        self._bytes += size_of(text, vector)
        while self._bytes > self._limit:
            old, old_vector = self._vectors.popitem(last=False)
            self._bytes -= size_of(old, old_vector)


class Encoder:
    """Embeds lines with the ONNX graph of a bundle.

    max_tokens: longer lines are cut. batch_tokens: rows times longest row of one run, which bounds the
    memory of the graph. threads: of one run, 0 for one a core. cache_bytes: vectors kept between calls.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        max_tokens: int = 256,
        batch_tokens: int = 4_096,
        threads: int = 0,
        cache_bytes: int = 64 << 20,
    ) -> None:
        if batch_tokens < 1:
            raise ValueError(f"batch_tokens must be positive, got {batch_tokens}")
        self.bundle = bundle
        self._tokenizer = Tokenizer(bundle.path / "tokenizer.json", max_tokens=max_tokens)
        self._session = Session(bundle, threads=threads)
        self._batch_tokens = batch_tokens
        self._cache = VectorCache(cache_bytes)

    @classmethod
    def from_path(cls, path: Path | str | None = None, **options: int) -> Encoder:
        """The encoder of a bundle folder, by default of the bundle that ships with the package."""
        return cls(Bundle.load(path or default_bundle_path()), **options)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.bundle.dim

    def embed(self, lines: Sequence[str]) -> NDArray[np.float32]:
        """Masked mean pooling of each line's last hidden states (paper section 4), float32 (lines, dim).

        Equal lines share one computation. The int8 graph scales activations by the batch, so a line's vector
        may differ by about 1e-3 in cosine with the lines it happens to be computed with.
        """
        rows: dict[str, list[int]] = {}
        for row, line in enumerate(lines):
            rows.setdefault(line, []).append(row)
        vectors = np.empty((len(lines), self.dim), dtype=np.float32)
        missing = []
        for text, places in rows.items():
            if (vector := self._cache.get(text)) is None:
                missing.append(text)
            else:
                vectors[places] = vector
        for start in range(0, len(missing), CHUNK_LINES):
            for text, vector in self._compute(missing[start : start + CHUNK_LINES]):
                vectors[rows[text]] = vector
                self._cache.put(text, vector)
        return vectors

    def _compute(self, texts: Sequence[str]) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Every text with its vector, float32 (dim,), in order of length."""
        tokens = self._tokenizer.encode(texts)
        for batch in token_budget_batches(list(map(len, tokens)), self._batch_tokens):
            ids, mask = pad_rows([tokens[index] for index in batch], self._tokenizer.pad_id)
            for index, vector in zip(batch, self._session.run(ids, mask), strict=True):
                yield texts[index], vector.copy()
