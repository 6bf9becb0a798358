"""The plots of ``secencoder query drift``; needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from connectors.days import SCORE_BIN, SCORE_BINS, Day
from stream_processors.answers.drift import FAR, GONE, LINES, UNLIKE, WORDS, Drift, gone, unlike
from stream_processors.answers.seen_days import SeenDays, on

WIDTH, HEIGHT = 16.0, 3.6
"""Inches, of the row of one source."""
BEFORE, NOW = "tab:blue", "tab:red"
FARTHEST = 1.2
"""The end of the axis of distances; what is farther counts in its last bin."""


def draw(found: Sequence[Drift], path: Path) -> None:
    """A row for each source: its shares by day, its scores, how far new templates were from all before them."""
    figure = Figure(figsize=(WIDTH, HEIGHT * max(1, len(found))), layout="constrained")
    rows = figure.subplots(max(1, len(found)), 3, squeeze=False)
    for (shares, scores, distances), one in zip(rows, found, strict=False):
        draw_shares(shares, one)
        draw_scores(scores, one.days)
        draw_distances(distances, one.days)
    figure.savefig(path)


def draw_shares(axes: Any, found: Drift) -> None:
    """The shares of each day but the first, and where the period begins."""
    days = found.days
    known = [day for _, day in sorted(days.known.items()) if day.lines and day.day - 1 in days.known]
    for name, of in (
        (LINES, lambda day: (day.new_lines, day.lines)),
        (GONE, lambda day: gone(days, day)),
        (UNLIKE, lambda day: unlike(days, day)),
        (WORDS, lambda day: (day.unknown, day.words)),
    ):
        parts = [of(day) for day in known]
        shares = [part[0] / part[1] if part and part[1] else np.nan for part in parts]
        axes.plot([on(day.day) for day in known], shares, marker=".", label=name)
    axes.axvspan(on(days.first), on(days.last + 1), color=NOW, alpha=0.1)
    axes.set(title=f"{found.source}: shares by day", ylim=(0, None))
    axes.tick_params(axis="x", rotation=30)
    axes.legend(fontsize="small")


def draw_scores(axes: Any, days: SeenDays) -> None:
    """How many lines have a score, in the reference and in the period."""
    starts = SCORE_BIN * np.arange(SCORE_BINS)
    for some, color, label in ((days.before, BEFORE, "reference"), (days.now, NOW, "period")):
        counts = counted(some)
        axes.step(starts, counts / max(counts.sum(), 1), where="post", color=color, label=label)
    scale = "log" if counted([*days.before, *days.now]).any() else "linear"
    axes.set(title="scores: share of lines", yscale=scale, xlabel="-log10 of the share that scores as high")
    axes.legend(fontsize="small")


def counted(days: Sequence[Day]) -> np.ndarray:
    """Lines of some days by score, (bins,)."""
    return np.array([day.scores for day in days] or [(0,) * SCORE_BINS]).sum(axis=0)


def draw_distances(axes: Any, days: SeenDays) -> None:
    """How many new templates there were at a distance from all before them, in the period and before it."""
    now = (days.new.days >= days.first) & (days.new.days <= days.last)
    earlier = days.new.days < days.first
    far = np.minimum(days.new.distances, FARTHEST)
    bins = np.linspace(0, FARTHEST, 25).tolist()
    axes.hist(
        [far[earlier], far[now]], bins=bins, color=[BEFORE, NOW], label=["before", "period"], stacked=True
    )
    axes.axvline(FAR, color="gray", linestyle=":")
    axes.set(title="new templates by distance to the nearest before them", xlabel="1 - cosine")
    axes.legend(fontsize="small")
