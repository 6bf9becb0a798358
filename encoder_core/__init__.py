"""Lines to vectors: a verified model bundle, its tokenizer and an ONNX Runtime session.

Imports numpy, and tokenizers and onnxruntime when an encoder is asked for; never torch, Kafka or Redis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encoder_core.bundle import Bundle, BundleError, default_bundle_path, static_bundle_path
    from encoder_core.encoder import Encoder

__all__ = ["Bundle", "BundleError", "Encoder", "default_bundle_path", "static_bundle_path"]


def __getattr__(name: str) -> Any:
    """What is asked for, from the module that has it: whoever wants templates alone waits for no ONNX Runtime."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(
        import_module("encoder_core.encoder" if name == "Encoder" else "encoder_core.bundle"), name
    )
