"""Canonical keys: how fast they are made, what they bring together, and what that costs in vectors and in detection.

Real lines are those of the six Loghub samples with their true templates, and of two sets of public logs, where they
are at hand; else, and for detection, the scenario generator's. Texts are what ``connectors.formats.parse`` gives to
the encoder. Speeds are medians of ``--repeats`` turns in batches as workers have them. Nothing was chosen on these
lines: development used other public logs and the generator's seeds 101 to 103. Run: python -m benchmarks.canonical
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.detection import LINES, SEEDS, THRESHOLDS, Rows, streaming_detector
from benchmarks.detection import measure as measure_detection
from benchmarks.timing import Work, measure, progress, ratio
from connectors.formats import FORMATS, parse
from connectors.records import Line
from encoder_core import Encoder
from encoder_core.cache import VectorCache
from encoder_core.canonical import canonical
from encoder_core.tokenizer import Tokenizer
from stream_processors.demo.scenario import scenario
from stream_processors.scan import BATCH_LINES
from trainer.data.minhash import mask_volatile

EVALUATION = Path(__file__).parents[2] / "shared" / "eval"
RESULTS = Path(__file__).parent / "results" / "canonical.csv"
MAX_TOKENS = 128
UNCUT = 1 << 16
"""Tokens of a line at most where lines are counted rather than embedded."""
STREAM_LINES = 200_000
CACHE_MB = (4, 8, 16, 32, 64)
CHAIN = [
    re.compile(pattern)
    for pattern in (
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?",
        r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d",
        r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
        r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b",
        r"\b(?:[0-9a-fA-F]{1,4}:){2,7}(?::|[0-9a-fA-F]{1,4})\b",
        r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b",
        r"\b0x[0-9a-fA-F]+\b",
        r"\b(?=[a-fA-F]*\d)[0-9a-fA-F]{6,}\b",
        r"\d{2,}",
    )
]
"""The obvious way: one substitution a kind of token, line after line."""


GROUPING = (
    *("lines", "distinct lines a line", "keys a line", "keys", "templates", "mixed keys"),
    *("share of lines astray", "keys a template", "at most"),
)
"""Figures of ``grouping``."""


class Source(NamedTuple):
    """Texts in order with the true template of each, "" where it isn't known, and the format."""

    name: str
    texts: list[str]
    templates: list[str]
    formats: list[str]

    @classmethod
    def of(cls, name: str, lines: Iterable[tuple[str, str]]) -> Source:
        """From lines with their templates."""
        templates, records = zip(*((template, parse(line.encode())) for line, template in lines), strict=True)
        texts = [record.text for record in records]
        return cls(name, texts, list(templates), [record.format for record in records])


def loghub() -> list[Source]:
    """The Loghub samples that are at hand."""
    sources = []
    for path in sorted((EVALUATION / "loghub").glob("*_2k.log")):
        lines = path.read_text(errors="replace").rstrip("\n").split("\n")
        with path.with_name(f"{path.name}_structured.csv").open(newline="") as stream:
            templates = [row["EventId"] for row in csv.DictReader(stream)]
        sources.append(Source.of(path.name.removesuffix("_2k.log"), zip(lines, templates, strict=True)))
    return sources


def public() -> list[Source]:
    """The two sets of public logs that are at hand."""
    sources = []
    for name in ("idts", "odts"):
        if (path := EVALUATION / f"{name}.jsonl.gz").is_file():
            with gzip.open(path, "rt", encoding="utf-8") as stream:
                sources.append(Source.of(name, [(json.loads(row)["line"], "") for row in stream]))
    return sources


def generated(lines: int, seeds: Sequence[int]) -> Source:
    """The scenarios of some seeds, one after the other."""
    labelled = (one for seed in seeds for one in scenario(lines=lines, seed=seed))
    return Source.of("generated", [(one.line, one.template) for one in labelled])


