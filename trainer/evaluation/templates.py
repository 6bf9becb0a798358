"""Search over Loghub's samples: does a message find the messages of its own template first?

Messages are the distinct ones of each system as its own table has them, without headers. Each is a query over the
others of its system, and those of the same hand-made template are right. MAP and MRR are means over the queries;
answers at one score count as their share, or for MRR as the worst order. Diff is the mean cosine within a template
minus the mean between two (the paper's Table 3).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.data.corpus import CorpusError
from trainer.evaluation.contestants import Contestant, Embedded
from trainer.evaluation.ranking import average_precision

TIE = 5
"""Decimals of a score that count."""


class System(NamedTuple):
    """Distinct messages of one system, and the hand-made template of each, int64 (messages,)."""

    name: str
    messages: list[str]
    events: NDArray[np.int64]


def read_systems(folder: Path) -> Iterator[System]:
    """The systems of a folder of Loghub samples. Raises CorpusError when there are none."""
    paths = sorted(folder.glob("*_structured.csv"))
    if not paths:
        raise CorpusError(f"{folder}: no *_structured.csv of Loghub; the suite templates reads them")
    for path in paths:
        with path.open(newline="", encoding="utf-8", errors="replace") as stream:
            events = {row["Content"]: row["EventId"] for row in csv.DictReader(stream)}
        numbers = np.unique(list(events.values()), return_inverse=True)[1]
        yield System(path.name.split("_")[0], list(events), numbers)


def template_measures(systems: list[System], who: Contestant) -> dict[str, float]:
    """MAP, MRR and Diff of each system and their means; no Diff for what has no cosines."""
    found: dict[str, list[float]] = {}
    measured = {}
    for system in systems:
        scores = who.scores(system.messages, system.messages, english=False)
        figures = dict(zip(("MAP", "MRR"), search_figures(scores, system.events), strict=True))
        if isinstance(who, Embedded):
            figures["Diff"] = difference(scores, system.events)
        for name, value in figures.items():
            measured[f"{name}, {system.name}"] = value
            found.setdefault(name, []).append(value)
    return measured | {f"{name}, mean": float(np.mean(values)) for name, values in found.items()}


def search_figures(scores: NDArray[np.floating], events: NDArray[np.int64]) -> tuple[float, float]:
    """MAP and MRR over the queries that have an answer. scores: float (n, n) of messages of these events."""
    precisions, ranks = [], []
    for query, row in enumerate(np.round(scores, TIE)):
        others = np.arange(len(events)) != query
        right = events[others] == events[query]
        if right.any():
            precisions.append(average_precision(row[others], right))
            scored = row[others]
            ranks.append(1 / (1 + int((scored[~right] >= scored[right].max()).sum())))
    return float(np.mean(precisions)), float(np.mean(ranks))


def difference(cosines: NDArray[np.floating], events: NDArray[np.int64]) -> float:
    """Mean cosine of two messages of one event minus that of two events."""
    same = events[:, None] == events
    others = ~np.eye(len(events), dtype=bool)
    return float(cosines[same & others].mean() - cosines[~same].mean())
