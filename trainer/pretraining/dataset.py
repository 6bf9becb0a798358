"""Batches of token ids: rows of one length, or lines packed into full rows."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.vocabulary.tokens import TokenLines

POOL = 256
"""Batches made from one pool of lines: enough that a batch is almost one length, few enough to stay random."""
FRAME = 2
"""``[CLS]`` before and ``[SEP]`` after every line."""

Span = tuple[int, int]
"""First token and the one after the last of a line's crop, as offsets into ``TokenLines.ids``."""


@dataclass(frozen=True, slots=True)
class Batch:
    """ids and segments: int64 (rows, length); a segment is 0 on padding, else the number of the line in its row."""

    ids: Tensor
    segments: Tensor


def epoch_rows(
    lines: TokenLines,
    order: NDArray[np.int64],
    *,
    max_length: int,
    batch_tokens: int,
    packing: bool,
    rng: np.random.Generator,
) -> Iterator[list[list[Span]]]:
    """The rows of each batch of one pass over the lines in ``order``, int64 (n,): lists of spans.

    A line longer than ``max_length`` with its frame is cropped at random, every other time from its beginning.
    Without packing a row is one line and a batch holds rows of nearly one length, at most ``batch_tokens`` with
    padding. With packing a row holds as many lines as fit into ``max_length``, and every batch has equally many rows.
    Equal arguments give equal batches.
    """
    room = max_length - FRAME
    starts, ends = lines.starts[order], lines.starts[order + 1]
    slack = np.maximum(ends - starts - room, 0)
    starts = starts + rng.integers(slack + 1) * (rng.random(len(order)) < 0.5)
    ends = np.minimum(ends, starts + room)
    lengths = ends - starts + FRAME
    pools = np.cumsum(lengths) // (POOL * batch_tokens)
    for pool in np.split(np.arange(len(order)), np.flatnonzero(np.diff(pools)) + 1):
        groups = pack(pool, lengths, max_length) if packing else [[line] for line in pool]
        sizes = [max_length if packing else int(lengths[group[0]]) for group in groups]
        by_size = sorted(range(len(groups)), key=sizes.__getitem__)
        batches: list[list[list[int]]] = [[]]
        for index in by_size:
            if batches[-1] and (len(batches[-1]) + 1) * sizes[index] > batch_tokens:
                batches.append([])
            batches[-1].append(groups[index])
        for batch in rng.permutation(len(batches)):
            yield [[(int(starts[i]), int(ends[i])) for i in group] for group in batches[batch]]


def pack(pool: NDArray[np.int64], lengths: NDArray[np.int64], room: int) -> list[list[int]]:
    """Lines of a pool in groups of at most ``room`` tokens: best fit, longest first."""
    groups: list[list[int]] = []
    gaps: list[tuple[int, int]] = []  # (tokens left, group), sorted
    for line in pool[np.argsort(-lengths[pool], kind="stable")]:
        need = int(lengths[line])
        fit = bisect_left(gaps, (need, -1))
        if fit < len(gaps):
            gap, group = gaps.pop(fit)
        else:
            gap, group = room, len(groups)
            groups.append([])
        groups[group].append(int(line))
        insort(gaps, (gap - need, group))
    return groups


def frame_rows(
    ids: NDArray[np.uint16], rows: Sequence[Sequence[Span]], *, cls_id: int, sep_id: int, pad_id: int
) -> Batch:
    """Rows of spans as ids, each line between ``[CLS]`` and ``[SEP]``, padded to the longest row."""
    length = max(sum(end - start + FRAME for start, end in row) for row in rows)
    framed = np.full((len(rows), length), pad_id, dtype=np.int64)
    segments = np.zeros((len(rows), length), dtype=np.int64)
    for index, row in enumerate(rows):
        place = 0
        for number, (start, end) in enumerate(row, 1):
            stop = place + end - start + FRAME
            framed[index, place] = cls_id
            framed[index, place + 1 : stop - 1] = ids[start:end]
            framed[index, stop - 1] = sep_id
            segments[index, place:stop] = number
            place = stop
    return Batch(torch.from_numpy(framed), torch.from_numpy(segments))
