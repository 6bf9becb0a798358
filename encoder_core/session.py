"""The ONNX Runtime session: CPU, or CUDA when the GPU package is installed (untested: no GPU was at hand)."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from encoder_core.bundle import Bundle, BundleError

INPUTS = ["input_ids", "attention_mask"]
OUTPUT = "sentence_embedding"
LONG_TOKENS = 1_024
"""Rows longer than this are computed in blocks of queries; what they needed goes back to the system at once."""


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Session:
    """Runs a bundle's graph: token ids in, pooled vectors out. Safe to call from many threads at once.

    threads: of one run; with 1 a run stays on the thread that called it, and the weights are shared by all.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # a plan kept for every shape would grow with the shapes
        providers: list[str | tuple[str, dict[str, str]]] = [
            ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})
        ]
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            providers.insert(0, "CUDAExecutionProvider")
        try:
            self._session = onnxruntime.InferenceSession(bundle.onnx_path, options, providers=providers)
        except Exception as error:  # the runtime's exceptions share no base class below Exception
            raise BundleError(f"{bundle.onnx_path}: ONNX Runtime can't load it: {error}") from error
        inputs = sorted(node.name for node in self._session.get_inputs())
        outputs = {node.name: node.shape for node in self._session.get_outputs()}
        if inputs != sorted(INPUTS) or OUTPUT not in outputs:
            raise BundleError(
                f"{bundle.onnx_path}: expected inputs {INPUTS} and output {OUTPUT!r}, "
                f"got {inputs} and {sorted(outputs)}"
            )
        if outputs[OUTPUT][-1] != bundle.dim:
            raise BundleError(
                f"{bundle.onnx_path}: {OUTPUT!r} has {outputs[OUTPUT][-1]} dimensions, config.json says {bundle.dim}"
            )
        self._shrink = onnxruntime.RunOptions()
        self._shrink.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Masked mean pooling of the last hidden states, float32 (rows, dim); ids and mask int64 (rows, length)."""
        feed = dict(zip(INPUTS, (ids, mask), strict=True))
        return self._session.run([OUTPUT], feed, self._shrink if ids.shape[1] > LONG_TOKENS else None)[0]
