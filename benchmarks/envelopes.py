"""What shippers' envelopes cost: the same lines in every envelope, read with envelopes undone and left alone.

The scenario's lines go through the detector that workers run, once alone and once in each envelope, in the order in
which the messages hold them. Wanted: the same average precision on the planted attack (within .01), the same groups
(accuracy against the scenario's templates, a group being right when it holds all lines of one template and no other),
and texts that are no longer for the encoder. Run: python -m benchmarks.envelopes
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score

from connectors.envelopes import Reader, ReadingSettings
from connectors.findings import Changes
from connectors.records import Line, Record
from encoder_core import Encoder
from encoder_core.tokenizer import Tokenizer
from stream_processors.demo.scenario import LabelledLine, scenario
from stream_processors.demo.scenario.envelopes import ENVELOPES, Message, wrap
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.settings import DetectionSettings
from stream_processors.scan import BATCH_LINES

SEEDS = (1, 2, 3)
LINES, WARMUP, MAX_TOKENS = 4_000, 512, 128
UNLIMITED = 48_000
RESULTS = Path(__file__).parent / "results" / "envelopes.csv"
COLUMNS = (
    *("envelope", "read", "average_precision", "grouping_accuracy", "same_texts", "tokens_per_line"),
    *("plain_average_precision", "plain_grouping_accuracy"),
)


class Lengths(dict[str, int]):
    """Tokens of texts, each counted once."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._tokenizer = Tokenizer(path, max_tokens=UNLIMITED)

    def __missing__(self, text: str) -> int:
        rows, _ = self._tokenizer.encode([text])
        self[text] = len(rows[0])
        return self[text]


class Bench:
    """The encoder with all vectors that it computed: equal texts of two envelopes cost nothing."""

    def __init__(self) -> None:
        self.encoder = Encoder.from_path(max_tokens=MAX_TOKENS, cache_bytes=256 << 20)
        self.lengths = Lengths(self.encoder.bundle.path / "tokenizer.json")

    def detect(self, records: Sequence[Record], times: Sequence[float]) -> tuple[np.ndarray, list[str]]:
        """Every record's score and pattern."""
        settings = DetectionSettings(alert_budget="top 100 %", warmup=WARMUP)
        detector = PartitionDetector("bench", 0, self.encoder.dim, settings)
        changes = Changes("bench", 0, None, len(records))
        lines = [Line(n, time, record) for n, (time, record) in enumerate(zip(times, records, strict=True))]
        pipeline = Pipeline(self.encoder)
        for start in range(0, len(lines), BATCH_LINES):
            pipeline.process(lines[start : start + BATCH_LINES], detector, changes)
        detector.finish(changes)
        scores, patterns = np.zeros(len(lines)), [""] * len(lines)
        for anomaly in changes.anomalies:
            scores[anomaly.offset], patterns[anomaly.offset] = anomaly.score, anomaly.pattern
        return scores, patterns


class Read(NamedTuple):
    """The records of a stream, and for each line the one that has it."""

    records: list[Record]
    times: list[float]
    of_line: list[int]


def read(messages: Sequence[Message], envelope: str) -> Read:
    """Where a message gives fewer records than it has lines, the last of them has the rest."""
    reader = Reader(ReadingSettings(envelope=envelope))
    found = Read([], [], [])
    for message in messages:
        records, first = reader.read(message.value), len(found.records)
        found.records.extend(records)
        found.times.extend(message.lines[min(n, len(message.lines) - 1)].time for n in range(len(records)))
        found.of_line.extend(first + min(n, len(records) - 1) for n in range(len(message.lines)))
    return found


def grouping_accuracy(groups: Sequence[str], templates: Sequence[str]) -> float:
    """Share of the lines whose group is exactly the lines of their template."""
    both = Counter(zip(groups, templates, strict=True))
    sizes, wanted = Counter(groups), Counter(templates)
    return sum(n for (group, one), n in both.items() if n == sizes[group] == wanted[one]) / len(groups)


def measure(
    bench: Bench, messages: Sequence[Message], envelope: str, plain: dict[LabelledLine, Record]
) -> list[float]:
    """The numbers of COLUMNS for messages that are read with a setting of ``stream.envelope``."""
    lines = [line for message in messages for line in message.lines]
    found = read(messages, envelope)
    scores, patterns = bench.detect(found.records, found.times)
    texts = [found.records[place].text for place in found.of_line]
    precision = average_precision_score(
        [line.attack is not None for line in lines], [scores[place] for place in found.of_line]
    )
    groups = [patterns[place] for place in found.of_line]
    same = np.mean([text == plain[line].text for text, line in zip(texts, lines, strict=True)])
    tokens = sum(bench.lengths[record.text] for record in found.records) / len(lines)
    return [
        float(precision),
        grouping_accuracy(groups, [line.template for line in lines]),
        float(same),
        float(tokens),
    ]


Numbers = list[float]
Runs = dict[tuple[str, str], list[tuple[Numbers, Numbers]]]
"""Envelope and setting to the numbers of every seed, with those of the plain lines in the same order beside them."""


def run(
    bench: Bench, seed: int, count: int, envelopes: Sequence[str], settings: Sequence[str], runs: Runs
) -> None:
    """Adds the numbers of one seed."""
    lines, reader = list(scenario(lines=count, seed=seed)), Reader()
    plain = {line: reader.read(line.line.encode())[0] for line in lines}
    known: dict[tuple[LabelledLine, ...], Numbers] = {}  # one order for most envelopes
    for name in envelopes:
        messages = list(wrap(lines, name, seed))
        order = tuple(line for message in messages for line in message.lines)
        if order not in known:
            alone = [Message(line.line.encode(), (line,)) for line in order]
            known[order] = measure(bench, alone, "auto", plain)
        for setting in settings:
            numbers = measure(bench, messages, setting, plain)
            runs.setdefault((name, setting), []).append((numbers, known[order]))
            print(f"seed {seed}, {name}, {setting}: {numbers}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--envelopes", nargs="+", default=ENVELOPES, choices=ENVELOPES)
    parser.add_argument("--auto", action="store_true", help="leave out envelope=none; writes no file")
    options = parser.parse_args(arguments)
    bench = Bench()
    runs: Runs = {}
    settings = ("auto",) if options.auto else ("auto", "none")
    for seed in options.seeds:
        run(bench, seed, options.lines, options.envelopes, settings, runs)
    rows = [
        (*kind, *np.mean([own for own, _ in pairs], axis=0), *np.mean([p for _, p in pairs], axis=0)[:2])
        for kind, pairs in runs.items()
    ]
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name, setting, precision, accuracy, same, tokens, *plain in rows:
        print(
            f"| {name} | {setting} | {precision:.3f} | {accuracy:.3f} | {same:.1%} | {tokens:.1f} "
            f"| {plain[0]:.3f} | {plain[1]:.3f} |"
        )
    if not options.auto:
        write_csv(rows)


def write_csv(rows: Sequence[tuple[Any, ...]]) -> None:
    """One row an envelope and setting, replacing the file."""
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for name, setting, *numbers in rows:
            writer.writerow([name, setting, *(f"{number:.4f}" for number in numbers)])


if __name__ == "__main__":
    main()
