"""Which engine a run takes: plain torch in one process, or DeepSpeed over any number of them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from torch import Tensor
from transformers import DebertaV2ForMaskedLM

from trainer.pretraining.engine import Engine, load_weights
from trainer.pretraining.local import LocalEngine
from trainer.settings import PretrainSettings


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
