"""Workers, partitions and Redis for an amount of logs, computed from what ``benchmarks.stream`` measured.

Run: python -m benchmarks.stream.scale [--results FOLDER] [--write docs/scale.md]
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import table

RESULTS = Path(__file__).parents[1] / "results"
CONTESTANT = "one worker, warm"
COMPARED = (
    ("a warm worker on the mix", CONTESTANT, "a Faust agent that does nothing", "Faust agent, no-op"),
    ("a warm worker on the mix", CONTESTANT, "the pipeline of an afternoon", "pipeline of an afternoon"),
    ("two workers on two cores", "2 workers on 2 cores, warm", "one on one", "one worker on one core, warm"),
)
"""What is faster than what: contestants on the mix, and how they are called."""
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
    rows = [row for row in read(path) if row["contestant"] == CONTESTANT]
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


def rates_table(rows: Sequence[Mapping[str, str]]) -> str:
    """What was measured, as Markdown: medians of lines a second, and the least and the most."""
    cells = []
    for row in rows:
        rates = [f"{float(row[name]):,.0f}" for name in ("lines_per_second", "least", "most")]
        cpu, redis = row["cpu_seconds_per_million"], row["redis_bytes_per_million"]
        used = [f"{float(cpu):.1f}" if cpu else "", f"{float(redis) / 1e6:.0f}" if redis else ""]
        cells.append([row["content"], row["contestant"], rates[0], f"{rates[1]} to {rates[2]}", *used])
    columns = ("logs", "what", "lines/s", "from, to", "CPU-seconds", "MB into Redis")
    return table(columns, cells)


def ratios(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """One line for each comparison whose both sides were measured."""
    rates = {row["contestant"]: float(row["lines_per_second"]) for row in rows if row["content"] == "mix"}
    return [
        f"- {what}: {rates[one] / rates[other]:,.{1 if rates[one] < 10 * rates[other] else 0}f} times {beside}"
        for what, one, beside, other in COMPARED
        if rates.get(one) and rates.get(other)
    ]


def page(folder: Path) -> str:
    """All that is computed, as Markdown. folder: of the CSV files."""
    rows = read(folder / "stream.csv")
    lines, machine = int(rows[0]["lines"]), rows[0]["machine"]
    parts = [
        f"Topics of {lines:,} messages; {machine}, on which Kafka and Redis run too. CPU-seconds (of the workers) and "
        "MB into Redis are for a million lines.",
        rates_table(rows),
        "\n".join(ratios(rows)),
        "What that comes to:",
        scale_table(measured(folder / "stream.csv")),
    ]
    if (folder / "stages.csv").exists():
        stages = read(folder / "stages.csv")
        order = sorted(stages, key=lambda row: -float(list(row.values())[1]))
        cells = [
            [name, *(f"{100 * float(share):.1f} %" for share in shares)]
            for name, *shares in (list(row.values()) for row in order)
        ]
        parts += ["Share of a warm worker's time by stage:", table(tuple(stages[0]), cells)]
    return "\n\n".join(part for part in parts if part)


def read(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def updated(text: str, computed: str) -> str:
    """A page with what is computed in its place."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{computed.strip()}\n\n{END}{rest.split(END)[1]}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    parser.add_argument("--write", type=Path, help="a page whose table is to be replaced")
    options = parser.parse_args(arguments)
    computed = page(options.results)
    print(computed)
    if options.write:
        options.write.write_text(updated(options.write.read_text(), computed))


if __name__ == "__main__":
    main()
