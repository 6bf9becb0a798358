"""Search by meaning over Loghub's samples: does a line find the lines of its own template first?

Lines are the distinct messages of each system as its own table has them, without headers. Every message is a query
over the others of its system, and those with the same hand-made template are right. MAP and MRR are means over the
queries; lines at one cosine are a tie, which counts as their share, or for MRR as the worst order. Diff is the mean
cosine within a hand-made template minus the mean between two. Encoders read the messages or their templates, with the
bundle's mean left in and taken off. Run: python -m benchmarks.search FOLDER, which holds ``*_structured.csv``.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import BESIDE
from encoder_core import Encoder, default_bundle_path, static_bundle_path
from encoder_core.templates import Templates
from encoder_core.vectors import unit_rows

RESULTS = Path(__file__).parent / "results" / "search.csv"
FIGURES = ("MAP", "MRR", "Diff")
TIE = 5
"""Decimals of a cosine that count."""


class System(NamedTuple):
    """Distinct messages of one system, and the hand-made template of each."""

    name: str
    messages: list[str]
    events: NDArray[np.int64]


def read_systems(folder: Path) -> Iterator[System]:
    """The systems of a folder of Loghub samples."""
    for path in sorted(folder.glob("*_structured.csv")):
        with path.open(newline="", encoding="utf-8", errors="replace") as stream:
            events = {row["Content"]: row["EventId"] for row in csv.DictReader(stream)}
        yield System(
            path.name.split("_")[0], list(events), np.unique(list(events.values()), return_inverse=True)[1]
        )


def search_figures(cosines: NDArray[np.float32], events: NDArray[np.int64]) -> tuple[float, float]:
    """MAP and MRR over the queries that have an answer. cosines: float32 (n, n) of messages of these events."""
    precisions, ranks = [], []
    for query, row in enumerate(np.round(cosines, TIE)):
        others = np.arange(len(events)) != query
        scores, right = row[others], events[others] == events[query]
        if not right.any():
            continue
        order = np.argsort(-scores, kind="stable")
        scores, right = scores[order], right[order]
        ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # last place of each tie
        found = np.cumsum(right)[ends]
        new = np.diff(found, prepend=0)
        precisions.append(float((new * found / (ends + 1)).sum() / found[-1]))
        first = int(np.flatnonzero(new)[0])
        ranks.append(1 / (ends[first] + 1 - new[first] + 1))
    return float(np.mean(precisions)), float(np.mean(ranks))


def difference(cosines: NDArray[np.float32], events: NDArray[np.int64]) -> float:
    """Mean cosine of two messages of one event minus that of two events."""
    same = events[:, None] == events
    others = ~np.eye(len(events), dtype=bool)
    return float(cosines[same & others].mean() - cosines[~same].mean())


def measure(encoder: Encoder, system: System, *, templates: bool, centred: bool) -> list[float]:
    """The figures of one encoder on one system."""
    made = Templates()
    texts = [made.of_text(text).template for text in system.messages] if templates else system.messages
    vectors = encoder.embed(texts)
    unit = unit_rows(vectors if centred else vectors + encoder.mean)
    cosines = unit @ unit.T
    return [*search_figures(cosines, system.events), difference(cosines, system.events)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=BESIDE / "loghub")
    parser.add_argument(
        "--bundle", type=Path, action="append", help="by default the shipped ones; writes no file"
    )
    options = parser.parse_args(arguments)
    systems = list(read_systems(options.folder))
    if not systems:
        parser.error(f"{options.folder}: no *_structured.csv of Loghub")
    rows = []
    for path in options.bundle or (default_bundle_path(), static_bundle_path()):
        encoder = Encoder.from_path(path)
        for templates in (False, True):
            for centred in (False, True):
                form = ("templates" if templates else "lines", "centred" if centred else "as they are")
                found = {s.name: measure(encoder, s, templates=templates, centred=centred) for s in systems}
                found["mean"] = np.mean(list(found.values()), axis=0).tolist()
                rows += [(encoder.bundle.name, *form, name, *figures) for name, figures in found.items()]
    columns = ("bundle", "read", "vectors", "system", *FIGURES)
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(f'{value:.3f}' if isinstance(value, float) else value for value in row)} |")
    if not options.bundle:
        with RESULTS.open("w", newline="") as stream:
            csv.writer(stream).writerows(
                [columns, *([*row[:4], *(f"{value:.4f}" for value in row[4:])] for row in rows)]
            )


if __name__ == "__main__":
    main()
