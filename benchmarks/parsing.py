"""Lines a CPU-second that are understood: by kind of log, the generated mix, and the mix in shippers' messages.

The generated lines are parsed as they come, each kind line by line and many at once, then read out of the messages that
shippers make of them. ``orjson.loads``
alone, on the JSON lines and on the messages that are JSON, is what taking every one apart costs. The mix and the
messages are read as a worker reads them, thousands at once: first until columns, texts and times are known; then ("as
a batch") until templates, words and hashes are, which is all that detection takes. All take turns, every repeat once
each; medians over the repeats count. CPU time of one thread: other work on the machine costs less than it would of
wall-clock time, but caches are shared. Run: python -m benchmarks.parsing
"""

from __future__ import annotations

import argparse
import csv
import gc
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

from benchmarks.timing import progress
from connectors.envelopes import Reader
from connectors.formats import parse
from connectors.records import Message
from stream_processors.demo.scenario import LabelledLine, scenario
from stream_processors.demo.scenario.envelopes import ENVELOPES, wrap
from stream_processors.detection.ahead import scan_messages
from stream_processors.detection.arriving import Messages
from stream_processors.detection.batch import LineBatch, Matching
from stream_processors.detection.table import TemplateTable

RESULTS = Path(__file__).parent / "results" / "parsing.csv"
ENVELOPED = ("filebeat", "fluentbit", "otlp_json")
MIX = "the mix"
TOGETHER = 4_096
"""Messages that are read at once."""


class Work(NamedTuple):
    """Values that are read one after the other, and how many lines are in them."""

    read: Callable[[bytes], object]
    values: list[bytes]
    lines: int
    read_all: Callable[[Sequence[bytes]], object] | None = None
    """Reads many at once."""


def works(lines: Sequence[LabelledLine], envelopes: Sequence[str]) -> dict[str, Work]:
    """All that is measured, by name."""
    by_system: dict[str, list[bytes]] = defaultdict(list)
    for line in lines:
        by_system[line.system].append(line.line.encode())
    every = [line.line.encode() for line in lines]
    documents = [value for value in every if value[:1] == b"{"]
    found = {
        "orjson.loads, JSON lines of the mix": Work(orjson.loads, documents, len(documents)),
        **{system: Work(parse, values, len(values)) for system, values in sorted(by_system.items())},
        **{
            f"{system}, many at once": Work(parse, values, len(values), Reader().scan)
            for system, values in sorted(by_system.items())
        },
        f"{MIX}, each line by itself": Work(parse, every, len(every)),
        **at_once(MIX, every, len(every)),
    }
    for name in envelopes:
        values = [message.value for message in wrap(lines, name)]
        if values[0][:1] == b"{":
            found[f"orjson.loads, messages of {name}"] = Work(orjson.loads, values, len(lines))
        found |= at_once(f"{MIX} in {name}", values, len(lines))
    return found


def at_once(name: str, values: list[bytes], lines: int) -> dict[str, Work]:
    """Values that are read many at once: to the rows of a worker's step, and on to the batch that detection takes."""
    reader, matching, table = Reader(), Matching(), TemplateTable(1)

    def none(place: int) -> Message:
        raise AssertionError("no line is looked at")

    def scanned(part: Sequence[bytes]) -> object:
        return reader.scan(part)

    def batched(part: Sequence[bytes]) -> object:
        messages = Messages(part, np.arange(len(part)), np.zeros(len(part)), none)
        ahead = scan_messages(reader, messages, by_line=True)
        assert ahead is not None
        return LineBatch.of(ahead.lines, table, matching)

    return {
        name: Work(reader.read, values, lines, scanned),
        f"{name}, as a batch": Work(reader.read, values, lines, batched),
    }


def rate(work: Work) -> float:
    """Lines a CPU-second. The garbage collector is at work, as it is in a worker."""
    gc.collect()
    read, values, read_all = work.read, work.values, work.read_all
    started = time.process_time()
    if read_all is None:
        for value in values:
            read(value)
    else:
        for first in range(0, len(values), TOGETHER):
            read_all(values[first : first + TOGETHER])
    return work.lines / (time.process_time() - started)


def measure(contestants: dict[str, Work], repeats: int) -> dict[str, list[float]]:
    """Rates of each, one a repeat; what is remembered of shapes is warm, as in a worker that runs."""
    for work in contestants.values():
        rate(work)
        rate(work)
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for repeat in range(repeats):
        progress(f"repeat {repeat + 1} of {repeats}")
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            rates[name].append(rate(contestants[name]))
    return rates


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--envelopes", nargs="*", choices=ENVELOPES, default=list(ENVELOPED))
    options = parser.parse_args(arguments)
    contestants = works(list(scenario(lines=options.lines)), options.envelopes)
    rates = measure(contestants, options.repeats)
    columns = ["what", "lines", "bytes_per_line", "lines_per_cpu_second", "least", "most"]
    rows = [
        [
            name,
            str(work.lines),
            f"{sum(map(len, work.values)) / work.lines:.0f}",
            *(f"{value:.0f}" for value in (statistics.median(found), min(found), max(found))),
        ]
        for (name, work), found in zip(contestants.items(), rates.values(), strict=True)
    ]
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one thread\n")
    print("\n".join("| " + " | ".join(row) + " |" for row in [columns, ["---"] * len(columns), *rows]))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])


if __name__ == "__main__":
    main()
