"""How unusual a score is among those of its kind before it, so that scores of different kinds can be compared.

Of each kind a histogram of its scores is kept that fades. Up to a high quantile a score becomes -log of the share of
lines that scored as high: ties share their tail, so of a stream that never changes nothing is unusual. Beyond it too
few are left to count: there the tail is taken as exponential, with the mean excess as its scale (the method of peaks
over threshold), so that what is far out stays ordered. Compiled.
"""

from __future__ import annotations

from math import exp, log, log1p

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel

BINS, OCTAVE = 512, 32
"""Bins of a histogram, and how many of them it takes for 1 + score to double."""
QUANTILE = 0.95
"""Share of lines whose scores are counted rather than extrapolated."""
EQUAL = 0.2
"""Nats by which scores of equal lines wander as shares do: what is higher by less is a tie."""
PRIOR_LINES, PRIOR_SCALE = 50.0, 1.0
"""The scale of the tail begins as this, as if so many lines had said so; scores are in nats."""
MEMORY_LINES = 30_000
GROWTH = exp(1.0 / MEMORY_LINES)
"""What a line counts more than the one before: older ones fade to 1/e in MEMORY_LINES."""
HEAVIEST = 1e100
FIRST_UPDATE, UPDATE_EVERY = 16, 256
"""Lines after which the tails are first taken from the histograms, and every how many at most thereafter."""


@helper
def bin_of(score: float) -> float:
    """The bin of a score, with the share of the way to the next one behind the point."""
    if not score > 0.0:  # nor a number
        return 0.0
    return min(log1p(score) * (OCTAVE / log(2.0)), BINS - 1.000001)


EDGES = 2.0 ** (np.arange(BINS) / OCTAVE) - 1.0
"""The least score of each bin, float64 (BINS,)."""


@helper
def renew(counts: NDArray[np.float64], tail: NDArray[np.float64]) -> int:
    """Takes the tail of one kind from its histogram, both float64 (BINS,); gives the bin of the quantile.

    tail: -log of the share of lines in a bin or above, in nats, up to the quantile; then extrapolated.
    """
    total = counts.sum()
    left, quantile = total, 0
    tail[0] = 0.0
    while left - counts[quantile] > (1.0 - QUANTILE) * total and quantile < BINS - 1:
        left -= counts[quantile]
        quantile += 1
        tail[quantile] = log((total + 1.0) / (left + 1.0))
    edge = EDGES[quantile]
    excess, lines = 0.0, 0.0
    for bin in range(quantile + 1, BINS):
        excess += counts[bin] * (EDGES[bin] - edge)
        lines += counts[bin]
    scale = (excess + PRIOR_LINES * PRIOR_SCALE) / (lines + PRIOR_LINES)
    least = tail[quantile] if quantile else log((total + 1.0) / (lines + 1.0))
    for bin in range(quantile + 1, BINS):
        tail[bin] = least + (EDGES[bin] - edge) / scale
    return quantile


@kernel
def tail_of(tail: NDArray[np.float64], quantile: int, score: float) -> float:
    """-log of the share of lines that score as high, in nats; 0 for a score of 0."""
    if not score > EQUAL:
        return 0.0
    place = bin_of(score - EQUAL)
    bin = int(place)
    if bin < quantile or bin == quantile > 0:
        return tail[bin]
    if bin == 0:
        return tail[1] * place
    return tail[bin] + (place - bin) * (tail[bin + 1] - tail[bin])
