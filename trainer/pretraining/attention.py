"""Disentangled attention of DeBERTa-v2 for any set of query positions, in memory linear in the length.

The score of query i and key j is ``(Qc_i Kc_j + Qc_i Kr_d + Kc_j Qr_d) / sqrt(3 dim)`` with d the bucket of i - j
(DeBERTa, equation 4). Verified against transformers' own modules, whose weights it uses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import DebertaV2Config
from transformers.models.deberta_v2.modeling_deberta_v2 import (
    DisentangledSelfAttention,
    make_log_bucket_position,
)

BLOCK_SCORES = 1 << 20
"""Scores of one head and row from which queries are computed in blocks, recomputed on the way back: 1,024 tokens."""


def longest_distance(config: DebertaV2Config) -> int:
    """Distance in tokens from which all farther ones share a bucket."""
    reach = config.max_relative_positions
    return reach if reach > 0 else config.max_position_embeddings


def relative_buckets(config: DebertaV2Config, length: int, device: torch.device) -> Tensor:
    """Row of the relative table for each distance from 1 - length to length - 1, int64 (2 * length - 1,)."""
    reach = longest_distance(config)
    buckets = config.position_buckets if config.position_buckets > 0 else reach
    distances = torch.arange(1 - length, length, device=device)
    if config.position_buckets > 0:
        distances = make_log_bucket_position(distances, buckets, reach).long()
    return (distances + buckets).clamp(0, 2 * buckets - 1)


def line_positions(segments: Tensor) -> Tensor:
    """Position of each token in its own line, int64 (rows, length); segments as in ``model.encode``."""
    places = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    begins = torch.ones_like(segments, dtype=torch.bool)
    begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return places - torch.where(begins, places, 0).cummax(dim=1).values


def sinusoids(positions: Tensor, dim: int) -> Tensor:
    """Absolute positions as sines and cosines, float32 (..., dim) (Vaswani et al. 2017, section 3.5)."""
    half = dim // 2
    rates = torch.exp(torch.arange(half, device=positions.device) * (-math.log(10_000.0) / half))
    angles = positions[..., None].float() * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a batch as attention sees them.

    segments: int64 (rows, length), 0 on padding, else the number of the line in its row. buckets: int64
    (2 * length - 1,), see ``relative_buckets``. whole: every row is one line without padding.
    """

    segments: Tensor
    buckets: Tensor
    whole: bool

    @classmethod
    def of(cls, segments: Tensor, config: DebertaV2Config) -> Rows:
        """Looks once whether anything is to be masked."""
        buckets = relative_buckets(config, segments.shape[1], segments.device)
        return cls(segments, buckets, bool((segments == 1).all()))


@dataclass(frozen=True, slots=True)
class Keys:
    """What queries of one layer meet: keys, values and relative keys and queries, split by head.

    keys, values: float (rows, heads, length, dim). position_keys: float (heads, dim, 2 * buckets), or None without
    c2p. position_scores: float (rows, heads, 2 * buckets, length), keys times relative queries, or None without p2c.
    scale: of the queries, those of the positions included: 1 / sqrt(terms * dim).
    """

    own: DisentangledSelfAttention
    rows: Rows
    keys: Tensor
    values: Tensor
    position_keys: Tensor | None
    position_scores: Tensor | None
    scale: float

    @classmethod
    def of(cls, own: DisentangledSelfAttention, rows: Rows, hidden: Tensor, relative: Tensor) -> Keys:
        """Projects hidden states, float (rows, length, hidden), and the table of relative positions."""
        heads = own.num_attention_heads
        keys = split_heads(own.key_proj(hidden), heads)
        terms = 1 + ("c2p" in own.pos_att_type) + ("p2c" in own.pos_att_type)
        scale = 1 / math.sqrt(terms * keys.shape[-1])
        position_keys = position_scores = None
        if "c2p" in own.pos_att_type:
            project = own.key_proj if own.share_att_key else own.pos_key_proj
            position_keys = split_heads(project(relative), heads).transpose(-1, -2)
        if "p2c" in own.pos_att_type:
            project = own.query_proj if own.share_att_key else own.pos_query_proj
            position_scores = split_heads(project(relative) * scale, heads) @ keys.transpose(-1, -2)
        values = split_heads(own.value_proj(hidden), heads)
        return cls(own, rows, keys, values, position_keys, position_scores, scale)

    def attend(self, queries: Tensor, places: Tensor) -> Tensor:
        """Attended values, float (rows, queries, hidden).

        queries: float (rows, queries, hidden). places: int64 (1 or rows, queries), where in its row each query is.
        """
        split = split_heads(self.own.query_proj(queries) * self.scale, self.own.num_attention_heads)
        block = max(1, BLOCK_SCORES // self.keys.shape[2])
        if split.shape[2] <= block:
            return merge_heads(self.attend_block(split, places))
        parts = [
            checkpoint(self.attend_block, few, where, use_reentrant=False)
            for few, where in zip(split.split(block, dim=2), places.split(block, dim=1), strict=True)
        ]
        return merge_heads(torch.cat(parts, dim=2))

    def attend_block(self, queries: Tensor, places: Tensor) -> Tensor:
        """Attended values by head, float (rows, heads, queries, dim), for scaled queries of the same shape."""
        length = self.keys.shape[2]
        distances = places[:, :, None] - torch.arange(length, device=places.device)
        index = self.rows.buckets[distances + length - 1][:, None]
        index = index.expand(len(queries), queries.shape[1], -1, -1)
        scores = queries @ self.keys.transpose(-1, -2)
        if self.position_keys is not None:
            scores += (queries @ self.position_keys).gather(3, index)
        if self.position_scores is not None:
            scores += self.position_scores.gather(2, index)
        if not self.rows.whole:
            segments = self.rows.segments
            ours = segments.gather(1, places.expand(len(segments), -1))
            other = ours[:, :, None] != segments[:, None, :]
            scores.masked_fill_(other[:, None], torch.finfo(scores.dtype).min)
        return scores.softmax(dim=-1) @ self.values


def split_heads(states: Tensor, heads: int) -> Tensor:
    """(..., length, hidden) to (..., heads, length, hidden / heads)."""
    return states.unflatten(-1, (heads, -1)).transpose(-2, -3)


def merge_heads(states: Tensor) -> Tensor:
    """(rows, heads, length, dim) to (rows, length, heads * dim)."""
    return states.transpose(1, 2).flatten(2)
