"""The loss curve as a picture."""

from __future__ import annotations

import csv
from pathlib import Path


def draw_loss(folder: Path) -> Path:
    """Draws ``loss.csv`` of a run folder as ``loss.png`` beside it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with (folder / "loss.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    steps = [int(row["step"]) for row in rows]
    figure, axis = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axis.plot(steps, [float(row["loss"]) for row in rows], linewidth=1)
    axis.set(xlabel="step", ylabel="masked-token loss (nats)", title=folder.name)
    axis.grid(alpha=0.3)
    path = folder / "loss.png"
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path
