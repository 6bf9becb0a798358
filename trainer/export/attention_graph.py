"""Disentangled self-attention as nodes of a graph, with everything that depends on weights only as a constant.

Projected relative positions (DeBERTa, equation 4) are constants, and the scale of the scores is part of the queries.
Scores of positions are looked up by one index that all layers share, in tables cut to the distances that occur. Past
``BLOCK_SCORES`` queries are taken in blocks, so that memory grows linearly with the length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor
from transformers import DebertaV2Config
from transformers.models.deberta_v2.modeling_deberta_v2 import DisentangledSelfAttention

from trainer.export.nodes import MICROSOFT, Graph, numpy_of
from trainer.export.quantization import Linears
from trainer.pretraining.attention import longest_distance, relative_buckets, split_heads

BLOCK_SCORES = 1 << 20
"""Scores of one head and row up to which there is one block of queries: 1,024 tokens."""
BLOCK_QUERIES = 64
"""Queries of a block in longer rows."""
MASKED = -1e9


@dataclass(frozen=True, slots=True)
class Batch:
    """Values of the main graph that every layer uses.

    rows, length, last: int64 (1,), the batch's shape and length - 1. short: bool (), whether there is one block.
    mask: float32 (rows, 1, 1, length), 0 or ``MASKED``. low, high: int64 (1,), the part of the position tables that
    occurs. index: int64 (rows, heads, length, length) into that part; without elements when not ``short``.
    """

    rows: str
    length: str
    short: str
    mask: str
    low: str
    high: str
    index: str


@dataclass(frozen=True, slots=True)
class Heads:
    """One layer's projections by head, float32.

    queries, keys, contents: (rows, heads, length, dim), queries scaled. position_keys: (heads, dim, part) or empty.
    position_scores: (rows, heads, part, length), keys times relative queries, or empty.
    """

    queries: str
    keys: str
    contents: str
    position_keys: str
    position_scores: str


class Attention:
    """Writes the attention of every layer of one encoder."""

    def __init__(self, graph: Graph, linears: Linears, config: DebertaV2Config) -> None:
        self.graph, self.linears, self.config = graph, linears, config
        self.heads: int = config.num_attention_heads
        self.reach = longest_distance(config)
        buckets = relative_buckets(config, self.reach + 1, torch.device("cpu"))
        self.buckets = graph.constant(buckets.numpy())

    def batch(self) -> Batch:
        """What depends on the batch's shape and mask only."""
        graph = self.graph
        rows = graph.add("Shape", "input_ids", start=0, end=1)
        length = graph.add("Shape", "input_ids", start=1, end=2)
        scores = graph.add("Mul", length, length)
        short = graph.add("Squeeze", graph.add("LessOrEqual", scores, graph.constant([BLOCK_SCORES])))
        present = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
        absent = graph.add("Sub", graph.constant(1, np.float32), present)
        bias = graph.add("Mul", absent, graph.constant(MASKED, np.float32))
        mask = graph.add("Unsqueeze", bias, graph.constant([1, 2]))
        farthest = graph.add(
            "Min", graph.add("Sub", length, graph.constant([1])), graph.constant([self.reach])
        )
        low = graph.add("Gather", self.buckets, graph.add("Sub", graph.constant([self.reach]), farthest))
        top = graph.add("Gather", self.buckets, graph.add("Add", graph.constant([self.reach]), farthest))
        high = graph.add("Add", top, graph.constant([1]))
        batch = Batch(rows, length, short, mask, low, high, "")
        if not self.config.pos_att_type:
            return batch
        whole, none = Graph(graph), Graph(graph)
        first = self.index(whole, batch, graph.constant([0]), length)
        none.add(
            "ConstantOfShape",
            graph.constant([0, 0, 0, 0]),
            name=none.name("none"),
            value=helper.make_tensor("value", TensorProto.INT64, [1], [0]),
        )
        index = graph.add(
            "If",
            short,
            then_branch=whole.branch([first]),
            else_branch=none.branch([none.nodes[-1].output[0]]),
        )
        return Batch(rows, length, short, mask, low, high, index)

    def index(self, graph: Graph, batch: Batch, start: str, queries: str) -> str:
        """Where in the cut tables the position scores of some queries are, int64 (rows, heads, queries, length).

        start, queries: int64 (1,), the first query and how many there are.
        """
        zero, one = graph.constant(0), graph.constant(1)
        begin = graph.add("Squeeze", start)
        end = graph.add("Squeeze", graph.add("Add", start, queries))
        places = graph.add("Unsqueeze", graph.add("Range", begin, end, one), graph.constant([1]))
        keys = graph.add("Range", zero, graph.add("Squeeze", batch.length), one)
        distances = graph.add("Sub", places, keys)
        near = graph.add("Clip", distances, graph.constant(-self.reach), graph.constant(self.reach))
        buckets = graph.add("Gather", self.buckets, graph.add("Add", near, graph.constant(self.reach)))
        cut = graph.add("Sub", buckets, batch.low)
        shape = graph.add("Concat", batch.rows, graph.constant([self.heads]), queries, batch.length, axis=0)
        return graph.add("Expand", cut, shape)

    def attended(
        self, name: str, own: DisentangledSelfAttention, hidden: str, relative: Tensor, batch: Batch
    ) -> str:
        """Disentangled self-attention, float32 (tokens, hidden) to the same."""
        graph = self.graph
        dim = self.config.hidden_size // self.heads
        terms = 1 + ("c2p" in own.pos_att_type) + ("p2c" in own.pos_att_type)
        scale = 1 / math.sqrt(terms * dim)
        values = self.linears.quantized(f"{name}.hidden", hidden)
        queries, keys, contents = (
            self.by_head(self.linears.linear(values, layer, factor), batch)
            for layer, factor in ((own.query_proj, scale), (own.key_proj, 1.0), (own.value_proj, 1.0))
        )
        position_keys = position_scores = ""
        if "c2p" in own.pos_att_type:
            project = own.key_proj if own.share_att_key else own.pos_key_proj
            table = numpy_of(split_heads(project(relative), self.heads).transpose(-1, -2))
            position_keys = self.cut(table, batch, axis=2)  # (heads, dim, part)
        if "p2c" in own.pos_att_type:
            project = own.query_proj if own.share_att_key else own.pos_query_proj
            table = numpy_of(split_heads(project(relative) * scale, self.heads))
            position_queries = self.cut(table, batch, axis=1)  # (heads, part, dim)
            position_scores = graph.add("FusedMatMul", position_queries, keys, domain=MICROSOFT, transB=1)
        heads = Heads(queries, keys, contents, position_keys, position_scores)
        whole, blocks = Graph(graph), Graph(graph)
        direct = attend(whole, heads, queries, batch.index, batch.mask)
        joined = self.in_blocks(blocks, heads, batch)
        attended = graph.add(
            "If", batch.short, then_branch=whole.branch([direct]), else_branch=blocks.branch([joined])
        )
        merged = graph.add("Transpose", attended, perm=[0, 2, 1, 3])
        return graph.add("Reshape", merged, graph.constant([-1, self.config.hidden_size]))

    def cut(self, table: NDArray[np.float32], batch: Batch, *, axis: int) -> str:
        """The part of a position table that occurs."""
        graph = self.graph
        return graph.add(
            "Slice", graph.constant(table, np.float32), batch.low, batch.high, graph.constant([axis])
        )

    def by_head(self, values: str, batch: Batch) -> str:
        """(tokens, hidden) to (rows, heads, length, dim)."""
        shape = self.graph.shape(batch.rows, batch.length, self.heads, self.config.hidden_size // self.heads)
        return self.graph.add("Transpose", self.graph.add("Reshape", values, shape), perm=[0, 2, 1, 3])

    def in_blocks(self, graph: Graph, heads: Heads, batch: Batch) -> str:
        """``attend`` for ``BLOCK_QUERIES`` queries at a time, float32 (rows, heads, length, dim).

        The last block begins early enough to be whole; what it repeats is left out of the result.
        """
        size = graph.constant([BLOCK_QUERIES])
        last = graph.add("Sub", batch.length, size)
        count = graph.add("Div", graph.add("Add", batch.length, graph.constant([BLOCK_QUERIES - 1])), size)
        body = Graph(graph)
        number, going = body.name("number"), body.name("going")
        start = body.add(
            "Min", body.add("Mul", body.add("Unsqueeze", number, body.constant([0])), size), last
        )
        queries = body.add("Slice", heads.queries, start, body.add("Add", start, size), body.constant([2]))
        index = self.index(body, batch, start, size) if self.config.pos_att_type else ""
        attended = attend(body, heads, queries, index, batch.mask)
        still = body.add("Identity", going)
        inputs = [
            helper.make_tensor_value_info(number, TensorProto.INT64, []),
            helper.make_tensor_value_info(going, TensorProto.BOOL, []),
        ]
        parts = graph.add(  # (blocks, rows, heads, queries, dim)
            "Loop", graph.add("Squeeze", count), "", body=body.branch([still, attended], inputs)
        )
        dim = self.config.hidden_size // self.heads
        ordered = graph.add("Transpose", parts, perm=[1, 2, 0, 3, 4])
        rows = graph.add("Reshape", ordered, graph.constant([0, self.heads, -1, dim]))
        zero, one = graph.constant(0), graph.constant(1)
        places = graph.add("Range", zero, graph.add("Squeeze", batch.length), one)
        begin = graph.add(
            "Mul", graph.add("Sub", count, graph.constant([1])), size
        )  # of the last block's rows
        repeated = graph.add("Sub", begin, last)
        late = graph.add("GreaterOrEqual", places, begin)
        shifted = graph.add("Where", late, graph.add("Add", places, repeated), places)
        return graph.add("Gather", rows, shifted, axis=2)


def attend(graph: Graph, heads: Heads, queries: str, index: str, mask: str) -> str:
    """Attended values of some queries, float32 (rows, heads, queries, dim) (DeBERTa, equation 4)."""
    scores = graph.add("FusedMatMul", queries, heads.keys, domain=MICROSOFT, transB=1)
    if heads.position_keys:
        table = graph.add("MatMul", queries, heads.position_keys)
        scores = graph.add("Add", scores, graph.add("GatherElements", table, index, axis=3))
    if heads.position_scores:
        scores = graph.add("Add", scores, graph.add("GatherElements", heads.position_scores, index, axis=2))
    shares = graph.add("Softmax", graph.add("Add", scores, mask), axis=-1)
    return graph.add("MatMul", shares, heads.contents)
