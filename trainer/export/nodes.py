"""An ONNX graph under construction: nodes, constants and subgraphs, each value with a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor

MICROSOFT = "com.microsoft"
"""Domain of the operators that onnxruntime has beside ONNX's own."""


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

    def unique(self, values: str) -> tuple[str, str]:
        """For each of all values the place of its like among the distinct ones (n,), and how often each of those is."""
        distinct, first, places, counts = map(self.name, ("distinct", "first", "places", "counts"))
        self.nodes.append(helper.make_node("Unique", [values], [distinct, first, places, counts], sorted=1))
        return places, counts

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

    def shape(self, *sizes: str | int) -> str:
        """A shape from one-element int64 values and numbers."""
        parts = [size if isinstance(size, str) else self.constant([size]) for size in sizes]
        return self.add("Concat", *parts, axis=0)


def numpy_of(tensor: Tensor) -> NDArray[np.float32]:
    """A weight as float32."""
    return tensor.detach().float().cpu().numpy()
