"""How near the cheaper forms of the shipped encoder come to its fp32 graph, on lines it did not train on.

Cosine of each line's vector to the fp32 one, as it is and centred: mean-pooled vectors all point in similar
directions, so the raw cosine flatters; the centred one is taken after the mean fp32 vector of all lines was
subtracted. Neighbours: share of a line's ten nearest lines by fp32 that are among its ten nearest by the other form.
The static form is compared with the fp32 graph of the full one.
Run: python -m benchmarks.parity
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.contestants import STATIC_BUNDLE, our_fp32_bundle
from benchmarks.workloads import SETS, evaluation_folder, read_set, sample_lines
from encoder_core import Encoder
from trainer.distillation.distill import compare
from trainer.export.loaded import cosine_of_rows

RESULTS = Path(__file__).parent / "results" / "parity.csv"
MAX_TOKENS = 512
Vectors = NDArray[np.float32]


def figures_of(exact: Vectors, other: Vectors) -> dict[str, float]:
    worst = float(np.quantile(cosine_of_rows(other, exact), 0.01))
    return {"cosine, p01": worst, **compare(other, exact, exact.mean(axis=0))}


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
        forms = {"int8": Encoder.from_path(max_tokens=MAX_TOKENS)}
        if STATIC_BUNDLE.is_dir():
            forms["static"] = Encoder.from_path(STATIC_BUNDLE, max_tokens=MAX_TOKENS)
        rows = []
        for kind, lines in sets.items():
            expected = exact.embed(lines)
            for form, encoder in forms.items():
                rows.append((form, kind, len(lines), figures_of(expected, encoder.embed(lines))))
    columns = ["form", "set", "lines", *rows[0][3]]
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
