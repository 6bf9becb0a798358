"""A trained student to a bundle: the ONNX graph, the same rows for sentence-transformers, tokenizer, model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from encoder_core import Encoder
from encoder_core.bundle import write_manifest
from trainer.distillation.student import FRAME, Student, student_graph
from trainer.export.bundle import make_readable, write_tokenizer_config
from trainer.export.centring import add_centring
from trainer.export.loaded import PARITY_LENGTH, ParityError, cosine_of_rows
from trainer.export.quantization import quantize_rows
from trainer.stages.stage import new_bundle, swap

INT8_COSINE = 0.999
"""Least mean cosine between the student in float32 and what a library loads from the bundle."""
SENTENCE = "sentence_transformers.models"

CARD = """---
license: {licence}
library_name: sentence-transformers
tags: [logs, security, static-embeddings, feature-extraction]
---

# {name} {version}

A static student of {teacher[name]} {teacher[version]} for log lines: one row of {width} numbers a token, the mean of a
line's rows, one linear layer into the teacher's {dim} dimensions. No attention, so a vector costs about as little as
tokenising the line. Word order is not seen.

{parameters:,} parameters, rows in int8. A token's weight is the length of its row.

## Training

The teacher embedded {lines:,} lines of the corpus, cut to {max_length} tokens. The student learned to give the same
vectors: {steps:,} steps of {batch_lines} lines, AdamW; the loss is one minus the cosine plus the squared error, of
vectors without the mean teacher vector.

## Measured

Against the teacher, on {heldout:,} lines that the student did not learn from, cut to {test_length} tokens:

| figure | value |
| --- | --- |
| cosine | {metrics[cosine]:.4f} |
| cosine without the mean teacher vector | {metrics[centred_cosine]:.4f} |
| the teacher's 10 nearest lines found | {metrics[neighbours]:.1%} |

All vectors share a large common part, so the first figure is high for any student; the others tell more.

Against the student in float32: {parity}.

## Use

```python
from encoder_core import Encoder
vectors = Encoder.from_path("path/to/this/folder").embed(["sshd: Failed password for root from 192.0.2.7"])
```

The folder also loads with `sentence_transformers.SentenceTransformer` (6.0 or newer; it does not cut long lines), and
its rows are those of a model2vec file.

## Limits

Those of the teacher, and what needs the order of words.
"""


def write_static_bundle(
    student: Student,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    lines: Sequence[str],
    expected: NDArray[np.float32],
    templates: Sequence[Sequence[str]],
    record: dict[str, Any],
) -> None:
    """Writes a whole bundle beside ``folder`` and swaps it in once every check has passed.

    lines and expected: lines for the checks, and the float32 student's vectors of them. templates: of each source
    of the corpus, to fit the mean on. record: what the manifest and the card shall say.
    Raises StageError for an unusable ``folder``, ParityError when a check fails.
    """
    with new_bundle(folder) as (part, target):
        (part / "onnx").mkdir(parents=True)
        onnx.save(student_graph(student), part / "onnx" / "model_qint8.onnx")
        tokenizer.save(str(part / "tokenizer.json"), pretty=False)
        write_tokenizer_config(part, PARITY_LENGTH)
        write_config(part, student)
        write_sentence_modules(part, student)
        make_readable(part)
        (part / "README.md").write_text(CARD.format(**record | record["training"], parity="{parity}"))
        write_manifest(part, record)  # without it encoder_core would not load the bundle
        record = record | add_centring(part, Encoder.from_path(part), templates)
        write_manifest(part, record)
        parity = check_static(part, lines, expected)
        figures = ", ".join(f"{name} {value:.6g}" for name, value in parity.items())
        card = (part / "README.md").read_text()
        (part / "README.md").write_text(card.replace("{parity}", figures))
        write_manifest(part, record | {"parity": parity})
        swap(part, target)


def write_config(folder: Path, student: Student) -> None:
    """What tells a worker that the folder holds a static student."""
    config = {
        "model_type": "secencoder-static",
        "hidden_size": student.project.out_features,
        "width": student.table.embedding_dim,
        "vocab_size": student.table.num_embeddings,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def write_sentence_modules(folder: Path, student: Student) -> None:
    """What sentence-transformers needs: rows and their scales as model2vec names them, then the linear layer."""
    rows, scales = quantize_rows(student.table.weight.detach().numpy())
    save_file({"embeddings": rows, "weights": scales}, folder / "model.safetensors")
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{SENTENCE}.StaticEmbedding"},
        {"idx": 1, "name": "1", "path": "1_Dense", "type": f"{SENTENCE}.Dense"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
    dense = folder / "1_Dense"
    dense.mkdir()
    weights = {
        f"linear.{name}": tensor.detach().numpy() for name, tensor in student.project.named_parameters()
    }
    save_file(weights, dense / "model.safetensors")
    config = {
        "in_features": student.project.in_features,
        "out_features": student.project.out_features,
        "bias": True,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    (dense / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def check_static(folder: Path, lines: Sequence[str], expected: NDArray[np.float32]) -> dict[str, float]:
    """Mean cosine between ``expected``, centred, and the vectors of each installed library that loads the bundle.

    Raises ParityError for one that is too low.
    """
    texts = list(lines)
    encoder = Encoder.from_path(folder, max_tokens=PARITY_LENGTH)
    vectors = {"encoder_core": encoder.embed(texts)}
    if find_spec("sentence_transformers"):
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(folder), device="cpu")
        model.tokenizer.enable_truncation(PARITY_LENGTH - FRAME)
        vectors["sentence_transformers"] = model.encode(texts, show_progress_bar=False)
    figures = {}
    for library, found in vectors.items():
        figures[f"{library}_cosine_mean"] = mean = float(
            cosine_of_rows(found, expected - encoder.mean).mean()
        )
        if not mean >= INT8_COSINE:
            raise ParityError(
                f"{library} loads the bundle to a mean cosine of {mean:.4f}, needed is {INT8_COSINE}"
            )
    return figures
