"""Our encoders in each of their forms, and all models that take part, loaded and exported once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer as BackendTokenizer
from transformers import DebertaV2Model

from benchmarks.stock import (
    Ids,
    Runner,
    export_plain,
    load_minilm,
    minilm_tokenizer,
    onnx_runner,
    quantize_plain,
    stock_model,
    torch_runner,
)
from benchmarks.timing import progress
from benchmarks.workloads import rows_of_length
from encoder_core import Bundle, Encoder, default_bundle_path, static_bundle_path
from encoder_core.bundle import write_manifest
from encoder_core.cascade import Cascade
from encoder_core.encoder import RUN_TOKENS
from encoder_core.session import Session
from encoder_core.templates import Templates
from encoder_core.tokenizer import Tokenizer
from stream_processors.settings import EncoderSettings
from trainer.export.bundle import export_onnx, quantize
from trainer.export.pooling import PooledEncoder
from trainer.pretraining.model import make_config, parameter_count

MAX_TOKENS = 512
TEXT_LINES = 300
"""Lines that rows of one length are cut from: more text than the longest run takes."""
OURS, TORCH, ONNX, ONNX_INT8 = "ours, int8", "stock, torch", "stock, ONNX fp32", "stock, ONNX int8"
TEMPLATES = "ours, templates"
MINILM, MINILM_ONNX = "MiniLM, torch", "MiniLM, ONNX fp32"
MakeEncoder = Callable[..., Any]
"""Takes ``threads`` and ``max_tokens``; what it makes has ``embed(lines)``."""

STATIC_BUNDLE = static_bundle_path()
UNCACHED: dict[str, MakeEncoder] = {
    OURS: lambda **options: Encoder.from_path(cache_bytes=0, **options),
    "ours, static": lambda **options: Encoder.from_path(STATIC_BUNDLE, cache_bytes=0, **options),
}
"""Our encoders on distinct lines; a further one is one more entry here."""


class CascadeEncoder:
    """The cascade as a worker has it, without the second look at lines near to an alert."""

    def __init__(self, **options: int) -> None:
        usual = EncoderSettings()
        self._cascade = Cascade(
            Encoder.from_path(STATIC_BUNDLE, **options),
            Encoder.from_path(**options),
            similarity=usual.cascade_similarity,
        )

    def embed(self, lines: Sequence[str]) -> NDArray[np.float32]:
        return self._cascade.embed_and_flag(lines).vectors


class TemplateEncoder:
    """The encoder on the template of each line, as a worker has it: a template is computed once."""

    def __init__(self, **options: int) -> None:
        self._encoder, self._templates = Encoder.from_path(**options), Templates()
        self._known: dict[int, str] = {}

    def embed(self, lines: Sequence[str]) -> NDArray[np.float32]:
        batch = self._templates.batch(lines)
        ids, rows, places = np.unique(batch.ids, return_index=True, return_inverse=True)
        for key, row in zip(ids.tolist(), rows.tolist(), strict=True):
            if key not in self._known:
                self._known[key] = batch.text(row)
        return self._encoder.embed([self._known[key] for key in ids.tolist()])[places]


CACHED: dict[str, MakeEncoder] = {
    "ours, static": lambda **options: Encoder.from_path(STATIC_BUNDLE, **options),
    "ours, cascade": CascadeEncoder,
    "ours, exact cache": Encoder.from_path,
    TEMPLATES: TemplateEncoder,
}
"""Our encoders on a stream."""


def our_fp32_bundle(folder: Path) -> Bundle:
    """The shipped bundle with its fp32 graph only, exported into ``folder`` if it ships without."""
    shipped = Encoder.from_path().bundle
    shutil.copytree(shipped.path, folder, ignore=shutil.ignore_patterns("model_qint8.onnx"))
    if not (folder / "onnx" / "model.onnx").exists():
        export_onnx(DebertaV2Model.from_pretrained(folder).float().eval(), folder / "onnx" / "model.onnx")
    write_manifest(folder, {k: v for k, v in shipped.manifest.items() if k not in ("format", "files")})
    return Bundle.load(folder)


def our_base(folder: Path, models: Models, lines: Sequence[str]) -> tuple[Runner, int]:
    """Our int8 form of the base size with random weights, calibrated on ``lines``, and its number of parameters."""
    torch.manual_seed(0)
    model = DebertaV2Model(make_config("base", models.bundle.config["vocab_size"])).eval()
    source, target = folder / "base.onnx", folder / "base_int8.onnx"
    export_onnx(model, source)
    quantize(model, source, target, models.tokenizer.encode(lines)[0])
    return side_by_side(onnx_runner(target, 1), models.threads), parameter_count(model)


def bundle_runner(bundle: Bundle, threads: int) -> Runner:
    """A bundle's graph as ``Encoder`` runs it: a few rows on each thread at a time."""
    return side_by_side(Session(bundle).run, threads)


def side_by_side(run: Runner, threads: int) -> Runner:
    """Runs of ``RUN_TOKENS`` tokens on that many threads."""
    pool = ThreadPoolExecutor(threads)

    def all_rows(ids: Ids, mask: Ids) -> NDArray[np.float32]:
        step = max(1, RUN_TOKENS // ids.shape[1])
        starts = range(0, len(ids), step)
        return np.concatenate(
            list(pool.map(lambda at: run(ids[at : at + step], mask[at : at + step]), starts))
        )

    return all_rows


@dataclass(frozen=True)
class Models:
    """Everything loaded and exported once."""

    bundle: Bundle
    tokenizer: Tokenizer
    runners: dict[str, Runner]
    minilm: SentenceTransformer
    minilm_tokenizer: BackendTokenizer
    threads: int

    @classmethod
    def load(cls, folder: Path, threads: int) -> Models:
        bundle = Bundle.load(default_bundle_path())
        progress("exporting the stock model and MiniLM")
        stock, minilm = stock_model(bundle.config["vocab_size"]), load_minilm()
        plain = export_plain(stock, folder / "stock.onnx")
        pooled = PooledEncoder(minilm[0].auto_model).eval()
        runners = {
            OURS: bundle_runner(bundle, threads),
            "ours, fp32": bundle_runner(our_fp32_bundle(folder / "fp32"), threads),
            TORCH: torch_runner(stock),
            ONNX: onnx_runner(plain, threads),
            ONNX_INT8: onnx_runner(quantize_plain(plain, folder / "stock_int8.onnx"), threads),
            MINILM: torch_runner(pooled),
            MINILM_ONNX: onnx_runner(export_plain(pooled, folder / "minilm.onnx"), threads),
        }
        tokenizer = Tokenizer(bundle.path / "tokenizer.json", max_tokens=MAX_TOKENS)
        return cls(bundle, tokenizer, runners, minilm, minilm_tokenizer(minilm), threads)

    def rows(self, name: str, lines: Sequence[str], *, rows: int, length: int) -> Ids:
        """Rows of one length in the contestant's own tokens."""
        ours = BackendTokenizer.from_file(str(self.bundle.path / "tokenizer.json"))
        tokenizer = self.minilm_tokenizer if name.startswith("MiniLM") else ours
        return rows_of_length(tokenizer, lines[:TEXT_LINES], rows=rows, length=length)
