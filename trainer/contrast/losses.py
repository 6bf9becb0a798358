"""What is made small: contrast with hard negatives, and the distance from the teacher's similarities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, normalize

EXCLUDED = -1e4
"""Logit of a pair that must not count."""


def contrast(
    anchors: Tensor, positives: Tensor, same: Tensor, *, temperature: float, dims: Sequence[int]
) -> Tensor:
    """InfoNCE both ways (van den Oord et al. 2018), mean over the first ``dims`` numbers (Kusupati et al. 2022).

    anchors, positives: float (n, dim); row i of both means the same, all other rows are negatives but for those in
    ``same``, bool (n, n), which mean the same, too.
    """
    targets = torch.arange(len(anchors), device=anchors.device)
    others = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    losses = []
    for dim in dims:
        logits = normalize(anchors[:, :dim], dim=1) @ normalize(positives[:, :dim], dim=1).T / temperature
        logits = logits.masked_fill(others, EXCLUDED)
        losses.append((cross_entropy(logits, targets) + cross_entropy(logits.T, targets)) / 2)
    return torch.stack(losses).mean()


def agreement(vectors: Tensor, teacher: Tensor, *, temperature: float, dims: Sequence[int]) -> Tensor:
    """Divergence of the student's similarities in a batch from the teacher's (Fang et al. 2021, SEED), mean over rows.

    vectors: float (n, dim). teacher: unit vectors, float (n, other dim).
    """
    n = len(vectors)
    own = torch.eye(n, dtype=torch.bool, device=vectors.device)
    target = (teacher @ teacher.T / temperature).masked_fill(own, EXCLUDED).softmax(1)
    losses = []
    for dim in dims:
        unit = normalize(vectors[:, :dim], dim=1)
        logits = (unit @ unit.T / temperature).masked_fill(own, EXCLUDED)
        losses.append(-(target * log_softmax(logits, 1)).sum(1).mean())
    entropy = -(target * target.clamp_min(1e-9).log()).sum(1).mean()
    return torch.stack(losses).mean() - entropy


def kinship(vectors: Tensor, domains: Tensor, sources: Tensor, *, temperature: float) -> Tensor:
    """Supervised contrast (Khosla et al. 2020) of domains over the texts of other sources, mean over texts.

    vectors: float (n, dim). domains, sources: int64 (n,), of a text; a domain below 0 is none. Texts of a text's own
    source are left out, since they are near by their words already.
    """
    unit = normalize(vectors, dim=1)
    known = domains >= 0
    others = (sources[:, None] != sources) & known
    kin = others & (domains[:, None] == domains) & known[:, None]
    asked = kin.any(1)
    if not asked.any():
        return vectors.sum() * 0
    logits = (unit @ unit.T / temperature).masked_fill(~others, EXCLUDED)[asked]
    kin = kin[asked]
    return (-(log_softmax(logits, 1) * kin).sum(1) / kin.sum(1)).mean()
