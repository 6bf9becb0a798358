"""The inference form of DeBERTa-v2 as an ONNX graph: the mathematics of transformers' model, each thing computed once.

What depends on weights only is a constant: the projected relative positions (DeBERTa, equation 4), the scale of the
scores, which is part of the queries, and the normalised token table, for without absolute positions the first hidden
state of a token is its own. Scores of positions are looked up by one index that all layers share, in tables cut to the
distances that occur. Past ``BLOCK_SCORES`` queries are taken in blocks, so that memory grows linearly with the length.

Linear layers see the tokens of a batch as one list. With ``ranges`` they are int8: weights with a scale per output,
activations with one scale each that was measured on real lines, so a vector does not depend on the lines beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from transformers import DebertaV2Model
from transformers.models.deberta_v2.modeling_deberta_v2 import DebertaV2Layer, DisentangledSelfAttention

from trainer.pretraining.attention import longest_distance, relative_buckets, split_heads
from trainer.pretraining.model import layers_of, relative_table
from trainer.stages.manifest import StageError

OPSET = 20
IR_VERSION = 10
MICROSOFT = "com.microsoft"
BLOCK_SCORES = 1 << 20
"""Scores of one head and row up to which there is one block of queries: 1,024 tokens."""
BLOCK_QUERIES = 64
"""Queries of a block in longer rows."""
WEIGHT_LEVELS = 63
"""int8 weights use 7 bits: the sum of two products with unsigned bytes then fits 16 bits, as CPUs without VNNI need."""
ROW_LEVELS = 127
MASKED = -1e9
ACTIVATIONS = {"gelu": "Gelu", "relu": "Relu"}
Ranges = Mapping[str, tuple[float, float]]
"""Lowest and highest value of each quantised activation, by name."""


class Graph:
    """Nodes and constants under construction; a subgraph shares its parent's constants and sees its values."""

    def __init__(self, parent: Graph | None = None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray] = parent.constants if parent else {}
        self._names: list[str] = parent._names if parent else []

    def name(self, kind: str) -> str:
        """A name that no other value has."""
        self._names.append(kind)
        return f"{kind}_{len(self._names)}"

    def add(self, operation: str, *inputs: str, name: str = "", domain: str = "", **options: Any) -> str:
        """Adds a node and returns the name of its one output."""
        output = name or self.name(operation)
        self.nodes.append(helper.make_node(operation, list(inputs), [output], domain=domain, **options))
        return output

    def constant(self, value: Any, dtype: type = np.int64) -> str:
        """Stores an array and returns its name."""
        name = self.name("constant")
        self.constants[name] = np.ascontiguousarray(value, dtype=dtype)
        return name

    def branch(self, outputs: Sequence[str], inputs: Sequence[onnx.ValueInfoProto] = ()) -> onnx.GraphProto:
        """The protobuf of a subgraph; the types of its outputs are inferred."""
        return helper.make_graph(
            self.nodes,
            self.name("branch"),
            list(inputs),
            [onnx.ValueInfoProto(name=name) for name in outputs],
        )


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


