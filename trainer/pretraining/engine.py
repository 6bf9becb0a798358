"""What does one step of training: plain torch in one process, or DeepSpeed over any number of them.

Both start from the same checkpoint and give the same one back, so a run may move between them, between ZeRO stages
and between numbers of processes. DeepSpeed's own checkpoints, the universal one too, are pickles and can't do that.
GPUs are taken where torch sees them; only CPUs were tested.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

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


def distributed(settings: PretrainSettings) -> bool:
    """Whether this process is one of several, or was asked for DeepSpeed."""
    return settings.deepspeed is not None or int(os.environ.get("WORLD_SIZE", "1")) > 1


def make_engine(
    lm: DebertaV2ForMaskedLM, settings: PretrainSettings, tensors: Mapping[str, Tensor], updates: int
) -> Engine:
    """The engine that the settings and the launcher ask for, continuing from a checkpoint's tensors if any."""
    if tensors:
        load_weights(lm, tensors)
    if distributed(settings):
        from trainer.pretraining.zero import DeepSpeedEngine

        return DeepSpeedEngine(lm, settings, tensors, updates)
    return LocalEngine(lm, settings, tensors, updates)
