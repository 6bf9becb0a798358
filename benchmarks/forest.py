"""Rows a second of our isolation forest against scikit-learn's, on one core.

Scoring in batches of 1 to 10,000 rows with 100 trees; and learning: a tenth of the trees grown anew every 512 rows,
against scikit-learn growing as many. Contestants take turns; ratios are medians of ``--repeats`` pairs.
Run: python -m benchmarks.forest
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from threadpoolctl import threadpool_limits

from benchmarks.timing import Contestant, Work, measure, ratio
from stream_processors.detection.detectors.forest import OnlineIsolationForest

RESULTS = Path(__file__).parent / "results" / "forest.csv"
BATCHES = (1, 10, 100, 1_000, 10_000)
WIDTH = 8
WIDTH, TREES, RESERVOIR, RENEWED = 8, 100, 4_096, 512
"""Columns of a row, and what the forest is by default."""
MOST_CALLS = 100
"""Batches of one turn."""
OURS, STOCK = "ours", "scikit-learn"
COLUMNS = ("what", "rows", "ours_rows_per_second", "stock_rows_per_second", "times", "least", "most")


def scoring(score: Callable[[NDArray], object], rows: NDArray, batch: int) -> Contestant:
    """Scores batch after batch."""
    starts = range(0, min(len(rows), batch * MOST_CALLS), batch)

    def call() -> None:
        for start in starts:
            score(rows[start : start + batch])

    return lambda _: Work(call, len(starts) * batch, 0)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    rows = np.random.default_rng(0).standard_normal((max(BATCHES), WIDTH)).astype(np.float32)
    forest = OnlineIsolationForest(WIDTH, trees=TREES, reservoir=RESERVOIR)
    forest.learn(rows)
    stock = IsolationForest(n_estimators=TREES, random_state=0).fit(rows[:RESERVOIR])
    newest = IsolationForest(n_estimators=TREES // 10, random_state=0)
    works: dict[tuple[str, int], dict[str, Contestant]] = {
        ("score", batch): {
            OURS: scoring(forest.score, rows, batch),
            STOCK: scoring(stock.score_samples, rows, batch),
        }
        for batch in BATCHES
    }
    due = RENEWED
    works["learn", due] = {
        OURS: lambda _: Work(lambda: forest.learn(rows[:due]), due, 0),
        STOCK: lambda _: Work(lambda: newest.fit(rows[:RESERVOIR]), due, 0),
    }
    table: list[Sequence[object]] = [COLUMNS]
    with threadpool_limits(1):
        for (what, batch), contestants in works.items():
            rates = measure(f"{what} {batch}", contestants, options.repeats)
            speeds = [statistics.median(turn.lines for turn in rates[name]) for name in (OURS, STOCK)]
            times = ratio(rates, OURS, STOCK)
            table.append(
                [what, batch, *(f"{speed:.0f}" for speed in speeds), *(f"{value:.1f}" for value in times)]
            )
            print(
                f"{what}, {batch} rows: {speeds[0]:,.0f} rows/s, scikit-learn {speeds[1]:,.0f}, times {times}"
            )
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        csv.writer(stream).writerows(table)


if __name__ == "__main__":
    main()
