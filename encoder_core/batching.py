"""Token-budget batches: rows of nearly one length, so that little of the work is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def token_budget_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of the rows of each batch, shortest rows first.

    Rows times longest row is at most ``budget``; a row longer than the budget makes a batch of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def pad_rows(rows: Sequence[NDArray[np.int64]], pad_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and attention mask, both int64 (rows, longest row); the mask is 0 on padding."""
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    present = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(present.shape, pad_id, dtype=np.int64)
    ids[present] = np.concatenate(rows)
    return ids, present.astype(np.int64)
