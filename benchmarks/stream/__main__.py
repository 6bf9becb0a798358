"""Lines a second of a worker, from the topic to the applied offset in Redis, beside what else a user could run.

All on one real Kafka (four partitions, not compressed) and one real Redis or Valkey with AOF, in turns; medians over
``--repeats``. Topics are full before a worker starts, and the clock starts when each partition has its first step
applied (``cold``) or half of its messages (``warm``), so that neither the process' start nor its imports count.

- **one worker** on the mix, on plain syslog lines, and on the mix in the messages of Filebeat and Fluent Bit;
- beside it, on the same topic, a Faust agent that does nothing with each event, and the pipeline of an afternoon
  (``agents.py``);
- **two workers** on two cores against one on one core;
- the share of a warm worker's time by stage (``stages.py``), in a run of its own that does not count.

Run: python -m benchmarks.stream [--quick]
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import table
from benchmarks.stream import agents, stages
from benchmarks.stream.lines import CONTENTS, messages
from benchmarks.stream.running import Figures, Run, Sample, run_workers
from benchmarks.stream.system import System, servers
from benchmarks.timing import progress

RESULTS = Path(__file__).parents[1] / "results"
WARM = 0.5
"""Share of each partition's messages after which a worker counts as warm."""
COLUMNS = (
    *("content", "contestant", "lines", "bytes_per_line", "lines_per_second", "least", "most"),
    *("cpu_seconds_per_million", "redis_bytes_per_million", "redis_memory"),
)
Measured = dict[tuple[str, str], list[Figures]]
"""Content and contestant to the figures of each repeat."""


def plain(rate: float) -> Figures:
    """Figures of a contestant of which only the rate is known."""
    return Figures(rate, float("nan"), float("nan"), float("nan"))


class Bench:
    """Everything that takes turns on one pair of servers."""

    def __init__(self, system: System, lines: int, agent_lines: tuple[int, int]) -> None:
        self._system, self._agent_lines = system, agent_lines
        self.measured: Measured = defaultdict(list)
        self.bytes_per_line: dict[str, float] = {}
        self.lines = lines
        self._topics = {content: self._fill(content) for content in CONTENTS}

    def _fill(self, content: str) -> str:
        progress(f"{content}: {self.lines} lines into a topic")
        values = messages(content, self.lines)
        self.bytes_per_line[content] = sum(map(len, values)) / len(values)
        return self._system.topic(values)

    def turn(self, repeat: int) -> None:
        """Every contestant once, in an order that changes with the repeat."""
        works = [
            *((lambda content=content: self._worker(content)) for content in CONTENTS),
            self._noop,
            self._afternoon,
            lambda: self._pinned(1),
            lambda: self._pinned(2),
        ]
        first = repeat % len(works)
        for work in works[first:] + works[:first]:
            work()

    def _note(self, content: str, contestant: str, figures: Figures) -> None:
        self.measured[content, contestant].append(figures)
        progress(f"{content}, {contestant}: {figures.lines_per_second:,.0f} lines/s")

    def _worker(self, content: str) -> None:
        run = run_workers(self._system, self._topics[content])
        self._note(content, "one worker, cold", run.after(0))
        self._note(content, "one worker, warm", run.after(WARM))

    def _pinned(self, workers: int) -> None:
        cores = [{core} for core in sorted(os.sched_getaffinity(0))[:workers]]
        run = run_workers(self._system, self._topics["mix"], cores=cores, options={"ENCODER__THREADS": "1"})
        name = "one worker on one core" if workers == 1 else f"{workers} workers on {workers} cores"
        self._note("mix", f"{name}, warm", run.after(WARM))

    def _noop(self) -> None:
        self._note("mix", "Faust agent, no-op", plain(self._agent("noop", self._agent_lines[0])))

    def _afternoon(self) -> None:
        self._note("mix", "pipeline of an afternoon", plain(self._agent("afternoon", self._agent_lines[1])))

    def _agent(self, name: str, lines: int) -> float:
        kafka = self._system.kafka.bootstrap_servers
        return agents.rate(name, kafka, self._topics["mix"], self._system.redis.url, lines)

    def stages(self, content: str) -> dict[str, float]:
        """Share of a worker's time by stage, of its warm half."""
        path = self._system.folder / "stages.json"
        looks: list[tuple[Sample, dict[str, int]]] = []

        def look(sample: Sample) -> None:
            if path.exists():
                looks.append((sample, json.loads(path.read_text())))

        command = (*stages.COMMAND, str(path))
        run = run_workers(self._system, self._topics[content], command=command, look=look)
        path.unlink()
        first, last = (self._look_at(looks, run, share) for share in (WARM, 1.0))
        return stages.shares(first, last)

    @staticmethod
    def _look_at(looks: Sequence[tuple[Sample, dict[str, int]]], run: Run, share: float) -> dict[str, int]:
        total = sum(run.ends.values())
        return next(
            counts for sample, counts in looks if sum(sample.applied.values()) >= min(share * total, total)
        )


def rows_of(bench: Bench) -> list[list[str]]:
    """The lines of the CSV: medians over the repeats, of the rate also the range."""
    rows = []
    for (content, contestant), turns in bench.measured.items():
        rates = [turn.lines_per_second for turn in turns]
        rest = [statistics.median(column) for column in list(zip(*turns, strict=True))[1:]]
        figures = [statistics.median(rates), min(rates), max(rates)]
        rows.append(
            [content, contestant, str(bench.lines), f"{bench.bytes_per_line[content]:.0f}"]
            + [f"{value:.0f}" for value in figures]
            + ["" if math.isnan(value) else f"{value:.4g}" for value in rest]
        )
    return rows


def write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Rows as CSV, and as a table on the terminal."""
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    print(table(rows[0], rows[1:]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the lines, one repeat, nothing written"
    )
    parser.add_argument("--lines", type=int, help="messages of each topic, by default a million")
    parser.add_argument("--repeats", type=int, help="by default 3")
    parser.add_argument("--results", type=Path, help="folder of the CSV files")
    options = parser.parse_args(arguments)
    lines = options.lines or (100_000 if options.quick else 1_000_000)
    repeats = options.repeats or (1 if options.quick else 3)
    with servers() as system:
        results = options.results or (system.folder if options.quick else RESULTS)
        bench = Bench(system, lines, (50_000, 500) if options.quick else (200_000, 2_000))
        for repeat in range(repeats):
            bench.turn(repeat)
        found = {content: bench.stages(content) for content in ("mix", "syslog")}
        results.mkdir(exist_ok=True)
        write(results / "stream.csv", [list(COLUMNS), *rows_of(bench)])
        names = sorted({stage for shares in found.values() for stage in shares})
        share_rows = [[name, *(f"{shares.get(name, 0):.3f}" for shares in found.values())] for name in names]
        write(results / "stages.csv", [["stage", *found], *share_rows])


if __name__ == "__main__":
    main()
