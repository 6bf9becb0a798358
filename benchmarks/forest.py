"""Rows a second of our flat isolation forest against scikit-learn's, in batches of 500.

The two take turns; ratios are medians of ``--repeats`` pairs. Run: python -m benchmarks.forest
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.ensemble import IsolationForest

from benchmarks.timing import Work, measure, ratio
from stream_processors.detection.detectors.forest import OnlineIsolationForest
from stream_processors.detection.features import WIDTH

RESULTS = Path(__file__).parent / "results" / "forest.csv"
ROWS = 4_096
BATCH = 500


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    rows = np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype(np.float32)
    forest = OnlineIsolationForest(WIDTH)
    forest.learn(rows)
    stock = IsolationForest(n_estimators=100, random_state=0).fit(rows)

    def in_batches(score: Callable[[np.ndarray], object]) -> Work:
        def call() -> None:
            for start in range(0, ROWS, BATCH):
                score(rows[start : start + BATCH])

        return Work(call, ROWS, 0)

    contestants = {
        "ours, flat trees": lambda _: in_batches(forest.score),
        "scikit-learn": lambda _: in_batches(stock.score_samples),
    }
    rates = measure("forest", contestants, options.repeats)
    ours = next(iter(contestants))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["contestant", "rows_per_second", "ours_times_median", "ours_times_min", "ours_times_max"]
        )
        for name, turns in rates.items():
            speed, times = statistics.median(turn.lines for turn in turns), ratio(rates, ours, name)
            writer.writerow([name, f"{speed:.0f}", *(f"{value:.2f}" for value in times)])
            print(f"{name}: {speed:,.0f} rows/s, ours is {times} times as fast")


if __name__ == "__main__":
    main()
