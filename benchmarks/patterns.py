"""Patterns against hand-made templates: how many lines and groups are right, beside other ways to group lines.

The sets are samples of Loghub, each with the templates that people gave its lines; their lines are read as a worker
reads them, and every system gets the same text and the same settings for all sets. A group is right when it holds all
lines of one template and no other: GA is the share of lines in such groups, FGA the F1 of the groups themselves. Then
each set is read in each shipper's envelope, which must give the groups of the plain lines.
Nothing is trained on these sets. Run: python -m benchmarks.patterns [--data DIR]
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

from connectors.envelopes import Reader
from connectors.records import Record
from encoder_core.templates import Match, Templates
from stream_processors.demo.scenario import LabelledLine
from stream_processors.demo.scenario.envelopes import ENVELOPES, wrap
from stream_processors.detection.matching import match_record
from stream_processors.detection.patternbook import Known, PatternBook

DATA = Path(__file__).parents[2] / "shared" / "eval" / "loghub"
RESULTS = Path(__file__).parent / "results" / "patterns.csv"
COLUMNS = ("set", "system", "grouping_accuracy", "f1_of_groups", "groups", "templates")
BATCH = 500
"""Lines of a step."""
GOAL = 0.88
_SEPARATED = re.compile(r"""([\s=:,;()\[\]{}"'|<>]+)""")
_MASKS = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-fA-F0-9]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
)
"""What Drain3's users mask: runs of hex pairs, addresses, hex numbers, numbers."""

Groups = Sequence[Hashable]
"""What each line was grouped as."""


class Set(NamedTuple):
    """A log with the hand-made template of each line."""

    name: str
    lines: list[bytes]
    templates: list[str]

    @classmethod
    def of(cls, path: Path) -> Set:
        """From ``NAME_2k.log`` and the CSV beside it. Raises ValueError when they don't go together."""
        lines = [line.rstrip(b"\r") for line in path.read_bytes().split(b"\n") if line.strip()]
        with path.with_name(f"{path.name}_structured.csv").open(newline="", encoding="utf-8") as stream:
            templates = [row["EventId"] for row in csv.DictReader(stream)]
        if len(lines) != len(templates):
            raise ValueError(f"{path} has {len(lines)} lines, its CSV {len(templates)} rows")
        return cls(path.name.removesuffix(".log").removesuffix("_2k"), lines, templates)


def accuracy(groups: Groups, templates: Groups) -> tuple[float, float]:
    """GA and FGA."""
    found, true = _places(groups), _places(templates)
    right = found & true
    return sum(map(len, right)) / len(groups), 2 * len(right) / (len(found) + len(true))


def _places(groups: Groups) -> set[frozenset[int]]:
    members: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    return {frozenset(places) for places in members.values()}


def read(lines: Sequence[bytes]) -> list[Record]:
    reader = Reader()
    return [record for line in lines for record in reader.read(line)]


def patterns(matches: Sequence[Match]) -> list[str]:
    """Ours, as a partition decides them step by step."""
    book = PatternBook()
    for begin in range(0, len(matches), BATCH):
        step = enumerate(matches[begin : begin + BATCH], begin)
        book.add([Known(match.id, match.template, first_seen=float(at)) for at, match in step])
    return [book.pattern_of(match.id) for match in matches]


def masked(texts: Sequence[str]) -> Groups:
    """Words with a digit are one word; nothing else."""
    return [
        "".join("*" if any(c.isdigit() for c in part) else part for part in _SEPARATED.split(text))
        for text in texts
    ]


def drain(texts: Sequence[str], masks: Sequence[tuple[str, str]] = ()) -> Groups:
    """Drain3 with its own defaults."""
    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in masks]
    miner = TemplateMiner(config=config)
    return [miner.add_log_message(text)["cluster_id"] for text in texts]


def measure(log: Set, templates: Templates) -> dict[str, Groups]:
    """What each system makes of the lines."""
    records = read(log.lines)
    texts = [record.message or record.text for record in records]
    matches = [match_record(record, templates) for record in records]
    return {
        "patterns": patterns(matches),
        "templates alone": [match.id for match in matches],
        "masking of digits": masked(texts),
        "Drain3": drain(texts),
        "Drain3 masked": drain(texts, _MASKS),
    }


def in_envelope(log: Set, envelope: str, templates: Templates) -> Groups:
    """The patterns of the set's lines when a shipper sent them."""
    labelled = [
        LabelledLine(line.decode("utf-8", "replace"), "nginx", str(at), 1_780_000_000.0 + at / 50, None)
        for at, line in enumerate(log.lines)
    ]
    reader, matches = Reader(), list[Match | None]([None]) * len(labelled)
    for message in wrap(labelled, envelope):
        for line, record in zip(message.lines, reader.read(message.value), strict=True):
            matches[int(line.template)] = match_record(record, templates)
    return patterns([match for match in matches if match is not None])


def report(name: str, system: str, groups: Groups, log: Set) -> tuple[float, float]:
    figures = accuracy(groups, log.templates)
    print(f"{name:12} {system:20} GA {figures[0]:.3f}  FGA {figures[1]:.3f}  {len(set(groups))} groups")
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder with NAME_2k.log and its CSV")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--no-envelopes", action="store_true")
    options = parser.parse_args(arguments)
    logs = [Set.of(path) for path in sorted(options.data.glob("*_2k.log"))]
    if not logs:
        print(f"no sets of Loghub in {options.data}: nothing to measure", file=sys.stderr)
        return 0
    templates, rows = Templates(), list[tuple[object, ...]]()
    means: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    astray: dict[str, list[str]] = {}
    for log in logs:
        found = measure(log, templates)
        for system, groups in found.items():
            figures = report(log.name, system, groups, log)
            means[system].append(figures)
            rows.append((log.name, system, *_shown(figures), len(set(groups)), len(set(log.templates))))
        for envelope in () if options.no_envelopes else ENVELOPES:
            same = _places(in_envelope(log, envelope, templates)) == _places(found["patterns"])
            astray.setdefault(envelope, []).extend([] if same else [log.name])
    for system, measured in means.items():
        ga, fga = (mean(column) for column in zip(*measured, strict=True))
        print(f"{'mean':12} {system:20} GA {ga:.3f}  FGA {fga:.3f}")
        rows.append(("mean", system, *_shown((ga, fga)), "", ""))
    for envelope, names in astray.items():
        print(f"in {envelope}: {'the same groups' if not names else 'other groups in ' + ', '.join(names)}")
        rows.append(
            (
                f"in {envelope}",
                "same groups as plain",
                f"{len(logs) - len(names)} of {len(logs)} sets",
                "",
                "",
                "",
            )
        )
    with options.output.open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    ga, fga = (mean(column) for column in zip(*means["patterns"], strict=True))
    return 0 if min(ga, fga) >= GOAL and not any(astray.values()) else 1


def _shown(figures: tuple[float, float]) -> tuple[str, str]:
    return f"{figures[0]:.3f}", f"{figures[1]:.3f}"


if __name__ == "__main__":
    raise SystemExit(main())
