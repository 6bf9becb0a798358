"""How well planted attack lines are found, against named alternatives, in one run.

Every method sees the same lines of the scenario generator, in order, and scores each with what it learnt from the
lines before (a forest refit every 500 lines on the last 4,096). Seeds 101 to 103 served for choices during
development; these are others. Run: python -m benchmarks.detection
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.metrics import average_precision_score, roc_auc_score

from connectors.formats import parse
from connectors.records import Changes, Line
from connectors.scenario import LabelledLine, scenario
from encoder_core import Encoder
from stream_processors.detector import DetectionSettings, PartitionDetector
from stream_processors.scan import BATCH_LINES

SEEDS = (1, 2, 3, 4, 5)
LINES = 4_000
WARMUP = 512
TOP = 20
RESULTS = Path(__file__).parent / "results" / "detection.csv"
Rows = NDArray[np.float32]


def forest_over(rows: Rows) -> NDArray[np.float64]:
    """Scores of an isolation forest refit on recent rows before each batch; warm-up rows get the first forest's."""
    scores = np.zeros(len(rows))
    for start in range(WARMUP, len(rows), BATCH_LINES):
        forest = IsolationForest(n_estimators=100, random_state=0).fit(rows[max(0, start - 4_096) : start])
        if start == WARMUP:
            scores[:start] = -forest.score_samples(rows[:start])
        scores[start : start + BATCH_LINES] = -forest.score_samples(rows[start : start + BATCH_LINES])
    return scores


def ours(lines: Sequence[Line], vectors: Rows) -> NDArray[np.float64]:
    """Scores of the streaming detector."""
    settings = DetectionSettings(alert_rate=1 - 1e-9, warmup=WARMUP)
    detector = PartitionDetector("bench", 0, vectors.shape[1], settings)
    changes = Changes("bench", 0, None, len(lines))
    for start in range(0, len(lines), BATCH_LINES):
        detector.process(lines[start : start + BATCH_LINES], vectors[start : start + BATCH_LINES], changes)
    scores = np.zeros(len(lines))
    for anomaly in changes.anomalies:
        scores[anomaly.offset] = anomaly.score
    return scores


def embedding(lines: Sequence[Line], vectors: Rows) -> NDArray[np.float64]:
    """A forest over the embedding alone."""
    return forest_over(vectors)


def hashed_words(lines: Sequence[Line], vectors: Rows) -> NDArray[np.float64]:
    """A forest over hashed TF vectors of the text, reduced to 64 dimensions on the warm-up lines."""
    counts = HashingVectorizer(n_features=2**15).transform([line.record.text for line in lines])
    return forest_over(TruncatedSVD(64, random_state=0).fit(counts[:WARMUP]).transform(counts))


def label_codes(lines: Sequence[Line], vectors: Rows) -> NDArray[np.float64]:
    """A forest over label-encoded columns: the 40 most frequent ones, codes by first appearance."""
    names = [name for line in lines[:WARMUP] for name in line.record.fields]
    columns = sorted(set(names), key=names.count, reverse=True)[:40]
    codes: dict[tuple[str, str], int] = {}
    rows = np.zeros((len(lines), len(columns) + 1), dtype=np.float32)
    for row, line in zip(rows, lines, strict=True):
        values = [("format", line.record.format), *((c, line.record.fields.get(c, "")) for c in columns)]
        row[:] = [codes.setdefault(value, len(codes)) for value in values]
    return forest_over(rows)


METHODS: dict[str, Callable[[Sequence[Line], Rows], NDArray[np.float64]]] = {
    "ours": ours,
    "forest over embedding": embedding,
    "forest over hashed words": hashed_words,
    "forest over label codes": label_codes,
}


def measure(scores: NDArray[np.float64], labelled: Sequence[LabelledLine]) -> dict[str, float]:
    """Average precision, ROC AUC, planted lines in the top 20 and steps of the story among them."""
    planted = np.array([line.attack is not None for line in labelled])
    top = np.argsort(-scores, kind="stable")[:TOP]
    return {
        "average_precision": float(average_precision_score(planted, scores)),
        "roc_auc": float(roc_auc_score(planted, scores)),
        "planted_in_top_20": float(planted[top].sum()),
        "steps_in_top_20": float(len({labelled[i].attack for i in top} - {None})),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args(arguments)
    encoder = Encoder.from_path(max_tokens=128)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
    for seed in options.seeds:
        labelled = list(scenario(lines=options.lines, seed=seed))
        lines = [Line(n, one.time, parse(one.line.encode())) for n, one in enumerate(labelled)]
        vectors = encoder.embed([line.record.text for line in lines])
        for name, method in METHODS.items():
            found[name].append(measure(method(lines, vectors), labelled))
        print(f"seed {seed} done", file=sys.stderr)
    RESULTS.parent.mkdir(exist_ok=True)
    columns = list(found["ours"][0])
    with RESULTS.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["method", "model", "seeds", "lines", *columns])
        print(
            "| method | average precision | ROC AUC | planted in top 20 | steps in top 20 |\n|---|---|---|---|---|"
        )
        for name, runs in found.items():
            means = [float(np.mean([run[column] for run in runs])) for column in columns]
            seeds = " ".join(map(str, options.seeds))
            writer.writerow(
                [name, encoder.bundle.version, seeds, options.lines, *(f"{m:.4f}" for m in means)]
            )
            print(f"| {name} | {means[0]:.3f} | {means[1]:.3f} | {means[2]:.1f} | {means[3]:.1f} |")


if __name__ == "__main__":
    main()
