"""The inference form of DeBERTa-v2 as an ONNX graph: the mathematics of transformers' model, each thing computed once.

What depends on weights only is a constant, also the normalised token table, for without absolute positions the first
hidden state of a token is its own (``attention_graph`` has the other constants). Linear layers see the tokens of a
batch as one list, and are int8 with ``ranges`` (``quantization``).
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from transformers import DebertaV2Model
from transformers.models.deberta_v2.modeling_deberta_v2 import DebertaV2Layer

from trainer.export.attention_graph import Attention, Batch
from trainer.export.nodes import MICROSOFT, Graph, numpy_of
from trainer.export.pooling import Pooling
from trainer.export.quantization import Linears, Ranges
from trainer.pretraining.model import layers_of, relative_table
from trainer.stages.manifest import StageError

OPSET = 20
IR_VERSION = 10
ACTIVATIONS = {"gelu": "Gelu", "relu": "Relu"}


class Builder:
    """Writes one model's graph."""

    def __init__(self, encoder: DebertaV2Model, ranges: Ranges | None, pooling: Pooling | None) -> None:
        check_supported(encoder)
        self.encoder, self.config, self.pooling = encoder.eval(), encoder.config, pooling
        self.graph = Graph()
        self.linears = Linears(self.graph, ranges)
        self.attention = Attention(self.graph, self.linears, encoder.config)

    def build(self) -> onnx.ModelProto:
        """The whole graph: ``input_ids`` and ``attention_mask`` to ``last_hidden_state``, ``sentence_embedding``.

        With learnt weights the first output is the weighted mean of all layers' states.
        """
        graph, size = self.graph, self.config.hidden_size
        hidden = self.embed()
        mixed = self.share(hidden, 0)
        layers = layers_of(self.encoder)[: layers_read(self.encoder, self.pooling)]
        batch = self.attention.batch()
        with torch.no_grad():
            relative = relative_table(self.encoder)
            for number, layer in enumerate(layers):
                hidden = self.layer(f"layer{number}", layer, hidden, relative, batch)
                if self.pooling is not None:
                    mixed = graph.add("Add", mixed, self.share(hidden, number + 1))
        hidden = hidden if self.pooling is None else mixed
        states = graph.add(
            "Reshape", hidden, graph.shape(batch.rows, batch.length, size), name="last_hidden_state"
        )
        mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
        least = 1.0
        if self.pooling is not None:
            weights = graph.add("Gather", graph.constant(self.pooling.tokens, np.float32), "input_ids")
            mask, least = graph.add("Mul", mask, weights), 1e-9
            if self.pooling.repeats:
                mask = graph.add("Mul", mask, self.rarer(self.pooling.repeats))
        total = graph.add("ReduceSum", mask, graph.constant([1]), keepdims=1)
        share = graph.add("Div", mask, graph.add("Max", total, graph.constant(least, np.float32)))
        sums = graph.add("MatMul", graph.add("Unsqueeze", share, graph.constant([1])), states)
        graph.add("Squeeze", sums, graph.constant([1]), name="sentence_embedding")
        return self.model()

    def share(self, hidden: str, number: int) -> str:
        """States times the share that the pooling gives them: 0 for the first ones, then a number a layer."""
        if self.pooling is None:
            return ""
        return self.graph.add("Mul", hidden, self.graph.constant(self.pooling.layers[number], np.float32))

    def rarer(self, power: float) -> str:
        """One over each token's count in its row to a power, float32 (rows, length), in the time of a sort."""
        graph = self.graph
        shape = graph.add("Shape", "input_ids")
        rows = graph.add("Gather", shape, graph.constant([0]))
        zero, one = graph.constant(0), graph.constant(1)
        numbers = graph.add("Range", zero, graph.add("Squeeze", rows), one)
        begin = graph.add("Mul", numbers, graph.constant(self.config.vocab_size))
        keys = graph.add("Add", "input_ids", graph.add("Unsqueeze", begin, graph.constant([1])))
        places, counts = graph.unique(keys)
        found = graph.add("Cast", graph.add("Gather", counts, places), to=TensorProto.FLOAT)
        scale = graph.add("Pow", found, graph.constant(-power, np.float32))
        return graph.add("Reshape", scale, shape)

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

    def embed(self) -> str:
        """First hidden states, float32 (tokens, hidden): a row of the normalised token table each."""
        graph, embeddings = self.graph, self.encoder.embeddings
        with torch.no_grad():
            table = numpy_of(embeddings.LayerNorm(embeddings.word_embeddings.weight))
        tokens = graph.add("Reshape", "input_ids", graph.constant([-1]))
        return self.linears.rows(table, tokens)

    def layer(self, name: str, layer: DebertaV2Layer, hidden: str, relative: Tensor, batch: Batch) -> str:
        """One transformer layer, float32 (tokens, hidden) to the same."""
        graph = self.graph
        attended = self.attention.attended(name, layer.attention.self, hidden, relative, batch)
        output = layer.attention.output
        projected = self.linears.linear(self.linears.quantized(f"{name}.attended", attended), output.dense)
        hidden = self.normalize(output.LayerNorm, projected, hidden)
        inner = self.linears.linear(
            self.linears.quantized(f"{name}.between", hidden), layer.intermediate.dense
        )
        active = graph.add(ACTIVATIONS[self.config.hidden_act], inner)
        outer = self.linears.linear(self.linears.quantized(f"{name}.active", active), layer.output.dense)
        return self.normalize(layer.output.LayerNorm, outer, hidden)

    def normalize(self, norm: nn.LayerNorm, update: str, hidden: str) -> str:
        """Layer normalisation of the residual sum. The runtime's fused operator for both is six times slower."""
        graph = self.graph
        weight, bias = (graph.constant(numpy_of(value), np.float32) for value in (norm.weight, norm.bias))
        return graph.add(
            "LayerNormalization", graph.add("Add", update, hidden), weight, bias, axis=-1, epsilon=norm.eps
        )


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


def layers_read(encoder: DebertaV2Model, pooling: Pooling | None) -> int:
    """How many layers the vector depends on: all, or those up to the last with a share."""
    if pooling is None:
        return int(encoder.config.num_hidden_layers)
    return layers_of_shares(pooling)


def layers_of_shares(pooling: Pooling) -> int:
    """How many layers stand up to the last with a share."""
    return int(np.flatnonzero(pooling.layers).max(initial=0))


def activation_names(encoder: DebertaV2Model, pooling: Pooling | None = None) -> list[str]:
    """Names of the activations that int8 needs a range for: the inputs of the linear layers."""
    parts = ("hidden", "attended", "between", "active")
    return [f"layer{number}.{part}" for number in range(layers_read(encoder, pooling)) for part in parts]


def build_graph(
    encoder: DebertaV2Model, ranges: Ranges | None = None, pooling: Pooling | None = None
) -> onnx.ModelProto:
    """The ONNX model of an encoder: fp32, or int8 with the measured ranges of its activations.

    pooling: the weights it is pooled with, None for the plain mean.

    Inputs ``input_ids`` and ``attention_mask``, int64 (rows, length). Outputs ``last_hidden_state``, float32 (rows,
    length, hidden), and ``sentence_embedding``, its masked mean, float32 (rows, hidden).
    """
    return Builder(encoder, ranges, pooling).build()
