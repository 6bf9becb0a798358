"""Whether something grows with time: a slope that outliers do not move, how sure it is, and a drawing of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

SURE = 1.96
"""Standard deviations around the middle that hold 95 %."""
BARS = "▁▂▃▄▅▆▇█"


class Slope(NamedTuple):
    """A slope and its 95 % interval, a second."""

    middle: float
    low: float
    high: float


def slope_of(times: Sequence[float], values: Sequence[float]) -> Slope:
    """The median of the slopes between all pairs of points (Theil 1950), with Sen's interval (1968).

    Samples that follow one another are alike, so the interval is rather too narrow. Needs two points.
    """
    at, value = np.asarray(times, float), np.asarray(values, float)
    count = len(at)
    if count < 2:
        raise ValueError(f"a slope needs two points, got {count}")
    one, other = np.triu_indices(count, 1)
    slopes = np.sort((value[other] - value[one]) / (at[other] - at[one]))
    spread = SURE * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    below = max(0, int((len(slopes) - spread) // 2))
    above = min(len(slopes) - 1, math.ceil((len(slopes) + spread) / 2))
    return Slope(float(np.median(slopes)), float(slopes[below]), float(slopes[above]))


def bars(values: Sequence[float], width: int = 48) -> str:
    """A line of bars: the mean of each stretch, from the least to the highest value."""
    if not len(values):
        return ""
    parts = [part.mean() for part in np.array_split(np.asarray(values, float), min(width, len(values)))]
    least, most = min(parts), max(parts)
    steps = (len(BARS) - 1) / (most - least) if most > least else 0.0
    return "".join(BARS[round((part - least) * steps)] for part in parts)


def draw(
    path: Path,
    times: Sequence[float],
    measures: dict[str, Sequence[float]],
    slopes: dict[str, Slope],
    warm: float,
) -> None:
    """A picture: each measure over time in minutes, and its slope from ``warm`` seconds on."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    minutes = np.asarray(times, float) / 60
    figure, axes = pyplot.subplots(
        len(measures), figsize=(8, 2.2 * len(measures)), sharex=True, layout="constrained"
    )
    for axis, (name, values) in zip(np.atleast_1d(axes), measures.items(), strict=True):
        axis.plot(minutes, values, linewidth=1)
        if name in slopes:
            after = minutes >= warm / 60
            line = slopes[name].middle * 60 * minutes[after]
            axis.plot(minutes[after], line + np.median(np.asarray(values)[after] - line), linewidth=1)
        axis.axvspan(0, warm / 60, alpha=0.08)
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
    axis.set_xlabel("minutes; the warm-up is shaded")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
