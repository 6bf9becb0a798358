"""Ranges of a graph's activations on real lines, for int8 with one fixed scale each.

A fixed scale needs no pass over the batch to find one, and a line's vector no longer depends on the lines beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from encoder_core.batching import pad_rows, token_budget_batches
from trainer.export.quantization import Ranges

VALUES = 65_536
"""Values of each activation that its range is chosen on, drawn evenly from all batches."""
SHRINK = np.linspace(1.0, 0.3, 8)
"""Shares of the lowest and the highest value that are tried as ends of the range."""
LEVELS = 255
BATCH_TOKENS = 2_048


def activation_ranges(
    model: onnx.ModelProto, rows: Sequence[NDArray[np.int64]], names: Sequence[str]
) -> Ranges:
    """The range of each named activation of an fp32 graph that loses least on the given rows.

    rows: token ids, int64 (tokens,), of real lines. names: values inside the graph, float32 (tokens, size).
    """
    if not names:
        return {}
    session = with_outputs(model, names)
    batches = list(token_budget_batches([len(row) for row in rows], BATCH_TOKENS))
    share = VALUES // max(1, len(batches))
    rng = np.random.default_rng(0)
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    for batch in batches:
        ids, mask = pad_rows([rows[index] for index in batch], 0)
        values = session.run(list(names), {"input_ids": ids, "attention_mask": mask})
        real = mask.ravel() > 0
        for name, value in zip(names, values, strict=True):
            flat = value[real].ravel()
            ends = flat.min(), flat.max()
            found[name].append(np.append(flat[rng.integers(0, len(flat), share)], ends))
    return {name: best_range(np.concatenate(parts)) for name, parts in found.items()}


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnxruntime.InferenceSession:
    """A session of the graph that also gives the named values."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return onnxruntime.InferenceSession(copy.SerializeToString(), providers=["CPUExecutionProvider"])


def best_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Ends of the range whose 8-bit steps, clipping included, have the least squared error; zero lies within."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    candidates = [(low * a, high * b) for a in (SHRINK if low < 0 else [1.0]) for b in SHRINK]
    return min(candidates, key=lambda ends: squared_error(values, *ends))


def squared_error(values: NDArray[np.float32], low: float, high: float) -> float:
    """Mean squared error of values rounded to the steps of a range."""
    step = max(high - low, 1e-6) / LEVELS
    kept = np.clip(np.rint(values / step), round(low / step), round(low / step) + LEVELS) * step
    return float(np.mean((values - kept) ** 2))
