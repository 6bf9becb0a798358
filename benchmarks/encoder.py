"""Speed of embedding and scoring, each as a ratio against a named alternative measured in the same run.

The two sides take turns, and the ratio of each pair is taken, so that a drifting machine slows both. Medians of
``--repeats`` pairs. Run: python -m benchmarks.encoder
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.ensemble import IsolationForest

from connectors.formats import parse
from connectors.scenario import scenario
from encoder_core import Encoder
from encoder_core.batching import pad_rows
from stream_processors.features import WIDTH
from stream_processors.forest import OnlineIsolationForest

RESULTS = Path(__file__).parent / "results" / "encoder.csv"
NAIVE_ROWS = 64


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def naive_embed(encoder: Encoder, texts: Sequence[str]) -> None:
    """Batches of 64 lines in the order they come, every line computed."""
    tokens = encoder._tokenizer.encode(texts)
    for start in range(0, len(tokens), NAIVE_ROWS):
        encoder._session.run(*pad_rows(tokens[start : start + NAIVE_ROWS], encoder._tokenizer.pad_id))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--lines", type=int, default=1_000)
    options = parser.parse_args(arguments)
    texts = [parse(line.line.encode()).text for line in scenario(lines=options.lines, seed=11)]
    distinct = list(dict.fromkeys(texts))
    encoder = Encoder.from_path(max_tokens=128, cache_bytes=0)
    cached = Encoder.from_path(max_tokens=128)
    cached.embed(texts)
    rows = np.random.default_rng(0).standard_normal((4_096, WIDTH)).astype(np.float32)
    forest = OnlineIsolationForest(WIDTH)
    forest.learn(rows)
    stock = IsolationForest(n_estimators=100, random_state=0).fit(rows)

    def stock_batches() -> None:
        for start in range(0, len(rows), 500):
            stock.score_samples(rows[start : start + 500])

    def our_batches() -> None:
        for start in range(0, len(rows), 500):
            forest.score(rows[start : start + 500])

    pairs = {
        "embed distinct lines, sorted token-budget batches, vs batches of 64 as they come": (
            lambda: encoder.embed(distinct),
            lambda: naive_embed(encoder, distinct),
            len(distinct),
        ),
        "embed lines as they come, equal ones once, vs batches of 64 as they come": (
            lambda: encoder.embed(texts),
            lambda: naive_embed(encoder, texts),
            len(texts),
        ),
        "embed lines seen before, from the cache, vs computing them": (
            lambda: cached.embed(texts),
            lambda: encoder.embed(texts),
            len(texts),
        ),
        "score batches of 500 rows, flat trees, vs scikit-learn": (our_batches, stock_batches, len(rows)),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["what", "items", "items_per_second", "speedup_median", "speedup_min", "speedup_max"])
        for name, (fast, slow, items) in pairs.items():
            fast(), slow()
            timed = [(seconds(fast), seconds(slow)) for _ in range(options.repeats)]
            ratios = [b / a for a, b in timed]
            rate = items / statistics.median(a for a, _ in timed)
            ratio = statistics.median(ratios)
            writer.writerow(
                [name, items, f"{rate:.0f}", f"{ratio:.2f}", f"{min(ratios):.2f}", f"{max(ratios):.2f}"]
            )
            print(f"{name}: {ratio:.2f}x ({min(ratios):.2f} to {max(ratios):.2f}), {rate:,.0f} a second")


if __name__ == "__main__":
    main()
