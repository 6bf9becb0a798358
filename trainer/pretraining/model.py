"""DeBERTa-v2 masked language models: transformers' modules and weights, with a forward pass made for training.

The weights are those of ``DebertaV2ForMaskedLM``, so a trained model loads anywhere. The forward pass is ours
because the training needs three things that transformers' has not: lines packed into one row that do not see each
other, the enhanced mask decoder, and work at the predicted positions only where only they matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DebertaV2Config, DebertaV2ForMaskedLM, DebertaV2Model
from transformers.models.deberta_v2.modeling_deberta_v2 import DebertaV2Layer

from trainer.pretraining.attention import Keys, Rows, line_positions, sinusoids
from trainer.pretraining.masking import IGNORED

SHAPE_NAMES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "position_buckets",
    "max_relative_positions",
    "pos_att_type",
    "share_att_key",
)
"""Entries of the configuration that a training may choose."""
DECODER_PASSES = 2
"""How often the last layer is applied by the enhanced mask decoder, as in DeBERTa's own training."""

SIZES: dict[str, dict[str, Any]] = {
    # The shape of our own sizes is ours to choose for speed: fewer buckets make the position products narrower, and
    # without p2c there is one of them. benchmarks/shapes.py measures what that costs.
    "tiny": {
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "position_buckets": 32,
        "pos_att_type": ["c2p"],
    },
    "small": {
        "hidden_size": 384,
        "num_hidden_layers": 8,
        "num_attention_heads": 6,
        "position_buckets": 32,
        "pos_att_type": ["c2p"],
    },
    # The paper's: 110M, 350M, 700M and 1.1B parameters.
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "position_buckets": 256},
    "large": {
        "hidden_size": 1024,
        "num_hidden_layers": 25,
        "num_attention_heads": 16,
        "position_buckets": 256,
    },
    "xlarge": {
        "hidden_size": 1536,
        "num_hidden_layers": 23,
        "num_attention_heads": 24,
        "position_buckets": 256,
    },
    "xxlarge": {
        "hidden_size": 1536,
        "num_hidden_layers": 37,
        "num_attention_heads": 24,
        "position_buckets": 256,
    },
}


def make_config(
    size: str, vocabulary_size: int, *, pad_id: int = 0, shape: Mapping[str, Any] | None = None
) -> DebertaV2Config:
    """The configuration of a named size; raises ValueError for a name that is not in ``SIZES``.

    shape: entries of the configuration that differ from the size's, those in ``SHAPE_NAMES``; ValueError for others.
    """
    if size not in SIZES:
        raise ValueError(f"pretrain.size: {size!r} is unknown; known sizes: {', '.join(SIZES)}")
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
        "intermediate_size": 4 * SIZES[size]["hidden_size"],
        "enhanced_mask_decoder": True,
    }
    for name in shape or {}:
        if name not in SHAPE_NAMES:
            raise ValueError(f"pretrain.shape: {name!r} is unknown; known names: {', '.join(SHAPE_NAMES)}")
    return DebertaV2Config(**values | SIZES[size] | dict(shape or {}))


def make_model(config: DebertaV2Config) -> DebertaV2ForMaskedLM:
    """A freshly initialised masked language model; every weight random, embeddings tied to the head."""
    return DebertaV2ForMaskedLM(config)


def layers_of(encoder: DebertaV2Model) -> list[DebertaV2Layer]:
    """The transformer layers, lowest first."""
    return cast("list[DebertaV2Layer]", list(encoder.encoder.layer))


def run_layer(layer: DebertaV2Layer, keys: Keys, queries: Tensor, places: Tensor) -> Tensor:
    """One transformer layer at the query positions, float (rows, queries, hidden)."""
    attended = layer.attention.output(keys.attend(queries, places), queries)
    return layer.output(layer.intermediate(attended), attended)


