"""Training with DeepSpeed: ZeRO 0 to 3 and offload by configuration, CPUs over gloo or GPUs over NCCL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import DebertaV2ForMaskedLM

from trainer.pretraining.engine import MOMENTS, WEIGHTS, Objective, fill_state, make_optimizer
from trainer.settings import PretrainSettings

if not torch.cuda.is_available():
    os.environ.setdefault("DS_ACCELERATOR", "cpu")

import deepspeed
from deepspeed import comm
from deepspeed.utils import (
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_get_local_optimizer_state,
    safe_set_full_optimizer_state,
    safe_set_local_optimizer_state,
)

ALONE = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
"""What a launcher would have set, for a single process without one."""


def configuration(settings: PretrainSettings) -> dict[str, Any]:
    """DeepSpeed's configuration: the user's, completed by what the other settings say."""
    ours = {
        "train_micro_batch_size_per_gpu": 1,  # only a label: our batches are counted in tokens
        "gradient_accumulation_steps": settings.accumulation,
        "gradient_clipping": settings.clip_norm,
        "zero_allow_untested_optimizer": True,  # torch's AdamW: DeepSpeed's own is compiled at the first start
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 2**31,
    }
    given = settings.deepspeed or {}
    for name in ("optimizer", "scheduler", *ours):
        if name in given and given[name] != ours.get(name):
            raise ValueError(f"pretrain.deepspeed.{name}: is set by the other settings of [pretrain]")
    return {**given, **ours}


class DeepSpeedEngine:
    """One rank of a DeepSpeed run; see ``trainer.pretraining.engine.Engine``."""

    def __init__(
        self,
        lm: DebertaV2ForMaskedLM,
        settings: PretrainSettings,
        tensors: Mapping[str, Tensor],
        updates: int,
    ) -> None:
        for name, value in ALONE.items():
            os.environ.setdefault(name, value)
        if not comm.is_initialized():
            deepspeed.init_distributed(
                dist_backend="nccl" if torch.cuda.is_available() else "gloo", verbose=False
            )
        self.rank, self.world = comm.get_rank(), comm.get_world_size()
        self.accumulation = settings.accumulation
        self.lm = lm
        self.engine, self.optimizer, _, _ = deepspeed.initialize(
            model=Objective(lm, bf16=settings.bf16),
            optimizer=make_optimizer(lm, settings),
            config=configuration(settings),
        )
        self.stage = self.engine.zero_optimization_stage()
        self.prime(tensors, updates)

    def prime(self, tensors: Mapping[str, Tensor], updates: int) -> None:
        """Makes AdamW's state before the first step, where DeepSpeed would make it during it, and loads it.

        ZeRO 1 and 2 otherwise link only the first parameter group's moments to their parameters.
        """
        base = getattr(self.optimizer, "optimizer", self.optimizer)
        flat = (
            self.optimizer.fp32_partitioned_groups_flat
            if self.stage == 3
            else [p for group in base.param_groups for p in group["params"]]
        )
        fill_state(base.state, flat, updates)
        if self.stage in (1, 2):
            self.optimizer._lazy_init_hp_params_optimizer_state()
        if not tensors:
            return
        for name, parameter in self.lm.named_parameters():
            for kind in MOMENTS:
                value = tensors[f"{kind}.{name}"]
                if self.stage == 0:
                    base.state[parameter][kind].copy_(value)
                elif self.stage == 3:
                    safe_set_local_optimizer_state(parameter, self.partition(parameter, kind, value), kind)
                else:
                    safe_set_full_optimizer_state(parameter, value, kind)

    def partition(self, parameter: Tensor, kind: str, value: Tensor) -> Tensor:
        """The share of this rank in a whole tensor under ZeRO 3, zeros behind its end; float32 (share,)."""
        share = safe_get_local_optimizer_state(parameter, kind).numel()
        padded = torch.zeros(share * self.world)
        padded[: value.numel()] = value.flatten()
        return padded[self.rank * share : (self.rank + 1) * share]

    def backward(self, inputs: Tensor, segments: Tensor, labels: Tensor, *, predictions: int) -> float:
        """Adds the gradient of a batch; DeepSpeed averages over ranks and batches, the loss is a sum over both."""
        loss = self.engine(*(tensor.to(self.engine.device) for tensor in (inputs, segments, labels)))
        self.engine.backward(loss * (self.world * self.accumulation / max(predictions, 1)))
        if not self.engine.is_gradient_accumulation_boundary():
            self.engine.step()  # only counts the batch
        return loss.item()

    def total(self, value: float) -> float:
        """The sum over all ranks."""
        summed = torch.tensor([value], dtype=torch.float64, device=self.engine.device)
        comm.all_reduce(summed)
        return summed.item()

    def gradients(self) -> list[Tensor]:
        """The averaged gradients of ZeRO 0, which DeepSpeed does not measure."""
        return [p.grad for p in self.lm.parameters() if p.grad is not None]

    def step(self, rate: float) -> float:
        """Clips, updates and clears; the norm of the whole gradient before clipping."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        whole = torch.nn.utils.get_total_norm(self.gradients()) if self.stage == 0 else None
        self.engine.step()
        return float(self.engine.get_global_grad_norm() if whole is None else whole)

    def tensors(self) -> dict[str, Tensor]:
        """The whole state in float32, gathered from all ranks."""
        found = {}
        base = getattr(self.optimizer, "optimizer", self.optimizer)
        for name, parameter in self.lm.named_parameters():
            if self.stage == 0:
                found[f"{WEIGHTS}.{name}"] = parameter.detach()
                found |= {f"{kind}.{name}": base.state[parameter][kind] for kind in MOMENTS}
                continue
            found[f"{WEIGHTS}.{name}"] = safe_get_full_fp32_param(parameter)
            found |= {f"{kind}.{name}": safe_get_full_optimizer_state(parameter, kind) for kind in MOMENTS}
        # Copies: a tensor under ZeRO may be a view of a buffer that the next one is gathered into.
        return {name: tensor.float().cpu().clone().contiguous() for name, tensor in found.items()}
