"""``Encoder.embed``: log lines to vectors, each distinct line computed once, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder_core.batching import pad_rows, token_budget_batches
from encoder_core.bundle import Bundle, default_bundle_path
from encoder_core.cache import VectorCache
from encoder_core.centring import read_mean
from encoder_core.session import LONG_TOKENS, Session, available_cores
from encoder_core.tokenizer import Tokenizer

CHUNK_LINES = 1_024
"""Distinct lines tokenised and sorted together, while those before are computed: bounds memory whatever the input."""
RUN_TOKENS = 1_024
"""Tokens of one run: enough to keep a core busy, few enough for its caches."""

Vectors = NDArray[np.float32]
Rows = Sequence[NDArray[np.int64]]


class Embedded(NamedTuple):
    """Vectors of lines, float32 (lines, dim), and which lines were longer than ``max_tokens``, bool (lines,)."""

    vectors: Vectors
    cut: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class EncoderStats:
    """What an encoder has done so far.

    lines: given to it. computed: of them, run through the graph. cut: of the computed, longer than ``max_tokens``.
    tokens: of the computed ones; padding: positions computed for nothing beside them.
    """

    lines: int = 0
    computed: int = 0
    cut: int = 0
    tokens: int = 0
    padding: int = 0

    @property
    def hit_rate(self) -> float:
        """Share of the lines that needed no computation."""
        return 1 - self.computed / self.lines if self.lines else 0.0

    @property
    def padding_share(self) -> float:
        """Share of the computed positions that were padding."""
        return self.padding / max(1, self.tokens + self.padding)


class Encoder:
    """Embeds lines with the ONNX graph of a bundle; safe to use from many threads.

    max_tokens: longer lines are cut. batch_tokens: rows times longest row of one run, which bounds the memory of the
    graph. threads: runs at a time, one thread each; 0 for one a core. Rows over ``LONG_TOKENS`` have a thread of their
    own, so that others do not wait for them. cache_bytes: vectors kept between calls. ``mean``, float32 (dim,), is the
    bundle's, and off every vector.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        max_tokens: int = 128,
        batch_tokens: int = RUN_TOKENS,
        threads: int = 0,
        cache_bytes: int = 8 << 20,
    ) -> None:
        if batch_tokens < 1:
            raise ValueError(f"batch_tokens must be positive, got {batch_tokens}")
        self.bundle = bundle
        self.stats = EncoderStats()
        self.cache = VectorCache(cache_bytes)
        self._tokenizer = Tokenizer(bundle.path / "tokenizer.json", max_tokens=max_tokens)
        self._session = Session(bundle)
        self.mean = read_mean(bundle)
        self._batch_tokens = batch_tokens
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(threads or available_cores(), "encoder")
        self._long_pool = ThreadPoolExecutor(1, "encoder-long")

    @classmethod
    def from_path(cls, path: Path | str | None = None, **options: Any) -> Encoder:
        """The encoder of a bundle folder, by default of the bundle that ships with the package."""
        return cls(Bundle.load(path or default_bundle_path()), **options)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.bundle.dim

    def count_words(self, text: str) -> tuple[int, int]:
        """Words of a text, and those of them that the tokenizer does not know but spells."""
        return self._tokenizer.count_words(text)

    def embed(self, lines: Sequence[str]) -> Vectors:
        """Masked mean pooling of each line's last hidden states (paper section 4), centred, float32 (lines, dim)."""
        return self.embed_and_flag(lines).vectors

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        """Vectors, and which lines were cut; equal lines share one computation.

        A vector does not depend on the lines beside it, but for rounding: the sums of a run are taken in the order
        that its shape asks for.
        """
        places: dict[str, list[int]] = {}
        for place, line in enumerate(lines):
            places.setdefault(line, []).append(place)
        vectors = np.empty((len(lines), self.dim), dtype=np.float32)
        cut = np.zeros(len(lines), dtype=bool)
        missing = []
        with self._lock:
            for line, rows in places.items():
                if (entry := self.cache.get(line)) is None:
                    missing.append(line)
                else:
                    vectors[rows], cut[rows] = entry
            self._count(lines=len(lines))
        for line, (vector, was_cut) in zip(missing, self._compute(missing), strict=True):
            rows = places[line]
            vectors[rows], cut[rows] = vector, was_cut
            with self._lock:
                self.cache.put(line, vector, was_cut)
        return Embedded(vectors, cut)

    def _compute(self, texts: Sequence[str]) -> Iterator[tuple[Vectors, bool]]:
        """Each text's vector and whether it was cut; the next chunk is tokenised while one is computed."""
        running: deque[tuple[list[bool], Vectors, list[Future[None]]]] = deque()
        for start in range(0, len(texts), CHUNK_LINES):
            rows, cut = self._tokenizer.encode(texts[start : start + CHUNK_LINES])
            vectors = np.empty((len(rows), self.dim), dtype=np.float32)
            running.append((cut, vectors, self._submit(rows, vectors)))
            with self._lock:
                self._count(computed=len(rows), cut=sum(cut))
            if len(running) > 1:
                yield from finished(*running.popleft())
        while running:
            yield from finished(*running.popleft())

    def _submit(self, rows: Rows, vectors: Vectors) -> list[Future[None]]:
        """Starts the runs that fill in the vectors of some rows."""
        lengths = list(map(len, rows))
        batches = token_budget_batches(lengths, self._batch_tokens)
        return [
            (self._long_pool if lengths[batch[-1]] > LONG_TOKENS else self._pool).submit(
                self._run, rows, batch, vectors
            )
            for batch in batches
        ]

    def _run(self, rows: Rows, batch: Sequence[int], vectors: Vectors) -> None:
        ids, mask = pad_rows([rows[index] for index in batch], self._tokenizer.pad_id)
        vectors[batch] = self._session.run(ids, mask) - self.mean
        tokens = int(mask.sum())
        with self._lock:
            self._count(tokens=tokens, padding=mask.size - tokens)

    def _count(self, **more: int) -> None:
        """Adds to the counters; the caller holds the lock."""
        now = self.stats
        self.stats = replace(now, **{name: getattr(now, name) + value for name, value in more.items()})


def finished(cut: list[bool], vectors: Vectors, runs: list[Future[None]]) -> Iterator[tuple[Vectors, bool]]:
    """Waits for the runs that fill ``vectors`` and gives them row by row; raises what a run raised."""
    for run in runs:
        run.result()
    yield from zip(vectors, cut, strict=True)
