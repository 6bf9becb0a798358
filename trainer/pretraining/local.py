"""Training in one process with plain torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from transformers import DebertaV2ForMaskedLM

from trainer.pretraining.engine import MOMENTS, WEIGHTS, Objective, fill_state, make_optimizer
from trainer.settings import PretrainSettings


class LocalEngine:
    """One process with plain torch."""

    rank, world = 0, 1

    def __init__(
        self,
        lm: DebertaV2ForMaskedLM,
        settings: PretrainSettings,
        tensors: Mapping[str, Tensor],
        updates: int,
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.lm = cast("DebertaV2ForMaskedLM", cast("nn.Module", lm).to(self.device))
        self.clip_norm = settings.clip_norm
        objective = Objective(self.lm, bf16=settings.bf16)
        self.objective = torch.compile(objective, dynamic=True) if settings.compile else objective
        self.optimizer = make_optimizer(self.lm, settings)
        fill_state(self.optimizer.state, self.lm.parameters(), updates)
        if tensors:
            for name, parameter in self.lm.named_parameters():
                for kind in MOMENTS:
                    self.optimizer.state[parameter][kind].copy_(tensors[f"{kind}.{name}"])

    def backward(self, inputs: Tensor, segments: Tensor, labels: Tensor, *, predictions: int) -> float:
        """See ``Engine``."""
        loss = self.objective(*(tensor.to(self.device) for tensor in (inputs, segments, labels)))
        (loss / max(predictions, 1)).backward()
        return loss.item()

    def total(self, value: float) -> float:
        """See ``Engine``."""
        return value

    def step(self, rate: float) -> float:
        """See ``Engine``."""
        norm = torch.nn.utils.clip_grad_norm_(self.lm.parameters(), self.clip_norm).item()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if norm < float("inf"):
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def tensors(self) -> dict[str, Tensor]:
        """See ``Engine``."""
        found = {f"{WEIGHTS}.{name}": p.detach() for name, p in self.lm.named_parameters()}
        for name, parameter in self.lm.named_parameters():
            found |= {f"{kind}.{name}": self.optimizer.state[parameter][kind] for kind in MOMENTS}
        return {name: tensor.float().cpu().contiguous() for name, tensor in found.items()}
