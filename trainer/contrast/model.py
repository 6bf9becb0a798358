"""The encoder as it is trained by contrast: a weighted mean of tokens, each a weighted mean of its layers.

Both weights are learnt and become part of the bundle. The first steps train the token table and the weights alone: a
text is then the mean of its tokens' first states, a hundred times cheaper than the layers, which go on from there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import DebertaV2ForMaskedLM, DebertaV2Model

from trainer.pretraining.attention import Keys, Rows
from trainer.pretraining.model import layers_of, relative_table, run_layer

FIRST_LAYER = 3.0
"""What the first states' weight begins with, over that of each other layer, as a logarithm."""
QUIET = -2.5
"""Logarithm of the weight that a token without letters begins with; all others begin with 0."""


class WeightedEncoder(nn.Module):
    """A masked language model whose states are pooled with learnt weights.

    ``token_weights``: logarithms of each entry's weight, float32 (vocabulary,). ``layer_weights``: logarithms of the
    weight of the first states and of each layer's, float32 (layers + 1,). ``repeats``: the weight of a token that a
    text has n times is divided by n to this power, so that with 1 all occurrences together count as one.
    """

    def __init__(self, lm: DebertaV2ForMaskedLM, repeats: float = 0.0) -> None:
        super().__init__()
        self.lm, self.repeats = lm, repeats
        self.token_weights = nn.Parameter(torch.zeros(lm.config.vocab_size))
        layers = torch.zeros(lm.config.num_hidden_layers + 1)
        layers[0] = FIRST_LAYER
        self.layer_weights = nn.Parameter(layers)

    @property
    def encoder(self) -> DebertaV2Model:
        """The encoder without the head of the language model."""
        return self.lm.deberta

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Pooled vectors, float32 (rows, dim), of token ids and mask, int64 (rows, length)."""
        states = mixed_states(self.encoder, self.layer_weights, ids, mask)
        return pooled(states, self.token_weights, ids, mask, self.repeats)

    def bags(self, ids: Tensor, starts: Tensor) -> Tensor:
        """Pooled vectors by the first states alone, float32 (texts, dim).

        ids: int64 (tokens,), texts end to end. starts: int64 (texts,), where each begins.
        """
        distinct, places = ids.unique(return_inverse=True)
        embeddings = self.encoder.embeddings
        table = embeddings.LayerNorm(embeddings.word_embeddings(distinct))
        text = torch.bucketize(torch.arange(len(ids), device=ids.device), starts, right=True) - 1
        weights = self.token_weights[distinct].exp()[places]
        if self.repeats:
            weights = weights * counts(text * len(distinct) + places) ** -self.repeats
        sums = nn.functional.embedding_bag(places, table, starts, mode="sum", per_sample_weights=weights)
        total = weights.new_zeros(len(starts)).index_add(0, text, weights)
        return sums / total[:, None]


def mixed_states(encoder: DebertaV2Model, layer_weights: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
    """The weighted mean of the first states and those of each layer, float (rows, length, hidden)."""
    shares = layer_weights.softmax(0)
    hidden = encoder.embeddings(input_ids=ids, mask=mask)
    mixed = shares[0] * hidden
    relative = relative_table(encoder)
    rows = Rows.of(mask, encoder.config)
    places = torch.arange(ids.shape[1], device=ids.device)[None]
    for layer, share in zip(layers_of(encoder), shares[1:], strict=True):
        keys = Keys.of(layer.attention.self, rows, hidden, relative)
        hidden = run_layer(layer, keys, hidden, places)
        mixed = mixed + share * hidden
    return mixed


def counts(keys: Tensor) -> Tensor:
    """How often each key stands among all, float32 of their shape."""
    _, places, found = keys.unique(return_inverse=True, return_counts=True)
    return found[places].float()


def pooled(states: Tensor, token_weights: Tensor, ids: Tensor, mask: Tensor, repeats: float = 0.0) -> Tensor:
    """The mean of states (rows, length, hidden) over unmasked tokens by their weights, float (rows, hidden).

    repeats: see ``WeightedEncoder``.
    """
    weights = token_weights[ids].exp() * mask
    if repeats:
        rows = torch.arange(len(ids), device=ids.device)[:, None]
        weights = weights * counts(rows * len(token_weights) + ids) ** -repeats
    return (states * weights[..., None]).sum(1) / weights.sum(1, keepdim=True)


def begin_weights(model: WeightedEncoder, quiet: Sequence[bool]) -> None:
    """Lets the entries that are marked, those without letters, count little at first."""
    with torch.no_grad():
        model.token_weights.copy_(torch.where(torch.tensor(quiet), QUIET, 0.0))


def add_entries(lm: DebertaV2ForMaskedLM, spelled: dict[int, list[int]]) -> None:
    """Grows the vocabulary by entries, each the mean of the entries that spelled it before."""
    if not spelled:
        return
    lm.resize_token_embeddings(max(spelled) + 1, mean_resizing=False)
    table = lm.deberta.embeddings.word_embeddings.weight
    with torch.no_grad():
        for index, before in spelled.items():
            table[index] = table[before].mean(0)


def frame(rows: Sequence[NDArray[np.uint16]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Rows of token ids as one padded array and its mask, int64 (rows, length)."""
    length = max(map(len, rows))
    ids = np.full((len(rows), length), pad_id, np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)
