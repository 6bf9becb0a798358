"""Tokenised lines in memory, and length-bucketed token-budget batches drawn from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from encoder_core import batching

POOL = 256
"""Batches sorted by length together: enough that a batch is almost one length, few enough to stay random."""


@dataclass(frozen=True, slots=True)
class TokenLines:
    """Token ids of all lines end to end, uint16 (tokens,), and where each begins, int64 (lines + 1,)."""

    ids: NDArray[np.uint16]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each line, int64 (lines,)."""
        return np.diff(self.starts)


def encode_lines(tokenizer: Tokenizer, lines: Sequence[str], *, chunk: int = 4_096) -> TokenLines:
    """All lines as content without special tokens; ids must fit 16 bits."""
    if tokenizer.get_vocab_size() > np.iinfo(np.uint16).max:
        raise ValueError(f"vocabulary of {tokenizer.get_vocab_size()} does not fit 16-bit ids")
    pieces: list[NDArray[np.uint16]] = []
    lengths: list[int] = [0]
    iterator = iter(lines)
    while part := list(islice(iterator, chunk)):
        for encoding in tokenizer.encode_batch_fast(part, add_special_tokens=False):
            pieces.append(np.asarray(encoding.ids, dtype=np.uint16))
            lengths.append(len(encoding.ids))
    return TokenLines(np.concatenate(pieces), np.cumsum(lengths, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Batch:
    """ids and attention: int64 (rows, length); padding has attention 0."""

    ids: Tensor
    attention: Tensor


def pad_rows(rows: Sequence[NDArray[np.uint16]], *, cls_id: int, sep_id: int, pad_id: int) -> Batch:
    """Rows of content ids framed by ``[CLS]`` and ``[SEP]`` and padded to the longest."""
    framed = [np.concatenate([[cls_id], row, [sep_id]]).astype(np.int64) for row in rows]
    ids, attention = batching.pad_rows(framed, pad_id)
    return Batch(torch.from_numpy(ids), torch.from_numpy(attention))


def training_rows(
    lines: TokenLines, *, max_length: int, batch_tokens: int, seed: int, epoch: int
) -> Iterator[list[NDArray[np.uint16]]]:
    """Rows of one epoch's batches: shuffled lines, a random crop of each long one, batches of one length.

    A batch holds at most ``batch_tokens`` tokens with padding and specials; the order of batches is random.
    Equal arguments give equal batches, so a run can be resumed at any batch.
    """
    rng = np.random.default_rng((seed, epoch))
    room = max_length - 2
    order = rng.permutation(len(lines))
    lengths = lines.lengths()
    pool_tokens = POOL * batch_tokens
    pools = np.cumsum(np.minimum(lengths[order], room) + 2) // pool_tokens
    for pool in np.split(order, np.flatnonzero(np.diff(pools)) + 1):
        pool_lengths = np.minimum(lengths[pool], room) + 2
        by_length = np.argsort(pool_lengths, kind="stable")
        batches: list[list[int]] = [[]]
        for index in by_length:
            if (len(batches[-1]) + 1) * pool_lengths[index] > batch_tokens and batches[-1]:
                batches.append([])
            batches[-1].append(int(pool[index]))
        for batch in rng.permutation(len(batches)):
            rows = []
            for line in batches[batch]:
                start, end = lines.starts[line], lines.starts[line + 1]
                slack = end - start - room
                if slack > 0 and rng.random() < 0.5:  # half of the long lines from their beginning
                    start += rng.integers(slack + 1)
                rows.append(lines.ids[start : min(end, start + room)])
            yield rows