class Builder:
    """Writes one model's graph."""

    def __init__(self, encoder: DebertaV2Model, ranges: Ranges | None) -> None:
        check_supported(encoder)
        self.encoder, self.config, self.ranges = encoder.eval(), encoder.config, ranges
        self.heads: int = encoder.config.num_attention_heads
        self.graph = Graph()
        self.reach = longest_distance(encoder.config)
        self.buckets = self.graph.constant(
            relative_buckets(encoder.config, self.reach + 1, torch.device("cpu")).numpy()
        )

    def build(self) -> onnx.ModelProto:
        """The whole graph: ``input_ids`` and ``attention_mask`` to ``last_hidden_state``, ``sentence_embedding``."""
        graph, size = self.graph, self.config.hidden_size
        batch = self.batch()
        hidden = self.embed()
        with torch.no_grad():
            relative = relative_table(self.encoder)
            for number, layer in enumerate(layers_of(self.encoder)):
                hidden = self.layer(f"layer{number}", layer, hidden, relative, batch)
        states = graph.add(
            "Reshape", hidden, self.shape_of(batch.rows, batch.length, size), name="last_hidden_state"
        )
        mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
        total = graph.add("ReduceSum", mask, graph.constant([1]), keepdims=1)
        share = graph.add("Div", mask, graph.add("Max", total, graph.constant(1, np.float32)))
        sums = graph.add("MatMul", graph.add("Unsqueeze", share, graph.constant([1])), states)
        graph.add("Squeeze", sums, graph.constant([1]), name="sentence_embedding")
        return self.model()

    def model(self) -> onnx.ModelProto:
        """The protobuf of what was built."""
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "length"])
            for name in ("input_ids", "attention_mask")
        ]
        size = self.config.hidden_size
        outputs = [
            helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["rows", "length", size]),
            helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["rows", size]),
        ]
        constants = [numpy_helper.from_array(value, name) for name, value in self.graph.constants.items()]
        return helper.make_model(
            helper.make_graph(self.graph.nodes, "secencoder", inputs, outputs, constants),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)],
            ir_version=IR_VERSION,
            producer_name="secencoder-trainer",
        )

    def shape_of(self, *sizes: str | int) -> str:
        """A shape from one-element int64 values and numbers."""
        parts = [size if isinstance(size, str) else self.graph.constant([size]) for size in sizes]
        return self.graph.add("Concat", *parts, axis=0)

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

    def embed(self) -> str:
        """First hidden states, float32 (tokens, hidden): a row of the normalised token table each."""
        graph, embeddings = self.graph, self.encoder.embeddings
        with torch.no_grad():
            table = numpy_of(embeddings.LayerNorm(embeddings.word_embeddings.weight))
        tokens = graph.add("Reshape", "input_ids", graph.constant([-1]))
        if self.ranges is None:
            return graph.add("Gather", graph.constant(table, np.float32), tokens)
        small, scales = quantize_rows(table)
        rows = graph.add("Gather", graph.constant(small, np.int8), tokens)
        scale = graph.add("Gather", graph.constant(scales[:, None], np.float32), tokens)
        return graph.add("Mul", graph.add("Cast", rows, to=TensorProto.FLOAT), scale)

    def layer(self, name: str, layer: DebertaV2Layer, hidden: str, relative: Tensor, batch: Batch) -> str:
        """One transformer layer, float32 (tokens, hidden) to the same."""
        graph = self.graph
        attended = self.attention(name, layer.attention.self, hidden, relative, batch)
        output = layer.attention.output
        projected = self.linear(self.quantized(f"{name}.attended", attended), output.dense)
        hidden = self.normalize(output.LayerNorm, projected, hidden)
        inner = self.linear(self.quantized(f"{name}.between", hidden), layer.intermediate.dense)
        active = graph.add(ACTIVATIONS[self.config.hidden_act], inner)
        outer = self.linear(self.quantized(f"{name}.active", active), layer.output.dense)
        return self.normalize(layer.output.LayerNorm, outer, hidden)

    def normalize(self, norm: nn.LayerNorm, update: str, hidden: str) -> str:
        """Layer normalisation of the residual sum. The runtime's fused operator for both is six times slower."""
        graph = self.graph
        weight, bias = (graph.constant(numpy_of(value), np.float32) for value in (norm.weight, norm.bias))
        return graph.add(
            "LayerNormalization", graph.add("Add", update, hidden), weight, bias, axis=-1, epsilon=norm.eps
        )

    def quantized(self, name: str, values: str) -> tuple[str, str, str]:
        """Values with their scale and zero point as a linear layer takes them, or float32 under ``name``."""
        if self.ranges is None:
            return self.graph.add("Identity", values, name=name), "", ""
        low, high = self.ranges[name]
        low, high = min(low, 0.0), max(high, 0.0)
        step = max(high - low, 1e-6) / 255
        scale = self.graph.constant(step, np.float32)
        zero = self.graph.constant(round(-low / step), np.uint8)
        return self.graph.add("QuantizeLinear", values, scale, zero), scale, zero

    def linear(self, values: tuple[str, str, str], layer: nn.Linear, factor: float = 1.0) -> str:
        """``factor * (W x + b)`` for every token, float32 (tokens, outputs)."""
        graph = self.graph
        weight = numpy_of(layer.weight).T * np.float32(factor)
        bias = np.zeros(weight.shape[1], np.float32) if layer.bias is None else numpy_of(layer.bias)
        bias_name = graph.constant(bias * np.float32(factor), np.float32)
        name, scale, zero = values
        if self.ranges is None:
            return graph.add("Gemm", name, graph.constant(weight, np.float32), bias_name)
        scales = np.maximum(np.abs(weight).max(axis=0), 1e-12) / WEIGHT_LEVELS
        rows = graph.constant(np.rint(weight / scales), np.int8)
        inputs = (name, rows, scale, graph.constant(scales, np.float32), zero, "", bias_name)
        return graph.add("MatMulIntegerToFloat", *inputs, domain=MICROSOFT)

    def attention(
        self, name: str, own: DisentangledSelfAttention, hidden: str, relative: Tensor, batch: Batch
    ) -> str:
        """Disentangled self-attention, float32 (tokens, hidden) to the same."""
        graph = self.graph
        dim = self.config.hidden_size // self.heads
        terms = 1 + ("c2p" in own.pos_att_type) + ("p2c" in own.pos_att_type)
        scale = 1 / math.sqrt(terms * dim)
        values = self.quantized(f"{name}.hidden", hidden)
        queries, keys, contents = (
            self.by_head(self.linear(values, layer, factor), batch)
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
        shape = self.shape_of(batch.rows, batch.length, self.heads, self.config.hidden_size // self.heads)
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


def numpy_of(tensor: Tensor) -> NDArray[np.float32]:
    """A weight as float32."""
    return tensor.detach().float().cpu().numpy()


def quantize_rows(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 rows (vocabulary, width) and the scale of each, float32 (vocabulary,): row times scale is the table's."""
    scales = np.maximum(np.abs(table).max(axis=1), 1e-12).astype(np.float32) / ROW_LEVELS
    return np.clip(np.rint(table / scales[:, None]), -ROW_LEVELS, ROW_LEVELS).astype(np.int8), scales


def check_supported(encoder: DebertaV2Model) -> None:
    """Raises StageError for what transformers' DeBERTa-v2 can be and the graph is not made for."""
    config = encoder.config
    foreign = {
        "relative_attention": not config.relative_attention,
        "position_biased_input": config.position_biased_input,
        "type_vocab_size": config.type_vocab_size > 0,
        "embedding_size": getattr(config, "embedding_size", config.hidden_size) != config.hidden_size,
        "conv_kernel_size": getattr(config, "conv_kernel_size", 0) > 0,
        "hidden_act": config.hidden_act not in ACTIVATIONS,
    }
    for name, wrong in foreign.items():
        if wrong:
            raise StageError(f"config.json: {name} = {getattr(config, name)!r} can't be exported")


def activation_names(encoder: DebertaV2Model) -> list[str]:
    """Names of the activations that int8 needs a range for: the inputs of the linear layers."""
    parts = ("hidden", "attended", "between", "active")
    return [f"layer{number}.{part}" for number in range(encoder.config.num_hidden_layers) for part in parts]


def build_graph(encoder: DebertaV2Model, ranges: Ranges | None = None) -> onnx.ModelProto:
    """The ONNX model of an encoder: fp32, or int8 with the measured ranges of its activations.

    Inputs ``input_ids`` and ``attention_mask``, int64 (rows, length). Outputs ``last_hidden_state``, float32 (rows,
    length, hidden), and ``sentence_embedding``, its masked mean, float32 (rows, hidden).
    """
    return Builder(encoder, ranges).build()
