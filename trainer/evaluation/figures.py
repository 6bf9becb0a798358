"""The figures of all evaluations in one CSV that only grows; pages are made of it."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from trainer.stages.manifest import StageError
from trainer.stages.stage import locked


class Figure(NamedTuple):
    """One measured number."""

    date: str
    """Day of the measurement, UTC."""
    bundle: str
    """Identity (name@version#sha) of the model; empty for a row that has none of ours."""
    suite: str
    measure: str
    row: str
    """Who was measured: a form of ours, or something beside it."""
    value: float


def today() -> str:
    """The day as the CSV has it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d")


def read_figures(path: Path) -> list[Figure]:
    """All figures of a CSV, the oldest first. Raises StageError for another table."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) != Figure._fields:
                raise StageError(
                    f"{path}: is no table of figures; expected the columns {', '.join(Figure._fields)}"
                )
            return [
                Figure(
                    row["date"], row["bundle"], row["suite"], row["measure"], row["row"], float(row["value"])
                )
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise StageError(f"{path}: can't be read as a table of figures: {error}") from error


def append_figures(path: Path, figures: Iterable[Figure]) -> None:
    """Adds figures that the CSV does not hold yet. The file is replaced whole, so no kill leaves half a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        known = read_figures(path) if path.exists() else []
        rounded = [figure._replace(value=round(figure.value, 4)) for figure in figures]
        fresh = [figure for figure in dict.fromkeys(rounded) if figure not in known]
        temporary = path.with_name(f"{path.name}.tmp")
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows([Figure._fields, *known, *fresh])
        os.replace(temporary, path)


def latest(figures: Iterable[Figure]) -> dict[tuple[str, str, str, str], float]:
    """(bundle, suite, measure, row) to its value, of several the last one."""
    return {(f.bundle, f.suite, f.measure, f.row): f.value for f in figures}
