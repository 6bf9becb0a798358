"""One score of several kinds of surprise: how unusual a line is, as -log10 of the share of lines that are as much so.

The scores of each kind become tails (``tails``), in nats, but count no more than the kind says itself: of scores that
are all low the highest is no surprise. Those of a kind that are tails of its own history are taken as they are. Tails
are combined as the fourth root of the sum of their fourth powers (of first powers it would be Fisher's rule): the
smallest decides, what agrees with it adds a little, and a kind that has nothing to say costs nothing. A kind that often
finds unusual what is not may count less. The severity's prior is added. So a score of 3 is what one line in a thousand
has of the kind that finds the line most unusual.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel
from stream_processors.detection.detectors.tails import (
    BINS,
    EDGES,
    FIRST_UPDATE,
    GROWTH,
    HEAVIEST,
    UPDATE_EVERY,
    bin_of,
    renew,
    tail_of,
)

OWN = -1
"""Stands for the quantile of a kind whose scores are tails."""
NATS = log(10.0)


@kernel
def nats_of(tail: NDArray[np.float64], quantile: int, score: float) -> float:
    """What a kind's score is worth, in nats."""
    return score if quantile == OWN else min(score, tail_of(tail, quantile, score))


@helper
def combined(
    row: NDArray[np.float32],
    shares: NDArray[np.float64],
    tails: NDArray[np.float64],
    quantiles: NDArray[np.int64],
) -> float:
    """The kinds' tails and the prior as one number of nats. row: scores by kind, then the prior, (kinds + 1,)."""
    total, kinds = 0.0, len(row) - 1
    for kind in range(kinds):
        square = (shares[kind] * nats_of(tails[kind], quantiles[kind], row[kind])) ** 2
        total += square * square
    return sqrt(sqrt(total)) + row[kinds]


@kernel
def renew_all(
    counts: NDArray[np.float64], weight: float, tails: NDArray[np.float64], quantiles: NDArray[np.int64]
) -> None:
    """Takes the tails of all kinds that have none of their own from their histograms."""
    for kind in range(len(counts)):
        if quantiles[kind] != OWN:
            quantiles[kind] = renew(counts[kind] / weight, tails[kind])


@kernel
def score_rows(
    rows: NDArray[np.float32],
    shares: NDArray[np.float64],
    tails: NDArray[np.float64],
    quantiles: NDArray[np.int64],
    found: NDArray[np.float64],
) -> None:
    """Scores of lines by the tails as they are, float64 (lines,)."""
    for line in range(len(rows)):
        found[line] = combined(rows[line], shares, tails, quantiles) / NATS


@kernel
def observe_rows(
    rows: NDArray[np.float32],
    shares: NDArray[np.float64],
    counts: NDArray[np.float64],
    tails: NDArray[np.float64],
    quantiles: NDArray[np.int64],
    clock: NDArray[np.int64],
    weight: float,
    found: NDArray[np.float64],
) -> float:
    """Scores lines and counts what the kinds say of them in; gives the weight of the next line.

    counts, tails: (kinds, BINS). clock: lines seen, and at which the tails are to be renewed.
    """
    for line in range(len(rows)):
        if clock[0] == clock[1]:
            renew_all(counts, weight, tails, quantiles)
            clock[1] += min(clock[1], UPDATE_EVERY)
        found[line] = combined(rows[line], shares, tails, quantiles) / NATS
        for kind in range(len(counts)):
            counts[kind, int(bin_of(rows[line, kind]))] += weight
        weight *= GROWTH
        clock[0] += 1
        if weight > HEAVIEST:
            counts /= weight
            weight = 1.0
    return weight


class Combination:
    """Tails of some kinds and their combination, of one source in one partition.

    shares: of each kind, what its nats count. own: places of the kinds whose scores are tails. warmup: lines before
    scores are told of.
    """

    def __init__(self, shares: Sequence[float], *, own: Sequence[int] = (), warmup: int = 512) -> None:
        self._shares, self.warmup = np.array(shares, dtype=np.float64), warmup
        kinds = len(self._shares)
        self._counts = np.zeros((kinds, BINS))
        self._tails = np.tile(EDGES, (kinds, 1))
        self._quantiles = np.zeros(kinds, dtype=np.int64)
        self._quantiles[list(own)] = OWN
        self._clock = np.array([0, FIRST_UPDATE])
        self._weight, self._ended = 1.0, False

    @property
    def lines(self) -> int:
        """Lines that were observed."""
        return int(self._clock[0])

    @property
    def ready(self) -> bool:
        """False while warming up: scores are then of too few lines to be told of."""
        return self._ended or self.lines >= self.warmup

    def end_warmup(self) -> None:
        """Makes do with the lines there were, at least two."""
        self._ended = self.lines > 1

    def observe(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The score of each line among those before it, (lines,), which then counts in.

        rows: scores of the kinds in nats, then what severity adds, float32 (lines, kinds + 1).
        """
        found = np.empty(len(rows))
        self._weight = observe_rows(
            rows, self._shares, self._counts, self._tails, self._quantiles, self._clock, self._weight, found
        )
        return found

    def settle(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The score of each line of a warm-up, (lines,), by all that was observed until its end."""
        renew_all(self._counts, self._weight, self._tails, self._quantiles)
        found = np.empty(len(rows))
        score_rows(rows, self._shares, self._tails, self._quantiles, found)
        return found

    def nats(self, row: NDArray[np.float32]) -> Sequence[float]:
        """What each kind's tail counts for one line, in nats, (kinds,)."""
        parts = zip(self._shares.tolist(), self._tails, self._quantiles.tolist(), row.tolist(), strict=False)
        return [share * nats_of(tail, quantile, score) for share, tail, quantile, score in parts]

    def state(self) -> dict[str, NDArray]:
        """The histograms, and when their tails were taken."""
        return {
            "counts": self._counts / self._weight,
            "tails": self._tails,
            "quantiles": self._quantiles,
            "clock": self._clock,
            "ended": np.array([self._ended]),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved ones. Raises ValueError when they are of other kinds."""
        for name in ("counts", "tails"):
            if state[name].shape != self._counts.shape:
                raise ValueError(f"{name} must be {self._counts.shape}, got {state[name].shape}")
        self._counts, self._tails = state["counts"].copy(), state["tails"].copy()
        self._quantiles, self._clock = state["quantiles"].copy(), state["clock"].copy()
        self._weight, self._ended = 1.0, bool(state["ended"][0])
