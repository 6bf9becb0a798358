"""What the forest sees of a line: a projected embedding beside how rare its structured values are.

The paper's best detector joins label-encoded structured columns with embeddings of the free text (section 5.1).
Lines of one source have different columns, so in place of one code a column the forest gets, per line, how
surprising its values are: -log of each value's share of its column, counted online.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.records import Record

PROJECTED = 24
"""Dimensions the embedding is projected to."""
SURPRISES = 3
"""The line's most surprising columns, largest first."""
COLUMN_VALUES = 200
"""A column with more distinct values than this identifies things rather than describing them: it is not counted."""
COLUMNS = 2_000
VALUE_CHARACTERS = 64
WIDTH = PROJECTED + SURPRISES + 2


class ColumnCounts:
    """Online value counts of structured columns; bounded columns, bounded values."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, int] | None] = {}

    def surprise(self, record: Record) -> list[float]:
        """-log share of each counted column's value, largest first; then counts the line in."""
        surprises = []
        kind = record.fields.get("program", "")
        for name, value in record.fields.items():
            column = f"{record.format}/{kind}/{name}"
            counts = self._columns.get(column)
            if counts is None:
                if column in self._columns or len(self._columns) >= COLUMNS:
                    continue
                counts = self._columns[column] = {"": 0}
            value = value[:VALUE_CHARACTERS]
            seen, total = counts.get(value, 0), counts[""]
            counts[value] = seen + 1
            counts[""] = total + 1
            surprises.append(float(np.log((total + 2.0) / (seen + 1.0))))
            if len(counts) > COLUMN_VALUES:
                self._columns[column] = None
        return sorted(surprises, reverse=True)

    def state(self) -> NDArray[np.uint8]:
        """The counts as JSON bytes."""
        return np.frombuffer(json.dumps(self._columns).encode(), dtype=np.uint8)

    def restore(self, state: NDArray[np.uint8]) -> None:
        """Takes up saved counts."""
        self._columns = json.loads(state.tobytes())


def projection(dim: int) -> NDArray[np.float32]:
    """A fixed Gaussian projection, float32 (dim, PROJECTED): the same for every worker and restart.

    A forest splits along axes; oblique directions keep distances (Johnson and Lindenstrauss) and let a few dozen
    splits see all dimensions.
    """
    rng = np.random.default_rng(20_240_817)
    return (rng.standard_normal((dim, PROJECTED)) / np.sqrt(PROJECTED)).astype(np.float32)


def feature_rows(
    vectors: NDArray[np.float32],
    matrix: NDArray[np.float32],
    novelty: NDArray[np.float32],
    rarity: NDArray[np.float32],
    surprises: Sequence[Sequence[float]],
) -> NDArray[np.float32]:
    """The forest's input, float32 (lines, WIDTH).

    vectors: unit vectors (lines, dim). novelty and rarity: of each line's pattern. surprises: of its columns.
    """
    rows = np.zeros((len(vectors), WIDTH), dtype=np.float32)
    rows[:, :PROJECTED] = vectors @ matrix
    for row, values in zip(rows, surprises, strict=True):
        top = values[:SURPRISES]
        row[PROJECTED : PROJECTED + len(top)] = top
    rows[:, -2] = novelty
    rows[:, -1] = rarity
    return rows
