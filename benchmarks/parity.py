"""How near the cheaper forms of the shipped encoder come to its fp32 graph, on lines it did not train on.

Cosine of each line's vector to the fp32 one, as it is and centred: mean-pooled vectors all point in similar
directions, so the raw cosine flatters; the centred one is taken after the mean fp32 vector of all lines was
subtracted. Neighbours: share of a line's ten nearest lines by fp32 that are among its ten nearest by the other form.
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
from benchmarks.workloads import evaluation_folder, field_lines, sample_lines
from encoder_core import Encoder

RESULTS = Path(__file__).parent / "results" / "parity.csv"
NEIGHBOURS = 10
MAX_TOKENS = 512
NEIGHBOUR_LINES = 2_000
Vectors = NDArray[np.float32]


def unit(vectors: Vectors) -> Vectors:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def nearest(vectors: Vectors) -> NDArray[np.int64]:
    """The ten nearest other lines of each, int64 (lines, NEIGHBOURS)."""
    cosines = unit(vectors) @ unit(vectors).T
    np.fill_diagonal(cosines, -np.inf)
    return np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]


def agreement(one: Vectors, other: Vectors) -> float:
    pairs = zip(nearest(one[:NEIGHBOUR_LINES]), nearest(other[:NEIGHBOUR_LINES]), strict=True)
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / NEIGHBOURS for a, b in pairs]))


def compare(exact: Vectors, other: Vectors) -> dict[str, float]:
    centre = exact.mean(axis=0)
    raw = (unit(exact) * unit(other)).sum(axis=1)
    centred = (unit(exact - centre) * unit(other - centre)).sum(axis=1)
    figures = {}
    for name, cosines in (("cosine", raw), ("centred cosine", centred)):
        figures |= {f"{name}, mean": float(cosines.mean()), f"{name}, p01": float(np.quantile(cosines, 0.01))}
    return figures | {"neighbours": agreement(exact, other)}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=Path, help="folder of evaluation lines, by default $SECENCODER_EVAL")
    options = parser.parse_args(arguments)
    folder = evaluation_folder(options.lines)
    sets = {"generated": sample_lines(None)[1]}
    if folder:
        sets = {name: field_lines(folder / f"{name}.jsonl.gz") for name in ("idts", "odts")}
    with tempfile.TemporaryDirectory() as scratch:
        exact = Encoder(our_fp32_bundle(Path(scratch) / "fp32"), max_tokens=MAX_TOKENS)
        forms = {"int8": Encoder.from_path(max_tokens=MAX_TOKENS)}
        if STATIC_BUNDLE.is_dir():
            forms["static"] = Encoder.from_path(STATIC_BUNDLE, max_tokens=MAX_TOKENS)
        rows = []
        for kind, lines in sets.items():
            expected = exact.embed(lines)
            for form, encoder in forms.items():
                rows.append((form, kind, len(lines), compare(expected, encoder.embed(lines))))
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
