"""A trained model to a bundle: fp16 weights, ONNX fp32 and int8, tokenizer, model card, manifest."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import DebertaV2ForMaskedLM, DebertaV2Model

from encoder_core import Encoder
from encoder_core.batching import pad_rows, token_budget_batches
from encoder_core.bundle import write_manifest
from trainer.export.calibrate import activation_ranges
from trainer.export.centring import add_centring
from trainer.export.graph import activation_names, build_graph
from trainer.export.loaded import PARITY_LENGTH, ParityError, check_loaded, cosine_of_rows
from trainer.export.pooling import PooledEncoder, Pooling, write_pooling
from trainer.stages.manifest import StageError
from trainer.stages.stage import new_bundle, swap
from trainer.vocabulary.tokenizer import CLS, MASK, PAD, SEP, UNK, special_id

FP32_TOLERANCE = 1e-4
INT8_COSINE = 0.995
INT8_COSINE_P01 = 0.97
BATCH_TOKENS = 8_192
LOADED_LINES = 64
PROTOBUF_LIMIT = 2**31
"""Bytes of one ONNX file."""


def export_onnx(encoder: DebertaV2Model, path: Path, pooling: Pooling | None = None) -> None:
    """Writes the fp32 graph; weights inside the file.

    Raises StageError for a model that can't be exported or whose graph would pass the 2 GB of one ONNX file.
    """
    size = sum(parameter.numel() * 4 for parameter in encoder.parameters())
    if size > PROTOBUF_LIMIT:
        raise StageError(f"{path.name}: {size / 1e9:.1f} GB of weights, an ONNX file holds at most 2 GB")
    onnx.save(build_graph(encoder, pooling=pooling), path)


def quantize(
    encoder: DebertaV2Model,
    source: Path,
    target: Path,
    rows: Sequence[NDArray[np.int64]],
    pooling: Pooling | None = None,
) -> None:
    """Writes the int8 graph, its activations' ranges measured by the fp32 graph on ``rows`` of token ids."""
    ranges = activation_ranges(onnx.load(source), rows, activation_names(encoder, pooling))
    onnx.save(build_graph(encoder, ranges, pooling), target)


def open_graph(path: Path) -> onnxruntime.InferenceSession:
    """A graph, ready to run on the CPU."""
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def run_graph(
    graph: onnxruntime.InferenceSession, ids: NDArray[np.int64], mask: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Pooled vectors of a graph, float32 (rows, dim), from ids and mask (rows, length)."""
    return graph.run(["sentence_embedding"], {"input_ids": ids, "attention_mask": mask})[0]


def check_parity(
    encoder: DebertaV2Model,
    tokenizer: Tokenizer,
    lines: list[str],
    folder: Path,
    pooling: Pooling | None = None,
) -> dict[str, float]:
    """Both graphs against torch on ``lines``; raises ParityError past the tolerances, else the figures."""
    rows = token_rows(tokenizer, lines)
    graphs = {name: open_graph(folder / f"{name}.onnx") for name in ("model", "model_qint8")}
    pooled = PooledEncoder(encoder, pooling)
    differences: list[float] = []
    cosines: list[float] = []
    for batch in token_budget_batches([len(row) for row in rows], BATCH_TOKENS):
        ids, mask = pad_rows([rows[index] for index in batch], special_id(tokenizer, PAD))
        with torch.no_grad():
            expected = pooled(torch.from_numpy(ids), torch.from_numpy(mask))[1].numpy()
        differences.append(float(np.abs(run_graph(graphs["model"], ids, mask) - expected).max()))
        cosines.extend(cosine_of_rows(run_graph(graphs["model_qint8"], ids, mask), expected))
    figures = {
        "fp32_max_abs_difference": max(differences),
        "int8_cosine_mean": float(np.mean(cosines)),
        "int8_cosine_p01": float(np.quantile(cosines, 0.01)),
    }
    if not max(differences) <= FP32_TOLERANCE:
        raise ParityError(
            f"fp32 graph is {max(differences):.2e} away from torch, allowed is {FP32_TOLERANCE}"
        )
    for name, least in (("int8_cosine_mean", INT8_COSINE), ("int8_cosine_p01", INT8_COSINE_P01)):
        if not figures[name] >= least:
            raise ParityError(f"int8 graph: {name} is {figures[name]:.4f}, needed is {least}")
    return figures


def token_rows(tokenizer: Tokenizer, lines: Sequence[str]) -> list[NDArray[np.int64]]:
    """Token ids of each line, int64 (tokens,), cut to ``PARITY_LENGTH``."""
    encodings = tokenizer.encode_batch(list(lines))
    return [np.array(cut(encoding.ids), dtype=np.int64) for encoding in encodings]


def cut(ids: list[int]) -> list[int]:
    """A framed line cut to ``PARITY_LENGTH`` tokens, its last token kept."""
    return ids if len(ids) <= PARITY_LENGTH else [*ids[: PARITY_LENGTH - 1], ids[-1]]


def export_bundle(
    model: DebertaV2ForMaskedLM,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    lines: list[str],
    calibration: list[str],
    templates: Sequence[Sequence[str]],
    record: dict[str, Any],
    card: str,
    keep_fp32: bool = False,
    pooling: Pooling | None = None,
) -> None:
    """Writes a whole bundle beside ``folder`` and swaps it in once every check has passed.

    folder: a link is followed; what is there must be a bundle or empty. lines: real lines for the checks.
    calibration: others, to measure the ranges of activations on. templates: of each source of the corpus, to fit the
    mean on. record: name, version and whatever the manifest shall say. card: the model card, with ``{parity}`` where
    the figures of the checks belong. pooling: the weights that states are pooled with. Raises StageError for an
    unusable ``folder``, ParityError when a check fails.
    """
    with new_bundle(folder) as (part, target):
        (part / "onnx").mkdir(parents=True)
        encoder = model.deberta.eval()
        export_onnx(encoder, part / "onnx" / "model.onnx", pooling)
        rows = token_rows(tokenizer, calibration)
        quantize(encoder, part / "onnx" / "model.onnx", part / "onnx" / "model_qint8.onnx", rows, pooling)
        parity: dict[str, float | str] = {**check_parity(encoder, tokenizer, lines, part / "onnx", pooling)}
        if not keep_fp32:
            (part / "onnx" / "model.onnx").unlink()
        copy.deepcopy(model).half().save_pretrained(part)
        tokenizer.save(str(part / "tokenizer.json"))
        write_tokenizer_config(part, model.config.max_position_embeddings)
        write_pooling(part, model.config.hidden_size, pooling)
        make_readable(part)
        (part / "README.md").write_text(card)
        write_manifest(part, record)  # without it encoder_core would not load the bundle
        record = record | add_centring(part, Encoder.from_path(part), templates)
        write_manifest(part, record)
        parity |= check_loaded(part, PooledEncoder(encoder, pooling), tokenizer, lines[:LOADED_LINES])
        shown = (f"{value:.6g}" if isinstance(value, float) else value for value in parity.values())
        figures = "\n".join(f"- {name}: {value}" for name, value in zip(parity, shown, strict=True))
        whole = (part / "README.md").read_text()
        (part / "README.md").write_text(whole.replace("{parity}", figures))
        write_manifest(part, record | {"parity": parity})
        swap(part, target)


def make_readable(folder: Path) -> None:
    """Safetensors writes for the owner only; a bundle is for every user of the machine."""
    folder.chmod(0o755)
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)


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
