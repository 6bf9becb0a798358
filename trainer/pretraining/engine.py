"""What an engine of training is, and what all of them share: the loss, the optimizer and the state by name.

Engines start from the same checkpoint and give the same one back, so a run may move between them, between ZeRO stages
and between numbers of processes. DeepSpeed's own checkpoints, the universal one too, are pickles and can't do that.
GPUs are taken where torch sees them; only CPUs were tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import DebertaV2ForMaskedLM

from trainer.pretraining.model import masked_loss
from trainer.settings import PretrainSettings

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW keeps of each parameter; a checkpoint names a tensor ``<kind>.<parameter>``."""
WEIGHTS = "model"


class Engine(Protocol):
    """One process of a training run."""

    rank: int
    world: int

    def backward(self, inputs: Tensor, segments: Tensor, labels: Tensor, *, predictions: int) -> float:
        """Adds a batch's gradient: its loss summed, divided by the ``predictions`` of the whole step; the sum."""

    def total(self, value: float) -> float:
        """The sum over all processes."""

    def step(self, rate: float) -> float:
        """Clips, updates and clears the gradients; returns their norm. One that is not finite changes nothing."""

    def tensors(self) -> dict[str, Tensor]:
        """The whole state, float32 on the CPU; every process must ask, each gets it."""


class Objective(nn.Module):
    """Formula 1 as a module: token ids in, the summed loss out."""

    def __init__(self, lm: DebertaV2ForMaskedLM, *, bf16: bool) -> None:
        super().__init__()
        self.lm = lm
        self.bf16 = bf16

    def forward(self, inputs: Tensor, segments: Tensor, labels: Tensor) -> Tensor:
        """Sum of the cross entropies in nats; all arguments int64 (rows, length)."""
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.bf16):
            return masked_loss(self.lm, inputs, segments, labels)


def parameter_groups(lm: DebertaV2ForMaskedLM, settings: PretrainSettings) -> list[dict[str, Any]]:
    """Matrices, which are decayed, and biases and norms, which are not."""
    matrices = [p for p in lm.parameters() if p.ndim >= 2]
    vectors = [p for p in lm.parameters() if p.ndim < 2]
    return [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def make_optimizer(lm: DebertaV2ForMaskedLM, settings: PretrainSettings) -> torch.optim.AdamW:
    """Fused AdamW."""
    groups = parameter_groups(lm, settings)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), eps=1e-6, fused=True)


def load_weights(lm: DebertaV2ForMaskedLM, tensors: Mapping[str, Tensor]) -> None:
    """Copies a checkpoint's weights into a model; ValueError when they are another model's."""
    with torch.no_grad():
        for name, parameter in lm.named_parameters():
            tensor = tensors.get(f"{WEIGHTS}.{name}")
            if tensor is None or tensor.shape != parameter.shape:
                found = "missing" if tensor is None else f"of shape {tuple(tensor.shape)}"
                raise ValueError(f"{name} is {found}, the model needs {tuple(parameter.shape)}")
            parameter.copy_(tensor)


def fill_state(state: dict[Any, dict[str, Tensor]], parameters: Iterable[Tensor], updates: int) -> None:
    """Zero moments after ``updates`` updates, so that there is a place to load into."""
    for parameter in parameters:
        state[parameter] = {"step": torch.tensor(float(updates))}
        state[parameter] |= {kind: torch.zeros_like(parameter) for kind in MOMENTS}
