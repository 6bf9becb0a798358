"""A trained model to a bundle: fp16 weights, ONNX fp32 and int8, tokenizer, model card, manifest."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import DebertaV2ForMaskedLM, DebertaV2Model

from encoder_core.bundle import write_manifest
from trainer.tokenizer import CLS, MASK, PAD, SEP, UNK

FP32_TOLERANCE = 1e-4
INT8_COSINE = 0.99
OPSET = 18


class ParityError(RuntimeError):
    """The exported graph does not compute what the torch model computes."""


class PooledEncoder(nn.Module):
    """The encoder with masked mean pooling, the form that is exported."""

    def __init__(self, encoder: DebertaV2Model) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states (rows, length, dim) and their mean over unmasked positions (rows, dim)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return hidden, (hidden * weights).sum(1) / weights.sum(1)


def export_onnx(encoder: DebertaV2Model, path: Path) -> None:
    """Writes the fp32 graph with dynamic rows and length; weights inside the file."""
    ids = torch.tensor([[1, 5, 6, 7, 2], [1, 5, 2, 0, 0]])
    mask = (ids != 0).long()
    rows, length = torch.export.Dim("rows", min=1), torch.export.Dim("length", min=2)
    shape = {0: rows, 1: length}
    program = torch.onnx.export(
        PooledEncoder(encoder).eval(),
        (ids, mask),
        dynamo=True,
        input_names=["input_ids", "attention_mask"],
        output_names=["last_hidden_state", "sentence_embedding"],
        dynamic_shapes={"input_ids": shape, "attention_mask": shape},
        opset_version=OPSET,
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    program.save(str(path), external_data=False)
    fold_constants(path)


def fold_constants(path: Path) -> None:
    """Computes in place what depends on weights only: the projected relative positions, transposed weights."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def quantize(source: Path, target: Path) -> None:
    """int8 weights for every MatMul and Gemm, and one int8 row per entry of the token table."""
    quantize_dynamic(
        source,
        target,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        op_types_to_quantize=["MatMul", "Gemm"],
    )
    model = onnx.load(target)
    quantize_token_table(model)
    onnx.save(model, target)


def quantize_token_table(model: onnx.ModelProto) -> None:
    """Replaces the fp32 token table, most of a small model's bytes, by int8 rows with a scale each."""
    graph = model.graph
    table = max(graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
    weights = numpy_helper.to_array(table)
    node = next(n for n in graph.node if n.op_type == "Gather" and n.input[0] == table.name)
    scales = np.maximum(np.abs(weights).max(axis=1, keepdims=True), 1e-12).astype(np.float32) / 127
    rows = np.clip(np.round(weights / scales), -127, 127).astype(np.int8)
    ids, output = node.input[1], node.output[0]
    position = list(graph.node).index(node)
    graph.initializer.remove(table)
    graph.initializer.extend(
        [numpy_helper.from_array(rows, "token_rows"), numpy_helper.from_array(scales, "token_scales")]
    )
    graph.node.remove(node)
    replacement = [
        helper.make_node("Gather", ["token_rows", ids], ["token_rows_int8"], axis=0),
        helper.make_node("Cast", ["token_rows_int8"], ["token_rows_float"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["token_scales", ids], ["token_row_scales"], axis=0),
        helper.make_node("Mul", ["token_rows_float", "token_row_scales"], [output]),
    ]
    for offset, new in enumerate(replacement):
        graph.node.insert(position + offset, new)


def run_graph(path: Path, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    """Pooled vectors of a graph, float32 (rows, dim)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["sentence_embedding"], {"input_ids": ids, "attention_mask": mask})[0]


def check_parity(
    encoder: DebertaV2Model, tokenizer: Tokenizer, lines: list[str], folder: Path
) -> dict[str, float]:
    """Both graphs against torch on ``lines``; raises ParityError past the tolerances, else the figures."""
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id(PAD), pad_token=PAD)
    encodings = tokenizer.encode_batch(lines)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids = np.array([e.ids for e in encodings], dtype=np.int64)
    mask = np.array([e.attention_mask for e in encodings], dtype=np.int64)
    with torch.no_grad():
        expected = PooledEncoder(encoder)(torch.from_numpy(ids), torch.from_numpy(mask))[1].numpy()
    difference = float(np.abs(run_graph(folder / "model.onnx", ids, mask) - expected).max())
    quantised = run_graph(folder / "model_qint8.onnx", ids, mask)
    norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(quantised, axis=1)
    cosine = (expected * quantised).sum(1) / norms
    figures = {
        "fp32_max_abs_difference": difference,
        "int8_cosine_mean": float(cosine.mean()),
        "int8_cosine_p01": float(np.quantile(cosine, 0.01)),
    }
    if not difference <= FP32_TOLERANCE:
        raise ParityError(f"fp32 graph is {difference:.2e} away from torch, allowed is {FP32_TOLERANCE}")
    if not figures["int8_cosine_mean"] >= INT8_COSINE:
        raise ParityError(f"int8 graph's mean cosine is {cosine.mean():.4f}, needed is {INT8_COSINE}")
    return figures


def export_bundle(
    model: DebertaV2ForMaskedLM,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    lines: list[str],
    record: dict[str, Any],
    card: str,
    keep_fp32: bool = False,
) -> None:
    """Writes a whole bundle beside ``folder`` and moves it there once every check has passed.

    lines: real lines for the parity check. record: name, version and whatever the manifest shall say.
    card: the model card, with ``{parity}`` where the parity figures belong.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        (part / "onnx").mkdir()
        encoder = model.deberta.eval()
        export_onnx(encoder, part / "onnx" / "model.onnx")
        quantize(part / "onnx" / "model.onnx", part / "onnx" / "model_qint8.onnx")
        parity = check_parity(encoder, tokenizer, lines, part / "onnx")
        if not keep_fp32:
            (part / "onnx" / "model.onnx").unlink()
        copy.deepcopy(model).half().save_pretrained(part)
        tokenizer.save(str(part / "tokenizer.json"))
        write_tokenizer_config(part, model.config.max_position_embeddings)
        write_pooling(part, model.config.hidden_size)
        lines_of_parity = "\n".join(f"- {name}: {value:.6g}" for name, value in parity.items())
        (part / "README.md").write_text(card.replace("{parity}", lines_of_parity))
        write_manifest(part, record | {"parity": parity})
        part.chmod(0o755)
        for path in part.rglob("*.safetensors"):
            path.chmod(0o644)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def write_tokenizer_config(folder: Path, max_length: int) -> None:
    """What transformers needs to load ``tokenizer.json``."""
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "pad_token": PAD,
        "cls_token": CLS,
        "sep_token": SEP,
        "unk_token": UNK,
        "mask_token": MASK,
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def write_pooling(folder: Path, dim: int) -> None:
    """What sentence-transformers needs: the encoder, then mean pooling."""
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    pooling = {"word_embedding_dimension": dim, "pooling_mode_mean_tokens": True}
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2) + "\n")
