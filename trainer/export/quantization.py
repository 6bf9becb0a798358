"""Linear layers and the token table of a graph, float32 or int8.

int8 weights have a scale per output; activations have one scale each that was measured on real lines, so a vector does
not depend on the lines beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from torch import nn

from trainer.export.nodes import MICROSOFT, Graph, numpy_of

WEIGHT_LEVELS = 63
"""int8 weights use 7 bits: the sum of two products with unsigned bytes then fits 16 bits, as CPUs without VNNI need."""
ROW_LEVELS = 127
Ranges = Mapping[str, tuple[float, float]]
"""Lowest and highest value of each quantised activation, by name."""


def quantize_rows(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 rows (vocabulary, width) and the scale of each, float32 (vocabulary,): row times scale is the table's."""
    scales = np.maximum(np.abs(table).max(axis=1), 1e-12).astype(np.float32) / ROW_LEVELS
    return np.clip(np.rint(table / scales[:, None]), -ROW_LEVELS, ROW_LEVELS).astype(np.int8), scales


class Linears:
    """Writes what multiplies weights, in the precision of a graph: int8 where it has ranges."""

    def __init__(self, graph: Graph, ranges: Ranges | None) -> None:
        self.graph, self.ranges = graph, ranges

    def rows(self, table: NDArray[np.float32], tokens: str) -> str:
        """The table's row of each token, float32 (tokens, hidden). table: (vocabulary, hidden); tokens: int64."""
        graph = self.graph
        if self.ranges is None:
            return graph.add("Gather", graph.constant(table, np.float32), tokens)
        small, scales = quantize_rows(table)
        rows = graph.add("Gather", graph.constant(small, np.int8), tokens)
        scale = graph.add("Gather", graph.constant(scales[:, None], np.float32), tokens)
        return graph.add("Mul", graph.add("Cast", rows, to=TensorProto.FLOAT), scale)

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
