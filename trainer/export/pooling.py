"""How states become one vector: the mean of the last layer's, or means by learnt weights of layers and tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn
from transformers import DebertaV2Model

from trainer.contrast.model import mixed_states, pooled

FILE = "pooling.safetensors"
"""Beside a model's weights: what it is pooled with; without it the mean of the last layer's states."""
SENTENCE = "sentence_transformers.models"


@dataclass(frozen=True, slots=True)
class Pooling:
    """tokens: weight of each entry, float32 (vocabulary,). layers: share of the first states and of each layer's, the
    same type (layers + 1,).
    """

    tokens: NDArray[np.float32]
    layers: NDArray[np.float32]

    @classmethod
    def load(cls, folder: Path) -> Pooling | None:
        """What a model of ``folder`` is pooled with, None for the plain mean."""
        path = folder / FILE
        return cls(**load_file(path)) if path.exists() else None

    def save(self, folder: Path) -> None:
        """Writes it beside a model."""
        save_file({"tokens": self.tokens, "layers": self.layers}, folder / FILE)


class PooledEncoder(nn.Module):
    """The encoder with its pooling, the form that is exported."""

    def __init__(self, encoder: DebertaV2Model, pooling: Pooling | None = None) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling
        self.weights = pooling and tuple(
            torch.from_numpy(np.log(np.maximum(array, 1e-30))) for array in (pooling.tokens, pooling.layers)
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """States (rows, length, dim) and their weighted mean over unmasked positions (rows, dim)."""
        if self.weights:
            tokens, layers = self.weights
            states = mixed_states(self.encoder, layers, input_ids, attention_mask)
            return states, pooled(states, tokens, input_ids, attention_mask)
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return hidden, (hidden * weights).sum(1) / weights.sum(1)


def write_pooling(folder: Path, dim: int, pooling: Pooling | None) -> None:
    """What sentence-transformers needs: the encoder, the weights of layers and tokens if there are any, the mean.

    The model's ``config.json`` is told to give the states of all layers.
    """
    parts = [("", "Transformer")]
    if pooling is not None:
        parts += [("3_Layers", "WeightedLayerPooling"), ("4_Tokens", "WordWeights")]
        write_weights(folder, dim, pooling)
        path = folder / "config.json"
        config = json.loads(path.read_text()) | {"output_hidden_states": True}
        path.write_text(json.dumps(config, indent=2) + "\n")
    parts.append(("1_Pooling", "Pooling"))
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"{SENTENCE}.{kind}"}
        for number, (path, kind) in enumerate(parts)
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
    (folder / "1_Pooling").mkdir()
    mean = {"word_embedding_dimension": dim, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(mean, indent=2) + "\n")


def write_weights(folder: Path, dim: int, pooling: Pooling) -> None:
    """The modules of sentence-transformers that weigh layers and tokens."""
    layers, tokens = folder / "3_Layers", folder / "4_Tokens"
    layers.mkdir()
    tokens.mkdir()
    shape = {
        "word_embedding_dimension": dim,
        "layer_start": 0,
        "num_hidden_layers": len(pooling.layers) - 1,
    }
    (layers / "config.json").write_text(json.dumps(shape, indent=2) + "\n")
    save_file({"layer_weights": pooling.layers}, layers / "model.safetensors")
    weights = {str(index): float(f"{weight:.6g}") for index, weight in enumerate(pooling.tokens)}
    words = {"vocab": list(weights), "word_weights": weights, "unknown_word_weight": 1}
    (tokens / "config.json").write_text(json.dumps(words) + "\n")
