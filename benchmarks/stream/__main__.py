"""Lines a second of a worker, from the topic to the applied offset in Redis, beside what else a user could run.

All on one real Kafka (four partitions, not compressed) and one real Redis or Valkey with AOF, in turns; medians over
``--repeats``. Topics are full before a worker starts, and the clock starts when each partition has its first step
applied (``cold``) or half of its messages (``warm``), so that neither the process' start nor its imports count.

- **one worker** on the mix, on plain syslog lines, and on the mix in the messages of Filebeat and Fluent Bit;
- beside it, on the same topic, a Faust agent that does nothing with each event, and the pipeline of an afternoon
  (``agents.py``);
- **two workers** on two cores against one on one core;
- the share of a warm worker's time by stage (``stages.py``), in a run of its own that does not count.

What is done is written after every turn, and a contestant that fails is left out of it: a run that is cut short
has results. Run: python -m benchmarks.stream [--quick] [--lines N] [--repeats N] [--only ...]
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
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
    *("cpu_seconds_per_million", "redis_bytes_per_million", "redis_memory", "machine"),
)
ALONE = ("noop", "afternoon", "pinned", "stages")
"""What takes part beside a worker on each of the contents."""
STAGED = ("mix", "syslog")
NOOP, AFTERNOON = "Faust agent, no-op", "pipeline of an afternoon"
Measured = dict[tuple[str, str], list[Figures]]
"""Content and contestant to the figures of each repeat."""


def plain(rate: float) -> Figures:
    """Figures of a contestant of which only the rate is known."""
    return Figures(rate, float("nan"), float("nan"), float("nan"))


class Bench:
    """Everything that takes turns on one pair of servers.

    only: what takes part, of ``CONTENTS`` and ``ALONE``. agent_lines: of the no-op agent, of the afternoon's.
    """

    def __init__(self, system: System, lines: int, agent_lines: tuple[int, int], only: Sequence[str]) -> None:
        self._system, self._agent_lines, self._only = system, agent_lines, only
        self.measured: Measured = defaultdict(list)
        self.shares: dict[str, dict[str, float]] = {}
        self.bytes_per_line: dict[str, float] = {}
        self.failed: list[str] = []
        self.lines = lines
        wanted = {"mix", *(name for name in only if name in CONTENTS)}
        if "stages" in only:
            wanted.update(STAGED)
        self._topics = {content: self._fill(content) for content in CONTENTS if content in wanted}

    def _fill(self, content: str) -> str:
        progress(f"{content}: {self.lines} lines into a topic")
        values = messages(content, self.lines)
        self.bytes_per_line[content] = sum(map(len, values)) / len(values)
        return self._system.topic(values)

    def works(self) -> list[tuple[str, Callable[[], None]]]:
        """All that takes turns, with names."""
        workers = [
            (content, (lambda content=content: self._worker(content)))
            for content in CONTENTS
            if content in self._only
        ]
        others: list[tuple[str, Callable[[], None]]] = [
            ("noop", self._noop),
            ("afternoon", self._afternoon),
            ("pinned", lambda: self._pinned(1)),
            ("pinned", lambda: self._pinned(2)),
        ]
        return [*workers, *((name, work) for name, work in others if name in self._only)]

    def turn(self, repeat: int) -> None:
        """Every contestant once, in an order that changes with the repeat."""
        works = self.works()
        first = repeat % max(1, len(works))
        for name, work in works[first:] + works[:first]:
            self._try(name, work)

    def look_at_stages(self) -> None:
        """The shares of a worker's time by stage, where they are wanted."""
        if "stages" in self._only:
            for content in STAGED:
                self._try("stages", lambda content=content: self._stages(content))

    def _try(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.failed.append(name)
            progress(f"{name} failed: {error or type(error).__name__}")

    def _note(self, content: str, contestant: str, figures: Figures) -> None:
        self.measured[content, contestant].append(figures)
        progress(f"{content}, {contestant}: {figures.lines_per_second:,.0f} lines/s")

    def _worker(self, content: str) -> None:
        run = run_workers(self._system, self._topics[content])
        self._note(content, "one worker, cold", run.after(0))
        self._note(content, "one worker, warm", run.after(WARM))

    def _pinned(self, workers: int) -> None:
        cores = [{core} for core in sorted(os.sched_getaffinity(0))[:workers]]
        if len(cores) < workers:
            raise RuntimeError(f"{workers} workers need as many cores")
        run = run_workers(self._system, self._topics["mix"], cores=cores, options={"ENCODER__THREADS": "1"})
        name = "one worker on one core" if workers == 1 else f"{workers} workers on {workers} cores"
        self._note("mix", f"{name}, warm", run.after(WARM))

    def _noop(self) -> None:
        self._note("mix", NOOP, plain(self._agent("noop", self._agent_lines[0])))

    def _afternoon(self) -> None:
        self._note("mix", AFTERNOON, plain(self._agent("afternoon", self._agent_lines[1])))

    def _agent(self, name: str, lines: int) -> float:
        kafka = self._system.kafka.bootstrap_servers
        return agents.rate(name, kafka, self._topics["mix"], self._system.redis.url, lines)

    def _stages(self, content: str) -> None:
        path = self._system.folder / "stages.json"
        looks: list[tuple[Sample, dict[str, float]]] = []

        def look(sample: Sample) -> None:
            if path.exists():
                looks.append((sample, json.loads(path.read_text())))

        command = (*stages.COMMAND, str(path))
        run = run_workers(self._system, self._topics[content], command=command, look=look)
        path.unlink()
        first, last = (self._look_at(looks, run, share) for share in (WARM, 1.0))
        self.shares[content] = stages.shares(first, last)

    @staticmethod
    def _look_at(
        looks: Sequence[tuple[Sample, dict[str, float]]], run: Run, share: float
    ) -> dict[str, float]:
        total = sum(run.ends.values())
        return next(
            counts for sample, counts in looks if sum(sample.applied.values()) >= min(share * total, total)
        )


def rows_of(bench: Bench) -> list[list[str]]:
    """The lines of the CSV: medians over the repeats, of the rate also the range."""
    rows = []
    machine = f"{len(os.sched_getaffinity(0))} cores, {platform.processor() or platform.machine()}"
    for (content, contestant), turns in bench.measured.items():
        rates = [turn.lines_per_second for turn in turns]
        rest = [statistics.median(column) for column in list(zip(*turns, strict=True))[1:]]
        figures = [statistics.median(rates), min(rates), max(rates)]
        rows.append(
            [content, contestant, str(bench.lines), f"{bench.bytes_per_line[content]:.0f}"]
            + [f"{value:.0f}" for value in figures]
            + ["" if math.isnan(value) else f"{value:.4g}" for value in rest]
            + [machine]
        )
    return rows


def write(bench: Bench, folder: Path) -> None:
    """What was measured so far, as CSV."""
    folder.mkdir(exist_ok=True)
    tables = {"stream.csv": [list(COLUMNS), *rows_of(bench)]}
    if bench.shares:
        names = sorted({stage for shares in bench.shares.values() for stage in shares})
        columns = [[f"{shares.get(name, 0):.3f}" for name in names] for shares in bench.shares.values()]
        tables["stages.csv"] = [["stage", *bench.shares], *map(list, zip(names, *columns, strict=True))]
    for name, rows in tables.items():
        with (folder / name).open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100,000 lines, one repeat, nothing published")
    parser.add_argument("--lines", type=int, help="messages of each topic, by default a million")
    parser.add_argument("--repeats", type=int, help="by default 3")
    parser.add_argument(
        "--agent-lines", type=int, nargs=2, help="of the agent that does nothing, of the afternoon's"
    )
    parser.add_argument(
        "--only", nargs="+", choices=(*CONTENTS, *ALONE), help="what takes part, by default all"
    )
    parser.add_argument("--results", type=Path, help="folder of the CSV files")
    options = parser.parse_args(arguments)
    lines = options.lines or (100_000 if options.quick else 1_000_000)
    repeats = options.repeats or (1 if options.quick else 3)
    agent_lines = options.agent_lines or ((50_000, 500) if options.quick else (200_000, 2_000))
    agent_lines = min(agent_lines[0], lines // 2), min(agent_lines[1], lines // 2)
    with servers() as system:
        results = options.results or (system.folder if options.quick else RESULTS)
        bench = Bench(system, lines, agent_lines, options.only or (*CONTENTS, *ALONE))
        for repeat in range(repeats):
            bench.turn(repeat)
            write(bench, results)
        bench.look_at_stages()
        write(bench, results)
        for name in ("stream.csv", "stages.csv"):
            if (results / name).exists():
                with (results / name).open(newline="") as stream:
                    first, *rest = csv.reader(stream)
                print(table(first, rest))
    if bench.failed:
        raise SystemExit(f"failed: {', '.join(bench.failed)}")


if __name__ == "__main__":
    main()
