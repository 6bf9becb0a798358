"""Lines to vectors: a verified model bundle, its tokenizer and an ONNX Runtime session.

Imports numpy, tokenizers and onnxruntime; never torch, Kafka or Redis.
"""

from encoder_core.bundle import Bundle, BundleError, default_bundle_path, static_bundle_path
from encoder_core.encoder import Encoder

__all__ = ["Bundle", "BundleError", "Encoder", "default_bundle_path", "static_bundle_path"]
