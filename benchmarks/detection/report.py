"""Results as rows: on the terminal, in a CSV file, and on the page that is made from it."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.detection.measures import Measures
from benchmarks.detection.methods import DRAIN, OURS
from benchmarks.report import table

ROOT = Path(__file__).parents[2]
CSV, PAGE = ROOT / "benchmarks" / "results" / "detection.csv", ROOT / "docs" / "detection.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
GOAL = 1.25
FIRST = "first version"


@dataclass(frozen=True)
class Row:
    """One method on one set: medians over its streams, and the least and the most average precision."""

    family: str
    set: str
    method: str
    role: str
    streams: int
    lines: float
    average_precision: float
    least: float
    most: float
    roc_auc: float
    precision_top_20: float
    precision_budget: float
    incidents_found: float
    lines_to_alert: float


def middle(values: Sequence[float]) -> float:
    """The median of those that are numbers."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else math.nan


def summarise(found: Mapping[tuple[str, str, str, str], Sequence[Measures]]) -> list[Row]:
    rows = []
    for (family, name, method, role), runs in found.items():
        precisions = [run.average_precision for run in runs]
        lines, ap, *rest = (middle(column) for column in zip(*runs, strict=True))
        rows.append(
            Row(family, name, method, role, len(runs), lines, ap, min(precisions), max(precisions), *rest)
        )
    return rows


def by_set(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.set, {})[row.method] = row
    return found


def figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def show(rows: Sequence[Row]) -> None:
    """Average precision of every method on every set."""
    sets = by_set(rows)
    names = list(dict.fromkeys(row.method for row in rows))
    shown = Table("set", *names, title="average precision (medians over streams)")
    for name, found in sets.items():
        best = max(row.average_precision for row in found.values())
        cells = [
            "" if method not in found else emphasised(found[method].average_precision, best)
            for method in names
        ]
        shown.add_row(name, *cells)
    Console(width=max(100, 32 + 11 * len(names))).print(shown)


def emphasised(value: float, best: float) -> str:
    return f"[bold]{value:.3f}[/bold]" if value == best else f"{value:.3f}"


def summary(rows: Sequence[Row]) -> str:
    """Ours against the best simple score of each set, and where it is below what it must be above."""
    sets = {name: found for name, found in by_set(rows).items() if OURS in found}
    ours, best, lines = [], [], []
    for found in sets.values():
        simple = [row.average_precision for row in found.values() if row.role == "simple"]
        if simple:
            ours.append(found[OURS].average_precision)
            best.append(max(simple))
    if ours:
        mean, simple_mean = statistics.mean(ours), statistics.mean(best)
        lines.append(
            f"Mean average precision over {len(ours)} sets: ours {mean:.3f}, best simple score of each set in "
            f"hindsight {simple_mean:.3f}, ratio {mean / simple_mean:.2f} (goal {GOAL})."
        )
    for other in (DRAIN, FIRST):
        both = [name for name, found in sets.items() if other in found]
        below = [
            name for name in both if sets[name][OURS].average_precision < sets[name][other].average_precision
        ]
        if both:
            lines.append(f"Below {other} on {len(below)} of {len(both)} sets: {', '.join(below) or 'none'}.")
    chance = [
        name
        for name, found in sets.items()
        if found[OURS].roc_auc < 0.55 < max(row.roc_auc for row in found.values())
    ]
    lines.append(f"At chance (ROC AUC below .55) where another method is not: {', '.join(chance) or 'none'}.")
    return "\n".join(lines)


def write(rows: Sequence[Row], path: Path = CSV) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([field.name for field in fields(Row)])
        for row in rows:
            writer.writerow([f"{v:.4f}" if isinstance(v, float) else v for v in asdict(row).values()])


def read(path: Path = CSV) -> list[Row]:
    with path.open(newline="") as stream:
        return [row_of(row) for row in csv.DictReader(stream)]


def row_of(columns: Mapping[str, str]) -> Row:
    family, name, method, role, streams, *numbers = columns.values()
    return Row(family, name, method, role, int(streams), *map(float, numbers))


def page(rows: Sequence[Row]) -> str:
    """The part of the page that is made from the rows."""
    parts = [f"{summary(rows)}\n".replace("\n", "\n\n")]
    columns = (
        "method",
        "average precision",
        "ROC AUC",
        "top 20",
        "budget",
        "incidents found",
        "lines to alert",
    )
    for name, found in by_set(rows).items():
        lines = []
        for row in sorted(found.values(), key=lambda row: -row.average_precision):
            spread = f" ({row.least:.3f} to {row.most:.3f})" if row.streams > 1 else ""
            rest = (row.roc_auc, row.precision_top_20, row.precision_budget, row.incidents_found)
            lines.append(
                (
                    f"**{row.method}**" if row.role == "ours" else row.method,
                    figure(row.average_precision) + spread,
                    *map(figure, rest),
                    "" if math.isnan(row.lines_to_alert) else f"{row.lines_to_alert:.0f}",
                )
            )
        shown = next(iter(found.values()))
        size = f"{shown.lines:,.0f} messages" + (f", {shown.streams} streams" if shown.streams > 1 else "")
        parts.append(f"### `{name}`\n\n{size}.\n\n{table(columns, lines)}")
    return "\n".join(parts)


def updated(text: str, rows: Sequence[Row]) -> str:
    """The page with its results replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{page(rows)}{END}{after}"


def publish(rows: Sequence[Row]) -> None:
    """Writes both."""
    write(rows)
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8"), read()), encoding="utf-8")
