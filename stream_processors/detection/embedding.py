"""Vectors for rows of the table of texts that have none yet; what the encoder can't take is found by halving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from encoder_core.cascade import finite
from stream_processors.detection.table import Rows, TemplateTable

if TYPE_CHECKING:
    from encoder_core.encoder import Embedded


class Embedder(Protocol):
    """Anything that turns texts into vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        """One vector a text, float32 (texts, dim), and which were longer than it reads, bool (texts,)."""


def embed_rows(
    rows: Rows,
    missing: NDArray[np.int64],
    table: TemplateTable,
    encoder: Embedder,
    probe: Callable[[], None] = lambda: None,
) -> dict[int, Exception]:
    """Fills in the vectors of rows; answers those that the encoder can't take, and why.

    They are found by halving, after ``probe()``, which raises when the encoder itself is broken.
    """
    if not len(missing):
        return {}
    try:
        vectors, cut = encoder.embed_and_flag([rows.texts[row] for row in missing.tolist()])
        table.fill(rows, missing, finite(vectors), cut)
        return {}
    except Exception as error:
        probe()
        if len(missing) == 1:
            return {int(missing[0]): error}
    middle = len(missing) // 2
    failed = embed_rows(rows, missing[:middle], table, encoder)
    return failed | embed_rows(rows, missing[middle:], table, encoder)
