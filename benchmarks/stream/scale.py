"""Workers, partitions and Redis for an amount of logs, computed from what ``benchmarks.stream`` measured.

Run: python -m benchmarks.stream.scale [--csv FILE] [--write docs/scale.md]
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import table

RESULTS = Path(__file__).parents[1] / "results" / "stream.csv"
CONTESTANT = "one worker, warm"
LOAD = 0.7
"""Share of what a worker can do that it is given, so that it catches up after a stop."""
PARTITIONS_PER_WORKER = 2
"""So that the partitions of a worker that is gone can be shared out."""
DAY = 86_400
AMOUNTS = (("1 TB a day", 1e12 / DAY, None), ("1 million lines/s", None, 1e6))
"""Name, and bytes or lines a second."""
BEGIN, END = "<!-- computed by benchmarks.stream.scale -->\n", "<!-- end -->\n"
COLUMNS = (
    *("logs", "amount", "bytes a line", "lines/s", "a worker's lines/s", "workers", "partitions"),
    *("worker cores in use", "into Redis, MB/s", "Redis memory, MB a source"),
)


class Measured(NamedTuple):
    """A content's line of the CSV."""

    content: str
    bytes_per_line: float
    lines_per_second: float
    cpu_seconds: float
    """For a million lines."""
    redis_bytes: float
    """For a million lines."""
    redis_memory: float


def measured(path: Path) -> list[Measured]:
    """What a warm worker was measured at, by content."""
    names = [
        *("bytes_per_line", "lines_per_second", "cpu_seconds_per_million"),
        *("redis_bytes_per_million", "redis_memory"),
    ]
    with path.open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["contestant"] == CONTESTANT]
    return [Measured(row["content"], *(float(row[name]) for name in names)) for row in rows]


def needs(of: Measured, bytes_per_second: float | None, lines_per_second: float | None) -> list[str]:
    """Lines a second, what a worker does, workers, partitions, cores, Redis traffic and memory."""
    lines = lines_per_second or (bytes_per_second or 0) / of.bytes_per_line
    workers = math.ceil(lines / (LOAD * of.lines_per_second))
    return [
        f"{of.bytes_per_line:.0f}",
        f"{lines:,.0f}",
        f"{of.lines_per_second:,.0f}",
        f"{workers:,}",
        f"{PARTITIONS_PER_WORKER * workers:,}",
        f"{lines / 1e6 * of.cpu_seconds:,.1f}",
        f"{lines / 1e6 * of.redis_bytes / 1e6:,.2f}",
        f"{of.redis_memory / 1e6:,.0f}",
    ]


def scale_table(found: Sequence[Measured]) -> str:
    """One line a content and amount, as Markdown."""
    return table(
        COLUMNS, [[of.content, name, *needs(of, *rates)] for of in found for name, *rates in AMOUNTS]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--csv", type=Path, default=RESULTS)
    parser.add_argument("--write", type=Path, help="a page whose table is to be replaced")
    options = parser.parse_args(arguments)
    computed = scale_table(measured(options.csv))
    print(computed)
    if options.write:
        before, rest = options.write.read_text().split(BEGIN)
        after = rest.split(END)[1]
        options.write.write_text(f"{before}{BEGIN}\n{computed}\n{END}{after}")


if __name__ == "__main__":
    main()
