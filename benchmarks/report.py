"""The results of the encoder's benchmark as CSV and Markdown."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.timing import Rates, Spread, ratio

COLUMNS = (
    "workload",
    "contestant",
    "lines_per_second",
    "tokens_per_second",
    "ours",
    "ours_times_median",
    "ours_times_min",
    "ours_times_max",
    "times_torch_median",
)


class Section(NamedTuple):
    """One workload's rates. ours, torch: the contestants that the others are compared with."""

    workload: str
    rates: Rates
    ours: str
    torch: str
    note: str = ""


class Target(NamedTuple):
    """A ratio that ours must reach."""

    what: str
    needed: float
    measured: Spread

    @property
    def verdict(self) -> str:
        return "met" if self.measured.median >= self.needed else "missed"


def rows_of(section: Section) -> list[list[str]]:
    """The section's lines of the CSV."""
    rows = []
    for name, turns in section.rates.items():
        lines, tokens = (statistics.median(column) for column in zip(*turns, strict=True))
        ours, torch = (ratio(section.rates, *pair) for pair in ((section.ours, name), (name, section.torch)))
        figures = [f"{lines:.1f}", f"{tokens:.0f}", section.ours]
        rows.append([section.workload, name, *figures, *(f"{v:.3g}" for v in (*ours, torch.median))])
    return rows


def write_csv(path: Path, sections: Sequence[Section]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *(row for section in sections for row in rows_of(section))])


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def section_table(section: Section) -> str:
    columns = ("contestant", "lines/s", "tokens/s", f"{section.ours} is x times as fast", "times torch")
    rows = []
    for name, turns in section.rates.items():
        lines, tokens = (statistics.median(column) for column in zip(*turns, strict=True))
        times = ratio(section.rates, section.ours, name)
        torch = ratio(section.rates, name, section.torch).median
        rows.append((name, f"{lines:,.1f}", f"{tokens:,.0f}", times, f"{torch:.2f}"))
    return "\n".join(
        [f"## {section.workload}\n", *([section.note + "\n"] if section.note else []), table(columns, rows)]
    )


def target_table(targets: Sequence[Target]) -> str:
    rows = [(t.what, f"{t.needed:g}", t.measured, t.verdict) for t in targets]
    return "## Targets\n\n" + table(("ratio", "wanted", "median (min to max)", ""), rows)
