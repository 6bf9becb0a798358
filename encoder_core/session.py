"""The ONNX Runtime session: CPU, or CUDA when the GPU package is installed (untested: no GPU was at hand)."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from encoder_core.bundle import Bundle, BundleError

INPUTS = ["input_ids", "attention_mask"]
OUTPUT = "sentence_embedding"


class Session:
    """Runs a bundle's graph: token ids in, pooled vectors out."""

    def __init__(self, bundle: Bundle, *, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads  # 0: one a core
        options.log_severity_level = 3
        providers = [
            name
            for name in ("CUDAExecutionProvider", "CPUExecutionProvider")
            if name in onnxruntime.get_available_providers()
        ]
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

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Masked mean pooling of the last hidden states, float32 (rows, dim)."""
        return self._session.run([OUTPUT], dict(zip(INPUTS, (ids, mask), strict=True)))[0]
