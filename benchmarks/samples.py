"""What the lines of a window's sample are worth, beside lines drawn at random and TF-IDF with k-means.

The measures of the paper's Table 8: unique entities in the lines (addresses, paths, ids and the like, of what lines
are cut into at white space and signs), and the mean Levenshtein distance of two of them (their first 256 characters).
Ours are the lines as a worker keeps them: 16 partitions, batches of 500 lines, merged; with vectors of templates, and
of lines as in the paper (``encoder.input = line``). Then how far apart the nearest two of the lines are (the
objective of Max-Min) against one window that has all lines at once, and what a window of a million lines costs.
Nothing is tuned on these sets.
Run: python -m benchmarks.samples [--data DIR]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_limits

from connectors.findings import WindowPart
from encoder_core import Encoder
from encoder_core.templates.value_types import type_of
from stream_processors.demo.scenario import scenario
from stream_processors.detection.batch import LineBatch, Matching
from stream_processors.detection.embedding import embed_rows
from stream_processors.detection.merging import Sample, merge
from stream_processors.detection.selection import distances, max_min
from stream_processors.detection.table import TemplateTable
from stream_processors.detection.windows import WindowSampler
from stream_processors.scan import read_steps

DATA = Path(__file__).parents[2] / "shared" / "eval"
RESULTS = Path(__file__).parent / "results" / "samples.csv"
CONTESTANTS = ("ours", "by_line", "random", "kmeans")
COLUMNS = ("set", "lines", "templates", "k", "measure", *CONTESTANTS, "times_random", "times_kmeans")
NEAREST = "nearest two, and against one window"
PARTITIONS, SIZES, DRAWS, SEEDS = 16, (10, 30), 6, 2
"""Of random lines so many draws; of k-means, and of how lines fall to partitions, so many seeds."""
MOST_LINES, CHARACTERS, MILLION = 2_000, 256, 1_000_000
ENTITIES = frozenset(("hex", "ip", "mac", "uuid", "path", "url", "email", "id"))
CUT = re.compile(r"""[\s=,;()\[\]{}<>"'|]+""")
WHOLE = 1 << 40
"""Seconds of a window that holds every line."""


