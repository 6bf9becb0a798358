"""How near the cheaper forms of the shipped encoder come to its fp32 graph, on texts it did not train on.

Texts are the distinct templates of lines. Cosine of each text's vector to the fp32 one, both centred by the bundle's
mean as they always are: mean and first percentile. Neighbours: share of a text's ten nearest by fp32 that are among its
ten nearest by the other form. The static form is compared with the fp32 graph of the full one. A cascade reads the
texts in their order, with its defaults; computed: share of the texts that a form ran the full graph for.
Run: python -m benchmarks.parity
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.contestants import our_fp32_bundle
from benchmarks.workloads import SETS, evaluation_folder, read_set, sample_lines
from encoder_core import Encoder, static_bundle_path
from encoder_core.cascade import Cascade
from stream_processors.settings import EncoderSettings
from trainer.data.templates import templates_of
from trainer.distillation.distill import compare
from trainer.export.loaded import cosine_of_rows

RESULTS = Path(__file__).parent / "results" / "parity.csv"
MAX_TOKENS = 512
BATCH_TEXTS = 500
"""Lines that a worker embeds at once."""
Vectors = NDArray[np.float32]


def figures_of(exact: Vectors, other: Vectors) -> dict[str, float]:
    worst = float(np.quantile(cosine_of_rows(other, exact), 0.01))
    found = compare(other, exact, np.zeros(exact.shape[1], np.float32))
    return {"cosine, p01": worst, "cosine": found["cosine"], "neighbours": found["neighbours"]}


def in_batches(embed: Callable[[Sequence[str]], Vectors], texts: Sequence[str]) -> Vectors:
    """What a worker would get, that embeds so many at a time."""
    starts = range(0, len(texts), BATCH_TEXTS)
    return np.concatenate([embed(texts[start : start + BATCH_TEXTS]) for start in starts])


def compared(exact: Encoder, texts: Sequence[str]) -> Iterator[tuple[str, dict[str, float]]]:
    """Each form with its figures."""
    expected = exact.embed(texts)
    full = Encoder.from_path(max_tokens=MAX_TOKENS)
    yield "int8", figures_of(expected, full.embed(texts)) | {"computed": 1.0}
    static = Encoder.from_path(static_bundle_path(), max_tokens=MAX_TOKENS)
    yield "static", figures_of(expected, static.embed(texts)) | {"computed": 0.0}
    usual, full = EncoderSettings(), Encoder(full.bundle, max_tokens=MAX_TOKENS)
    cascade = Cascade(static, full, similarity=usual.cascade_similarity)
    found = in_batches(lambda some: cascade.embed_and_flag(some).vectors, texts)
    yield "cascade", figures_of(expected, found) | {"computed": full.stats.computed / len(texts)}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=Path, help="folder of evaluation lines, by default $SECENCODER_EVAL")
    options = parser.parse_args(arguments)
    folder = evaluation_folder(options.lines)
    sets = {"generated": sample_lines(None)[1]}
    if folder:
        sets = {name: read_set(folder / f"{name}.jsonl.gz") for name in SETS}
    with tempfile.TemporaryDirectory() as scratch:
        exact = Encoder(our_fp32_bundle(Path(scratch) / "fp32"), max_tokens=MAX_TOKENS)
        rows = []
        for kind, lines in sets.items():
            texts = list(dict.fromkeys(templates_of(lines)))
            rows += [(form, kind, len(texts), figures) for form, figures in compared(exact, texts)]
    columns = ["form", "set", "templates", *rows[0][3]]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for form, kind, count, figures in rows:
            shown = [form, kind, str(count), *(f"{value:.4f}" for value in figures.values())]
            writer.writerow(shown)
            print(f"| {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