def chain(line: str) -> str:
    """The line after every substitution of ``CHAIN``."""
    for pattern in CHAIN:
        line = pattern.sub("*", line)
    return line


class Tables:
    """Prints tables as Markdown and writes all their figures to one CSV."""

    def __init__(self) -> None:
        self._rows: list[list[object]] = []

    def add(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """rows: a name, then a value for each column."""
        print(f"\n{title}\n\n| | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
        for name, *values in rows:
            print(f"| {name} | {' | '.join(map(str, values))} |", flush=True)
            self._rows += [[title, name, *pair] for pair in zip(columns, values, strict=True)]

    def write(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([["table", "row", "figure", "value"], *self._rows])


def speed_rows(sources: Sequence[Source], repeats: int) -> list[list[object]]:
    """Lines a second of each way to make keys, and how many times as many ours makes."""
    texts = [text for source in sources for text in source.texts]
    batches = [texts[start : start + BATCH_LINES] for start in range(0, len(texts), BATCH_LINES)]

    def contestant(keys: Callable[[list[str]], list[str]]) -> Callable[[int], Work]:
        return lambda _: Work(lambda: [keys(batch) for batch in batches], len(texts), 0)

    ours = "canonical"
    contestants = {
        ours: contestant(canonical),
        "trainer.data.minhash.mask_volatile": contestant(
            lambda batch: [mask_volatile(text) for text in batch]
        ),
        "one substitution a kind": contestant(lambda batch: [chain(text) for text in batch]),
    }
    rates = measure("keys", contestants, repeats)
    length = statistics.mean(map(len, texts))
    return [
        [
            name,
            f"{length:.0f}",
            f"{statistics.median(turn.lines for turn in rates[name]):.0f}",
            ratio(rates, ours, name),
        ]
        for name in contestants
    ]


def grouping(source: Source, keys: Sequence[str]) -> list[object]:
    """How keys and true templates compare.

    mixed: keys with lines of several templates, and the share of lines that are not of their key's most frequent one.
    split: keys that a template's lines have, at the median and at most.
    """
    by_key: dict[str, Counter[str]] = defaultdict(Counter)
    by_template: dict[str, set[str]] = defaultdict(set)
    for key, template in zip(keys, source.templates, strict=True):
        by_key[key][template] += 1
        by_template[template].add(key)
    lines = len(source.texts)
    figures = [lines, f"{len(set(source.texts)) / lines:.3f}", f"{len(by_key) / lines:.3f}", len(by_key)]
    if not all(source.templates):
        return [*figures, "", "", "", "", ""]
    astray = lines - sum(max(counts.values()) for counts in by_key.values())
    split = [len(found) for found in by_template.values()]
    mixed = sum(len(counts) > 1 for counts in by_key.values())
    return [
        *figures,
        len(by_template),
        mixed,
        f"{astray / lines:.4f}",
        f"{statistics.median(split):.0f}",
        max(split),
    ]


def token_rows(sources: Sequence[Source], tokenizer: Tokenizer) -> list[list[object]]:
    """Tokens a line, [CLS] and [SEP] included, and distinct lines a line, by format."""
    by_format: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        for text, name in zip(source.texts, source.formats, strict=True):
            by_format[name].append(text)
    rows = []
    for name in (name for name in FORMATS if name in by_format):
        texts = by_format[name]
        tokens = np.array([len(ids) for ids in tokenizer.encode(texts)[0]])
        distinct = len(set(texts)) / len(texts)
        percentiles = [f"{np.percentile(tokens, share):.0f}" for share in (50, 90, 99)]
        rows.append([name, len(texts), *percentiles, f"{distinct:.3f}"])
    return rows


def hit_rates(keys: Sequence[str]) -> list[str]:
    """Share of a stream's lines whose vector a cache still has, by its size."""
    vector = np.zeros(Encoder.from_path().dim, np.float32)
    found = []
    for megabytes in CACHE_MB:
        cache = VectorCache(megabytes << 20)
        for key in keys:
            if cache.get(key) is None:
                cache.put(key, vector)
        found.append(f"{cache.hits / len(keys):.3f}")
    return found


def embed(texts: Sequence[str], key: str) -> Rows:
    """Vectors of a stream by an encoder that starts with an empty cache, float32 (lines, dim)."""
    return Encoder.from_path(max_tokens=MAX_TOKENS, cache_bytes=1 << 30, cache_key=key).embed(texts)


def cosines(one: Rows, other: Rows) -> list[object]:
    """Mean, first percentile and least cosine of two vectors each."""
    found = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    return [f"{value:.4f}" for value in (found.mean(), np.quantile(found, 0.01), found.min())]


def detection_rows(lines: int, seeds: Sequence[int]) -> tuple[list[list[object]], list[object]]:
    """Detection with exact and with canonical vectors, means of the seeds; and the cosines of the vectors."""
    found: dict[str, list[list[float]]] = defaultdict(list)
    vectors: dict[str, list[Rows]] = defaultdict(list)
    for seed in seeds:
        labelled = list(scenario(lines=lines, seed=seed))
        stream = [Line(place, one.time, parse(one.line.encode())) for place, one in enumerate(labelled)]
        for key in ("exact", "canonical"):
            progress(f"detection: seed {seed}, {key}")
            rows = embed([line.record.text for line in stream], key)
            scores = streaming_detector(stream, rows, THRESHOLDS["SecEncoder"])
            found[key].append(list(measure_detection(scores, labelled).values()))
            vectors[key].append(rows)
    table = [[key, *(f"{mean:.3f}" for mean in np.mean(runs, axis=0))] for key, runs in found.items()]
    return table, cosines(np.concatenate(vectors["exact"]), np.concatenate(vectors["canonical"]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args(arguments)
    real, invented = loghub(), generated(options.lines, options.seeds)
    at_hand = [*real, *public()] or [invented]
    where = ", ".join(source.name for source in at_hand)
    tables = Tables()
    tables.add(
        f"Keys made in batches of {BATCH_LINES} ({where})",
        ["characters a line", "lines a second", "canonical is faster by"],
        speed_rows(at_hand, options.repeats),
    )
    tables.add(
        "Keys and true templates",
        GROUPING,
        (
            [f"{source.name}, {name}", *grouping(source, make(source.texts))]
            for source in [*at_hand, *([] if invented in at_hand else [invented])]
            for name, make in (
                ("canonical", canonical),
                ("mask_volatile", lambda texts: list(map(mask_volatile, texts))),
            )
        ),
    )
    tokenizer = Tokenizer(Encoder.from_path().bundle.path / "tokenizer.json", max_tokens=UNCUT)
    tables.add(
        f"Tokens a line by format ({where})",
        ["lines", "median", "p90", "p99", "distinct lines a line"],
        token_rows(at_hand, tokenizer),
    )
    stream = generated(STREAM_LINES, [11]).texts
    tables.add(
        f"Share of {STREAM_LINES:,} generated lines that need no computation, by size of the cache",
        [f"{megabytes} MB" for megabytes in CACHE_MB],
        [[name, *hit_rates(keys)] for name, keys in (("exact", stream), ("canonical", canonical(stream)))],
    )
    detection, generated_cosines = detection_rows(options.lines, options.seeds)
    vectors = []
    for source in real:
        progress(f"vectors: {source.name}")
        vectors.append(
            [source.name, *cosines(embed(source.texts, "exact"), embed(source.texts, "canonical"))]
        )
    tables.add(
        "Cosine of the vector of the first line with a key to a line's own",
        ["mean", "p01", "least"],
        [*vectors, ["generated", *generated_cosines]],
    )
    tables.add(
        "Detection, planted lines",
        ["average precision", "ROC AUC", "planted in top 20", "steps in top 20"],
        detection,
    )
    tables.write(RESULTS)


if __name__ == "__main__":
    main()