@dataclass(frozen=True, eq=False)
class Log:
    """The messages of a set, a line each."""

    name: str
    messages: Sequence[bytes]
    encoder: Encoder
    by_line: bool = False

    @cached_property
    def texts(self) -> list[str]:
        return [message.decode("utf-8", "replace")[:CHARACTERS] for message in self.messages]

    @cached_property
    def batches(self) -> list[LineBatch]:
        """The lines with their vectors; the offset of each is the number of its message."""
        table, found = TemplateTable(self.encoder.dim, limit=1 << 20), []
        matching = Matching(by_line=self.by_line)
        for step in read_steps(self.messages):
            batch = LineBatch.of(step.lines, table, matching)
            embed_rows(batch.rows, batch.rows.missing(batch.templates), table, self.encoder)
            found.append(batch)
        return found

    @cached_property
    def templates(self) -> NDArray[np.int32]:
        """The row of each line, in order."""
        return np.concatenate([batch.templates for batch in self.batches])

    @cached_property
    def row_of(self) -> dict[int, int]:
        """The row of each message's first line."""
        offsets = np.concatenate([batch.offsets for batch in self.batches])
        return dict(zip(offsets[::-1].tolist(), self.templates[::-1].tolist(), strict=True))

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Of the rows."""
        return self.batches[-1].rows.vectors

    def sample(self, k: int, seed: int) -> Sample:
        """As 16 partitions, among which lines fall at random, keep it."""
        draw = np.random.default_rng(seed)
        samplers = [
            WindowSampler(self.encoder.dim, seconds=WHOLE, k=k, partition=p) for p in range(PARTITIONS)
        ]
        kept: dict[tuple[int, int, int], WindowPart] = {}
        for batch in self.batches:
            of = draw.integers(PARTITIONS, size=len(batch))
            for partition, sampler in enumerate(samplers):
                for part in sampler.add(batch.take(np.flatnonzero(of == partition)), lambda _: ""):
                    kept[part.start, part.partition, part.opened] = part
        return merge(list(kept.values()), k)


def at_random(log: Log, k: int, seed: int) -> list[int]:
    """Numbers of lines."""
    return np.random.default_rng(seed).choice(len(log.texts), min(k, len(log.texts)), replace=False).tolist()


def kmeans(log: Log, k: int, seed: int) -> list[int]:
    """The line nearest to the centre of each cluster of lines as TF-IDF."""
    rows = TfidfVectorizer().fit_transform(log.texts)
    found = KMeans(k, n_init=1, random_state=seed).fit(rows).transform(rows).argmin(axis=0)
    return sorted(set(found.tolist()))


def ours(log: Log, k: int, seed: int) -> list[int]:
    return [offset for _, offset, _, _ in log.sample(k, seed).lines]


def entities(texts: Sequence[str]) -> int:
    """How many different ones there are in lines."""
    return len({word for text in texts for word in CUT.split(text) if word and type_of(word) in ENTITIES})


def levenshtein(texts: Sequence[str]) -> float:
    """Mean distance of two of the texts: of all pairs at once, a row of each table after the other."""
    if len(texts) < 2:
        return 0.0
    lengths = np.array([len(text) for text in texts])
    codes = np.zeros((len(texts), max(int(lengths.max()), 1)), dtype=np.int32)
    for place, text in enumerate(texts):
        codes[place, : len(text)] = [ord(char) for char in text]
    left, right = np.triu_indices(len(texts), 1)
    steps = np.arange(codes.shape[1] + 1, dtype=np.int32)
    row = np.tile(steps, (len(left), 1))
    found = np.zeros(len(left))
    for at in range(int(lengths.max()) + 1):
        done = lengths[left] == at
        found[done] = row[done, lengths[right[done]]]
        if at < codes.shape[1]:
            other = codes[left, at : at + 1] != codes[right]
            new = np.minimum(row[:, 1:] + 1, row[:, :-1] + other)
            new = np.concatenate([np.full((len(left), 1), at + 1, dtype=np.int32), new], axis=1)
            row = np.minimum.accumulate(new - steps, axis=1) + steps
    return float(found.mean())


def objective(vectors: NDArray[np.float32]) -> float:
    """How far apart the nearest two rows are."""
    if len(vectors) < 2:
        return 0.0
    return float(distances(vectors, vectors)[np.triu_indices(len(vectors), 1)].min())


def rows_of(log: Log, k: int) -> Iterator[Sequence[object]]:
    """The measures of one set."""
    about = [log.name, len(log.texts), len(np.unique(log.templates)), k]
    by_line = replace(log, by_line=True)
    chosen = {
        "ours": [ours(log, k, seed) for seed in range(SEEDS)],
        "by_line": [ours(by_line, k, seed) for seed in range(SEEDS)],
        "random": [at_random(log, k, seed) for seed in range(DRAWS)],
        "kmeans": [kmeans(log, k, seed) for seed in range(SEEDS)],
    }
    for measure, of in (("entities", entities), ("levenshtein", levenshtein)):
        found = [mean(of([log.texts[at] for at in one]) for one in chosen[name]) for name in chosen]
        times = [f"{found[0] / other:.2f}" if other else "" for other in found[2:]]
        yield [*about, measure, *(f"{value:.1f}" for value in found), *times]
    distinct = np.unique(log.templates)
    vectors = log.vectors
    best = objective(vectors[distinct[max_min(vectors[distinct], k, vectors[log.templates].mean(axis=0))]])
    merged = min(objective(vectors[[log.row_of[at] for at in one]]) for one in chosen["ours"])
    yield [*about, NEAREST, f"{merged:.3f}", "", "", "", f"{merged / best:.3f}" if best else "", ""]


def feed(log: Log, k: int) -> WindowPart:
    """The part that a million lines in one window leave."""
    sampler, lines = WindowSampler(log.encoder.dim, seconds=WHOLE, k=k), 0
    while lines < MILLION:
        for batch in log.batches:
            shifted = replace(batch, offsets=batch.offsets + lines)
            (part,) = sampler.add(shifted, lambda _: "x" * CHARACTERS)
        lines += len(log.texts)
    return part


def million(log: Log, k: int) -> Iterator[Sequence[object]]:
    """CPU of a line, and memory, of a window of a million lines."""
    with threadpool_limits(1):
        started = time.process_time()
        part = feed(log, k)
        seconds = time.process_time() - started
        tracemalloc.start()
        feed(log, k)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    stored = len(part.total) + len(part.vectors) + sum(map(len, part.texts))
    about = [log.name, part.count, len(np.unique(log.templates)), k]
    yield [*about, "CPU of a line, microseconds", f"{1e6 * seconds / part.count:.2f}", *[""] * 5]
    yield [*about, "most memory, KB", f"{peak / 1024:.0f}", *[""] * 5]
    yield [*about, "stored, KB", f"{stored / 1024:.0f}", *[""] * 5]


def logs(data: Path, encoder: Encoder) -> Iterator[Log]:
    """Generated ones, and samples of real ones where they are at hand."""
    make: Callable[..., Log] = partial(Log, encoder=encoder)
    for seed in range(SEEDS):
        yield make(f"generated-{seed}", [one.line.encode() for one in scenario(lines=MOST_LINES, seed=seed)])
    for path in sorted((data / "loghub").glob("*_2k.log")):
        lines = path.read_bytes().split(b"\n")
        yield make(path.name.removesuffix("_2k.log"), [line.rstrip() for line in lines if line.strip()])
    for path in sorted((data / "labelled").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            texts = [json.loads(row)["text"] for row, _ in zip(stream, range(MOST_LINES), strict=False)]
        yield make(path.name.removesuffix(".jsonl.gz"), [text.encode("utf-8", "replace") for text in texts])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args(arguments)
    table: list[Sequence[object]] = []
    for number, log in enumerate(logs(options.data, Encoder.from_path(None))):
        for k in SIZES:
            table += rows_of(log, k)
            print(*table[-3:], sep="\n", flush=True)
        if not number:
            table += million(log, SIZES[0])
            print(*table[-3:], sep="\n", flush=True)
    for k in SIZES:
        for measure in ("entities", "levenshtein"):
            rows = [row for row in table if row[3] == k and row[4] == measure]
            times = [f"{median(float(str(row[at])) for row in rows if row[at]):.2f}" for at in (9, 10)]
            table.append(["median", "", "", k, measure, "", "", "", "", *times])
            print(table[-1])
    with RESULTS.open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *table])


if __name__ == "__main__":
    main()
