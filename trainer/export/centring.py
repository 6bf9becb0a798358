"""The mean that a bundle takes off its vectors: fitted on templates of the corpus, kept as a module of its own.

The module is a linear layer that changes nothing but adds minus the mean: sentence-transformers loads it as it is,
``encoder_core`` reads its bias.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from connectors.formats import parse
from encoder_core import Encoder
from encoder_core.centring import BIAS, FILE, FOLDER
from encoder_core.templates import Templates

SOURCE_TEMPLATES = 50
"""Most templates that a source gives."""
SOURCE_LINES = 1_000
"""First lines of a source that they are taken from."""
HEADING = "## Centring"
SECTION = f"""
{HEADING}

`encoder_core` and sentence-transformers take the mean vector of the training corpus' templates off every vector; it is
minus the `{BIAS}` of `{FILE}`. `transformers.AutoModel` does not know of it.
"""


def sample_templates(sources: Iterable[Iterable[str]]) -> list[list[str]]:
    """Templates to fit a mean on: of every source of lines the first distinct ones, as a worker reads the lines."""
    made = Templates()
    found = []
    for lines in sources:
        own: dict[str, None] = {}
        for line in islice(lines, SOURCE_LINES):
            record = parse(line.encode("utf-8", "surrogatepass"))
            own[made.of_text(record.message or record.text).template] = None
            if len(own) == SOURCE_TEMPLATES:
                break
        found.append(list(own))
    return [own for own in found if own]


def fit_mean(encoder: Encoder, sources: Sequence[Sequence[str]]) -> NDArray[np.float32]:
    """The mean of the sources' means of what the encoder's graph makes of their texts, float32 (dim,).

    So a source that repeats itself little weighs no more than another. No texts at all have a mean of zeros.
    """
    vectors = encoder.embed(list(chain.from_iterable(sources))) + encoder.mean
    ends = np.cumsum([len(own) for own in sources])
    means = [own.mean(axis=0, dtype=np.float64) for own in np.split(vectors, ends[:-1]) if len(own)]
    return np.mean(means or [np.zeros(encoder.dim)], axis=0).astype(np.float32)


def add_centring(folder: Path, encoder: Encoder, sources: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Writes a mean and what the card says of it into a bundle's folder; returns what its manifest is to say.

    An earlier mean is replaced. encoder: of that bundle. sources: see ``fit_mean``. The manifest is the caller's.
    """
    write_module(folder, fit_mean(encoder, sources))
    card = folder / "README.md"
    if HEADING not in (text := card.read_text()):
        card.write_text(f"{text.rstrip()}\n{SECTION}")
    return {"centring": {"sources": len(sources), "templates": sum(map(len, sources))}}


def write_module(folder: Path, mean: NDArray[np.float32]) -> None:
    """Writes the module with a mean, float32 (dim,), and lists it as the last one."""
    (folder / FOLDER).mkdir(exist_ok=True)
    weights: dict[str, NDArray[Any]] = {"linear.weight": np.eye(len(mean), dtype=np.float16), BIAS: -mean}
    save_file(weights, folder / FILE)
    (folder / FILE).chmod(0o644)  # safetensors writes for the owner only
    config = {
        "in_features": len(mean),
        "out_features": len(mean),
        "bias": True,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    (folder / FOLDER / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    listing = folder / "modules.json"
    modules = [module for module in json.loads(listing.read_text()) if module["path"] != FOLDER]
    number = len(modules)
    modules.append(
        {"idx": number, "name": str(number), "path": FOLDER, "type": "sentence_transformers.models.Dense"}
    )
    listing.write_text(json.dumps(modules, indent=2) + "\n")
