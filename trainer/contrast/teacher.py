"""The teacher: a sentence-transformers model of natural language, asked once for every text."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from trainer.stages.manifest import StageError

VECTORS = "teacher.f16"
CHUNK = 2_048
"""Texts sorted by length together: what an interruption loses."""
BATCH = 48
MAX_LENGTH = 48
"""Tokens of a text that the teacher reads."""


def teacher_path(name: str) -> Path:
    """The folder of a teacher: a path, or an installed package that holds one (its ``get_model_path``)."""
    path = Path(name)
    if path.is_dir():
        return path
    try:
        return Path(importlib.import_module(name.replace("-", "_")).get_model_path())
    except (ImportError, AttributeError) as error:
        raise StageError(
            f"contrast.teacher: {name!r} is neither a folder nor an installed package with a model"
        ) from error


class Teacher:
    """Embeds texts by the masked mean of the last hidden states, unit length, as all-MiniLM does."""

    def __init__(self, path: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = AutoModel.from_pretrained(path).eval()
        self.dim = int(self.model.config.hidden_size)

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Unit vectors, float16 (texts, dim)."""
        found = np.empty((len(texts), self.dim), np.float16)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(texts), BATCH):
            places = order[start : start + BATCH]
            inputs = self.tokenizer(
                [texts[place] or "." for place in places],
                padding=True,
                truncation=True,
                max_length=MAX_LENGTH,
                return_tensors="pt",
            )
            hidden = self.model(**inputs).last_hidden_state
            mask = inputs["attention_mask"][..., None].to(hidden.dtype)
            mean: Tensor = (hidden * mask).sum(1) / mask.sum(1)
            found[places] = torch.nn.functional.normalize(mean, dim=1).half().numpy()
        return found


def embed_to_file(teacher: Teacher, texts: Sequence[str], path: Path) -> None:
    """Appends unit vectors, float16 (texts, dim), to a file, from where an earlier call was stopped."""
    row_bytes = 2 * teacher.dim
    done = path.stat().st_size // row_bytes // CHUNK * CHUNK if path.exists() else 0
    console = Console(stderr=True)
    with path.open("ab") as file, Progress(console=console, disable=not console.is_terminal) as bar:
        file.truncate(done * row_bytes)
        task = bar.add_task("teacher", total=len(texts), completed=done)
        for start in range(done, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            file.write(teacher.embed(chunk).tobytes())
            file.flush()
            bar.advance(task, len(chunk))
