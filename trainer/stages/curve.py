"""The loss curve of a training run: ``loss.csv`` as it trains, and the same as a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

COLUMNS = ("step", "loss", "learning_rate", "gradient_norm", "tokens", "seconds")
"""loss: nats a predicted token. tokens: read so far, without padding."""


def curve_path(folder: Path) -> Path:
    """The curve of a run folder."""
    return folder / "loss.csv"


def cut_curve(folder: Path, last: int) -> None:
    """Drops the rows past step ``last``, which the run will write again; begins the file where there is none."""
    path, rows = curve_path(folder), []
    if path.exists():
        with path.open(newline="") as stream:
            rows = [row for row in csv.reader(stream) if row and row[0].isdigit() and int(row[0]) <= last]
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])


def add_row(folder: Path, row: Sequence[object]) -> None:
    """Adds a row of ``COLUMNS``; it is in the file when this returns."""
    with curve_path(folder).open("a", newline="") as stream:
        csv.writer(stream).writerow(row)


def draw_loss(folder: Path, label: str = "masked-token loss (nats)") -> Path:
    """Draws ``loss.csv`` of a run folder as ``loss.png`` beside it. label: of the vertical axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with curve_path(folder).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    steps = [int(row["step"]) for row in rows]
    figure, axis = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axis.plot(steps, [float(row["loss"]) for row in rows], linewidth=1)
    axis.set(xlabel="step", ylabel=label, title=folder.name)
    axis.grid(alpha=0.3)
    path = folder / "loss.png"
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path
