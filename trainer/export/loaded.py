"""Whether a written bundle, loaded back by the libraries that people use, computes what torch computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer

from encoder_core import Encoder
from trainer.export.pooling import PooledEncoder

PARITY_LENGTH = 256
"""Tokens of a line in every check."""
LOADED_COSINE = {"encoder_core": 0.99, "transformers": 0.999, "sentence_transformers": 0.999}
"""Least mean cosine with torch: encoder_core runs the int8 graph, the others the fp16 weights."""


class ParityError(RuntimeError):
    """What was exported does not compute what the torch model computes."""


def cosine_of_rows(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each row of two matrices (rows, dim), float64 (rows,)."""
    a, b = np.asarray(some, dtype=np.float64), np.asarray(others, dtype=np.float64)
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


@torch.no_grad()
def check_loaded(
    folder: Path, model: PooledEncoder, tokenizer: Tokenizer, lines: Sequence[str]
) -> dict[str, float | str]:
    """Mean cosine between torch's vectors of ``lines`` and those of each library that loads the bundle.

    All but transformers take the bundle's mean off; sentence-transformers does not discount repeats, nor does what it
    is compared with. A library that is not installed is said so in place of its figure.
    Raises ParityError for a figure that is too low, or when transformers reads other tokens or misses weights.
    """
    texts = list(lines)
    theirs = AutoTokenizer.from_pretrained(folder)
    encoded = theirs(texts, padding=True, truncation=True, max_length=PARITY_LENGTH, return_tensors="pt")
    for text, ids in zip(texts, theirs(texts)["input_ids"], strict=True):
        if ids != tokenizer.encode(text).ids:
            raise ParityError(f"transformers' tokenizer reads other tokens than ours in {text[:80]!r}")
    expected = model(encoded["input_ids"], encoded["attention_mask"])[1].numpy()
    loaded, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    if report["missing_keys"]:
        raise ParityError(f"transformers misses weights in the bundle: {', '.join(report['missing_keys'])}")
    encoder = Encoder.from_path(folder, max_tokens=PARITY_LENGTH)
    vectors = {
        "encoder_core": encoder.embed(texts),
        "transformers": PooledEncoder(loaded.float().eval(), model.pooling)(**encoded)[1].numpy(),
    }
    if find_spec("sentence_transformers"):
        from sentence_transformers import SentenceTransformer

        sentence_model = SentenceTransformer(str(folder), device="cpu").float()
        sentence_model.max_seq_length = PARITY_LENGTH
        vectors["sentence_transformers"] = sentence_model.encode(texts, show_progress_bar=False)
    figures: dict[str, float | str] = {}
    for library, least in LOADED_COSINE.items():
        if library not in vectors:
            figures[f"{library}_cosine_mean"] = "not checked: not installed"
            continue
        right = expected if library == "transformers" else expected - encoder.mean
        if library == "sentence_transformers" and model.pooling is not None:
            plain = PooledEncoder(model.encoder, replace(model.pooling, repeats=0.0))
            right = plain(encoded["input_ids"], encoded["attention_mask"])[1].numpy() - encoder.mean
        mean = float(cosine_of_rows(vectors[library], right).mean())
        figures[f"{library}_cosine_mean"] = mean
        if not mean >= least:
            raise ParityError(f"{library} loads the bundle to a mean cosine of {mean:.4f}, needed is {least}")
    return figures