def encode(encoder: DebertaV2Model, ids: Tensor, segments: Tensor, *, layers: int) -> Tensor:
    """Hidden states after the first ``layers`` layers, float (rows, length, hidden).

    ids: int64 (rows, length). segments: int64 (rows, length), 0 on padding, else the number of the line in its row:
    a token attends only to tokens of its own line.
    """
    hidden = encoder.embeddings(input_ids=ids, mask=(segments > 0).long())
    relative = relative_table(encoder)
    rows = Rows.of(segments, encoder.config)
    places = torch.arange(ids.shape[1], device=ids.device)[None]
    for layer in layers_of(encoder)[:layers]:
        keys = Keys.of(layer.attention.self, rows, hidden, relative)
        hidden = run_layer(layer, keys, hidden, places)
    return hidden


def relative_table(encoder: DebertaV2Model) -> Tensor:
    """The normalised embeddings of relative positions, float (2 * buckets, hidden).

    Read through the embedding's forward pass: under ZeRO 3 a weight exists only there.
    """
    inner = encoder.encoder
    rows = inner.rel_embeddings(torch.arange(inner.rel_embeddings.num_embeddings, device=encoder.device))
    return inner.LayerNorm(rows) if "layer_norm" in inner.norm_rel_ebd else rows


def masked_logits(model: DebertaV2ForMaskedLM, inputs: Tensor, segments: Tensor, labels: Tensor) -> Tensor:
    """Head outputs at the predicted positions only, float (predictions, vocabulary), in row order.

    inputs, segments (see ``encode``; an attention mask is one line a row) and labels: int64 (rows, length). The head
    is a third of the work of a small model, and four positions in five are not predicted.
    """
    chosen = labels != IGNORED
    if getattr(model.config, "enhanced_mask_decoder", False):
        return model.cls(decode(model.deberta, inputs, segments, chosen))
    hidden = encode(model.deberta, inputs, segments, layers=model.config.num_hidden_layers)
    return model.cls(hidden[chosen])


def decode(encoder: DebertaV2Model, ids: Tensor, segments: Tensor, chosen: Tensor) -> Tensor:
    """DeBERTa's enhanced mask decoder: hidden states of the chosen positions, float (chosen, hidden), in row order.

    The last layer is applied twice with the states of the layer below as keys and values; its queries start as those
    states plus the absolute position in the line, so that absolute positions enter just before the head (DeBERTa,
    section 3.2). Queries meet nothing but keys and themselves, so only the chosen positions are computed. Positions
    are sinusoids: they need no weights and reach as far as the longest input.
    """
    hidden = encode(encoder, ids, segments, layers=encoder.config.num_hidden_layers - 1)
    most = max(1, int(chosen.sum(1).max()))
    places = chosen.int().argsort(dim=1, descending=True, stable=True)[
        :, :most
    ]  # chosen ones first, in order
    positions = line_positions(segments).gather(1, places)
    queries = hidden.gather(1, places[:, :, None].expand(-1, -1, hidden.shape[2]))
    queries = queries + sinusoids(positions, hidden.shape[2]).to(hidden.dtype)
    layer = layers_of(encoder)[-1]
    rows = Rows.of(segments, encoder.config)
    keys = Keys.of(layer.attention.self, rows, hidden, relative_table(encoder))
    for _ in range(DECODER_PASSES):
        queries = run_layer(layer, keys, queries, places)
    return queries[chosen.gather(1, places)]


def masked_loss(model: DebertaV2ForMaskedLM, inputs: Tensor, segments: Tensor, labels: Tensor) -> Tensor:
    """Sum of the cross entropies at the predicted positions, in nats (paper Formula 1 before its mean)."""
    logits = masked_logits(model, inputs, segments, labels)
    return nn.functional.cross_entropy(logits.float(), labels[labels != IGNORED], reduction="sum")


def parameter_count(model: torch.nn.Module) -> int:
    """Distinct trainable parameters; tied weights count once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
