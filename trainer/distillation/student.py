"""The static student of an encoder: one row a token, the mean of a line's rows, one linear layer; no attention.

Its maths is that of sentence-transformers' ``StaticEmbedding`` and ``Dense``. A token's weight is the length of its
row, so the same int8 rows load there and run as an ONNX graph in a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from trainer.export.quantization import quantize_rows

OPSET = 18
FRAME = 2
"""Tokens around every line, ``[CLS]`` and ``[SEP]``: their rows stay zero and they do not count in the mean."""


@dataclass(frozen=True, slots=True)
class Bags:
    """Lines as bags of tokens, end to end.

    ids: distinct tokens of each line, int64 (n,). shares: how much of its line each token makes up, float32 (n,).
    starts: where each line begins, int64 (lines + 1,), the last one n. lengths: tokens of each line, int64 (lines,).
    """

    ids: NDArray[np.int64]
    shares: NDArray[np.float32]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[NDArray[np.int64]]) -> Bags:
        """The bags of lines, each int64 (tokens,) without ``[CLS]`` and ``[SEP]``."""
        ids, shares, sizes = [np.empty(0, np.int64)], [np.empty(0, np.float32)], [0]
        for row in rows:
            tokens, counts = np.unique(row, return_counts=True)
            ids.append(tokens)
            shares.append((counts / max(1, counts.sum())).astype(np.float32))
            sizes.append(len(tokens))
        return cls(
            np.concatenate(ids),
            np.concatenate(shares),
            np.cumsum(sizes),
            np.array([len(row) for row in rows], np.int64),
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, lines: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, first positions and shares of some lines, as ``Student`` reads them."""
        spans = [slice(self.starts[line], self.starts[line + 1]) for line in lines]
        sizes = [span.stop - span.start for span in spans]
        starts = np.cumsum([0, *sizes[:-1]])
        ids = np.concatenate([self.ids[span] for span in spans])
        shares = np.concatenate([self.shares[span] for span in spans])
        return torch.from_numpy(ids), torch.from_numpy(starts), torch.from_numpy(shares)


class Student(nn.Module):
    """Token rows (vocabulary, width), and a linear layer from their mean into the teacher's space (dim)."""

    def __init__(self, vocabulary: int, width: int, dim: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(vocabulary, width, mode="sum")
        self.project = nn.Linear(width, dim)

    def forward(self, ids: Tensor, starts: Tensor, shares: Tensor) -> Tensor:
        """Vectors, float32 (lines, dim), of bags as ``Bags.take`` gives them."""
        return self.project(self.table(ids, starts, per_sample_weights=shares))

    @torch.no_grad()
    def embed(self, bags: Bags, batch: int = 1_024) -> NDArray[np.float32]:
        """Vectors of all bags, float32 (lines, dim)."""
        order = np.arange(len(bags))
        parts = [
            self(*bags.take(order[start : start + batch])).numpy() for start in range(0, len(bags), batch)
        ]
        return np.concatenate(parts)


def student_graph(student: Student, *, quantized: bool = True) -> onnx.ModelProto:
    """The ONNX graph: ``input_ids`` and ``attention_mask``, int64 (rows, length), to ``sentence_embedding``.

    The scale of a row, the mask and the mean make one number a token, so that pooling is one product of
    (rows, 1, length) with (rows, length, width).
    """
    table = student.table.weight.detach().numpy()
    rows, scales = quantize_rows(table) if quantized else (table, np.ones(len(table), np.float32))
    weights = {
        "token_rows": rows,
        "token_scales": scales,
        "frame": np.array(FRAME, np.float32),
        "one": np.array(1, np.float32),
        "axis": np.array([1], np.int64),
        "project_weight": student.project.weight.detach().numpy(),
        "project_bias": student.project.bias.detach().numpy(),
    }
    node = helper.make_node
    nodes = [
        node("Gather", ["token_rows", "input_ids"], ["rows"]),
        node("Cast", ["rows"], ["rows_float"], to=TensorProto.FLOAT),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("ReduceSum", ["mask", "axis"], ["framed"], keepdims=1),
        node("Sub", ["framed", "frame"], ["inside"]),
        node("Max", ["inside", "one"], ["count"]),
        node("Gather", ["token_scales", "input_ids"], ["scales"]),
        node("Mul", ["scales", "mask"], ["masked"]),
        node("Div", ["masked", "count"], ["shares"]),
        node("Unsqueeze", ["shares", "axis"], ["share_rows"]),
        node("MatMul", ["share_rows", "rows_float"], ["pooled_rows"]),
        node("Squeeze", ["pooled_rows", "axis"], ["pooled"]),
        node("Gemm", ["pooled", "project_weight", "project_bias"], ["sentence_embedding"], transB=1),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "length"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info(
        "sentence_embedding", TensorProto.FLOAT, ["rows", student.project.out_features]
    )
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "static_encoder", inputs, [output], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model)
    return model
