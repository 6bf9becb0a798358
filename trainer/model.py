"""DeBERTa-v2 masked language models built from transformers' own modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import DebertaV2Config, DebertaV2ForMaskedLM

from trainer.masking import IGNORED

SIZES: dict[str, dict[str, Any]] = {
    # position_buckets is ours to choose: 32 in place of the paper's 256 shrinks the position products of each
    # layer from 512 columns to 64, and log lines rarely need far positions told apart.
    "tiny": {
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
        "position_buckets": 32,
    },
}


def make_config(size: str, vocabulary_size: int, *, pad_id: int = 0) -> DebertaV2Config:
    """The configuration of a named size; raises ValueError for a name that is not in ``SIZES``."""
    if size not in SIZES:
        raise ValueError(f"model size {size!r} is unknown; known sizes: {', '.join(SIZES)}")
    values: dict[str, Any] = {
        "vocab_size": vocabulary_size,
        "pad_token_id": pad_id,
        "type_vocab_size": 0,
        "relative_attention": True,
        "pos_att_type": ["c2p", "p2c"],
        "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
        "position_biased_input": False,
        "max_position_embeddings": 512,
        "max_relative_positions": -1,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": 1e-7,
    }
    return DebertaV2Config(**values, **SIZES[size])


def make_model(config: DebertaV2Config) -> DebertaV2ForMaskedLM:
    """A freshly initialised masked language model; every weight random, embeddings tied to the head."""
    return DebertaV2ForMaskedLM(config)


def masked_logits(model: DebertaV2ForMaskedLM, inputs: Tensor, attention: Tensor, labels: Tensor) -> Tensor:
    """Head outputs at the predicted positions only, float32 (predictions, vocabulary).

    inputs, attention and labels: int64 (batch, length). The head is a third of the work of a small model, and
    four positions in five are not predicted.
    """
    hidden = model.deberta(input_ids=inputs, attention_mask=attention).last_hidden_state
    return model.cls(hidden[labels != IGNORED])


def masked_loss(model: DebertaV2ForMaskedLM, inputs: Tensor, attention: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy over the predicted positions (paper Formula 1)."""
    logits = masked_logits(model, inputs, attention, labels)
    return nn.functional.cross_entropy(logits, labels[labels != IGNORED])


def parameter_count(model: torch.nn.Module) -> int:
    """Distinct trainable parameters; tied weights count once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
