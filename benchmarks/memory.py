"""Memory of a worker's encoder: over a long stream, and for one very long line.

A stream is a process that embeds generated lines, whose ids and numbers never repeat, among them long ones made of
several, with the cache that the encoder has by default, and notes its resident memory after ``--first`` and after
``--lines`` lines. It reads their templates, or each line: then nearly every one is computed, which takes over an hour
for a million. The long line is a process of its own. The address space of each is limited, so that one that grows
without bound fails and not the machine. Linux only. Run: python -m benchmarks.memory
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from encoder_core import Encoder, default_bundle_path
from encoder_core.tokenizer import Tokenizer
from stream_processors.demo.scenario import scenario
from trainer.data.lsh import batches
from trainer.data.templates import templates_of

RESULTS = Path(__file__).parent / "results" / "memory.csv"
LIMIT = 12 << 30
"""Bytes of address space."""
BATCH_LINES = 500
LONG_EVERY = 250
LONG_OF = 12
"""Every 250th line is 12 joined ones, which is longer than what the encoder reads."""


def rss_mb() -> float:
    """Resident memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_mb() -> float:
    """Highest resident memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def mixed_lines(count: int) -> Iterator[str]:
    """Generated lines of mixed lengths."""
    lines = (labelled.line for labelled in scenario(lines=count + count // LONG_EVERY * LONG_OF, seed=11))
    for number in range(1, count + 1):
        line = next(lines)
        if number % LONG_EVERY == 0:
            line = " ".join([line, *itertools.islice(lines, LONG_OF - 1)])
        yield line


def embed_lines(encoder: Encoder, lines: Iterator[str], count: int) -> float:
    """Embeds so many lines; resident memory after them, in MB."""
    for start in range(0, count, BATCH_LINES):
        encoder.embed(list(itertools.islice(lines, min(BATCH_LINES, count - start))))
    return rss_mb()


def measure_stream(templates: bool, options: argparse.Namespace) -> dict[str, float]:
    """Resident memory after the first lines and after all, and what the cache has of it."""
    encoder = Encoder.from_path(threads=options.threads, max_tokens=512)
    lines = mixed_lines(options.lines)
    if templates:
        lines = (text for some in batches(lines) for text in templates_of(some))
    loaded, started = rss_mb(), time.perf_counter()
    first = embed_lines(encoder, lines, options.first)
    first_cached = encoder.cache.bytes / 1e6
    last = embed_lines(encoder, lines, options.lines - options.first)
    return {
        "MB loaded": loaded,
        f"MB after {options.first:,} lines": first,
        f"MB cached after {options.first:,} lines": first_cached,
        f"MB after {options.lines:,} lines": last,
        f"MB cached after {options.lines:,} lines": encoder.cache.bytes / 1e6,
        "ratio": last / first,
        "peak MB": peak_mb(),
        "computed lines": encoder.stats.computed,
        "seconds": time.perf_counter() - started,
    }


def long_line(tokens: int) -> str:
    """One line of at least so many tokens."""
    tokenizer = Tokenizer(default_bundle_path() / "tokenizer.json", max_tokens=tokens)
    parts: list[str] = []
    found = 0
    for labelled in scenario(lines=tokens, seed=11):
        parts.append(labelled.line)
        found += len(tokenizer.encode([labelled.line])[0][0]) - 2  # without [CLS] and [SEP]
        if found >= tokens:
            break
    return " ".join(parts)


def measure_long_line(options: argparse.Namespace) -> dict[str, float]:
    """Peak memory and seconds of one line."""
    encoder = Encoder.from_path(max_tokens=options.tokens, threads=options.threads)
    line, loaded = long_line(options.tokens), peak_mb()
    started = time.perf_counter()
    encoder.embed([line])
    seconds = time.perf_counter() - started
    return {"tokens": options.tokens, "peak MB before": loaded, "peak MB": peak_mb(), "seconds": seconds}


MEASURES = {
    "stream, lines": partial(measure_stream, False),
    "stream, templates": partial(measure_stream, True),
    "long line": measure_long_line,
}


def in_process(what: str, arguments: Sequence[str]) -> dict[str, float | str]:
    """The figures of a process of its own, or how it ended."""
    command = [sys.executable, "-m", "benchmarks.memory", *arguments, "--measure", what]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        return {"failed": f"status {run.returncode}"}
    return json.loads(run.stdout.splitlines()[-1])


def read_results() -> list[list[str]]:
    """Rows of the last results, without their header."""
    if not RESULTS.is_file():
        return []
    with RESULTS.open(newline="") as stream:
        return list(csv.reader(stream))[1:]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=48_000, help="length of the long line")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES), help="the others stay")
    parser.add_argument("--measure", choices=MEASURES, help="in this process, as JSON")
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(arguments)
    if options.measure:
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
        print(json.dumps(MEASURES[options.measure](options)))
        return
    rows = [row for row in read_results() if row[0] not in options.only]
    for what in options.only:
        for name, value in in_process(what, arguments).items():
            rows.append([what, name, f"{value:.2f}" if isinstance(value, float) else str(value)])
            print(": ".join(rows[-1]), flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        csv.writer(stream).writerows([["what", "figure", "value"], *rows])


if __name__ == "__main__":
    main()
