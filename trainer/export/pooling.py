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
LAYERS, TOKENS = "3_Layers", "4_Tokens"
"""Folders of a bundle with the weights."""
REPEATS = "token_repeats"
"""Name of the power of ``Pooling.repeats`` in a bundle's ``config.json``."""
SENTENCE = "sentence_transformers.models"


@dataclass(frozen=True, slots=True)
class Pooling:
    """tokens: weight of each entry, float32 (vocabulary,). layers: share of the first states and of each layer's, the
    same type (layers + 1,). repeats: a token's weight is divided by its count in the text to this power.
    """

    tokens: NDArray[np.float32]
    layers: NDArray[np.float32]
    repeats: float = 0.0

    @classmethod
    def load(cls, folder: Path) -> Pooling | None:
        """What a model of ``folder`` is pooled with, None for the plain mean."""
        path = folder / FILE
        if not path.exists():
            return None
        found = load_file(path)
        return cls(found["tokens"], found["layers"], float(found.get("repeats", 0.0)))

    @classmethod
    def of_bundle(cls, folder: Path) -> Pooling | None:
        """What the encoder of a bundle is pooled with, None for the plain mean."""
        if not (folder / TOKENS).is_dir():
            return None
        words = json.loads((folder / TOKENS / "config.json").read_text())
        tokens = np.array([words["word_weights"][entry] for entry in words["vocab"]], np.float32)
        layers = load_file(folder / LAYERS / "model.safetensors")["layer_weights"]
        config = json.loads((folder / "config.json").read_text())
        return cls(tokens, layers, float(config.get(REPEATS, 0.0)))

    def save(self, folder: Path) -> None:
        """Writes it beside a model."""
        repeats = np.array(self.repeats, np.float32)
        save_file({"tokens": self.tokens, "layers": self.layers, "repeats": repeats}, folder / FILE)


class PooledEncoder(nn.Module):
    """The encoder with its pooling, the form that is exported."""

    def __init__(self, encoder: DebertaV2Model, pooling: Pooling | None = None) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling
        self.repeats = pooling.repeats if pooling else 0.0
        self.weights = pooling and tuple(
            torch.from_numpy(np.log(np.maximum(array, 1e-30))) for array in (pooling.tokens, pooling.layers)
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """States (rows, length, dim) and their weighted mean over unmasked positions (rows, dim)."""
        if self.weights:
            tokens, layers = self.weights
            states = mixed_states(self.encoder, layers, input_ids, attention_mask)
            return states, pooled(states, tokens, input_ids, attention_mask, self.repeats)
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return hidden, (hidden * weights).sum(1) / weights.sum(1)


def write_pooling(folder: Path, dim: int, pooling: Pooling | None) -> None:
    """What sentence-transformers needs: the encoder, the weights of layers and tokens if there are any, the mean.

    The model's ``config.json`` is told to give the states of all layers. sentence-transformers has no module that
    counts a token's repeats, so its vectors are those of a pooling without ``repeats``.
    """
    parts = [("", "Transformer")]
    if pooling is not None:
        parts += [(LAYERS, "WeightedLayerPooling"), (TOKENS, "WordWeights")]
        write_weights(folder, dim, pooling)
        path = folder / "config.json"
        config = json.loads(path.read_text()) | {"output_hidden_states": True}
        config |= {REPEATS: pooling.repeats} if pooling.repeats else {}
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
    layers, tokens = folder / LAYERS, folder / TOKENS
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
