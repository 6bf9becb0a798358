"""Delimiter-aware masking (paper section 3.3, Formula 1): only content tokens are masked and predicted."""

from __future__ import annotations

import torch
from torch import Tensor

IGNORED = -100
"""Label of a position that is not predicted, as torch's cross entropy expects."""


def mask_tokens(
    ids: Tensor,
    allowed: Tensor,
    *,
    mask_id: int,
    first_word_id: int,
    probability: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Mask allowed tokens for MLM: 80 % become ``[MASK]``, 10 % a random token, 10 % stay.

    ids: int64 (batch, length). allowed: bool (vocabulary,), True for content tokens, the
    only ones that Formula 1 masks and predicts. Returns the inputs and
    the labels, both int64 (batch, length), labels ``IGNORED`` wherever nothing is predicted. A row with any
    of them has at least one prediction, so that short lines are learnt from too.
    """
    candidates = allowed[ids]
    draw = torch.rand(ids.shape, generator=generator)
    draw = draw.masked_fill(~candidates, 2.0)
    chosen = draw < probability
    lowest = draw.argmin(dim=1, keepdim=True)
    chosen |= torch.zeros_like(chosen).scatter_(1, lowest, True) & candidates
    labels = ids.masked_fill(~chosen, IGNORED)
    action = torch.rand(ids.shape, generator=generator)
    inputs = ids.masked_fill(chosen & (action < 0.8), mask_id)
    noise = torch.randint(first_word_id, allowed.numel(), ids.shape, generator=generator)
    inputs = torch.where(chosen & (action >= 0.9), noise, inputs)
    return inputs, labels
