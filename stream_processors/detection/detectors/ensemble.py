"""The kinds of surprise of one source in one partition, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Reason
from stream_processors.detection.detectors import severity
from stream_processors.detection.detectors.combination import NATS, Combination
from stream_processors.detection.detectors.kind import Kind, Seen
from stream_processors.detection.detectors.risk import Risk

SHARES = {"rare": 1.15, "values": 0.7, "meaning": 0.7, "sequence": 0.8}
"""What the nats of a kind count, where it is not 1: kinds that find much of what is ordinary unusual count less."""
OWN_TAILS = ("rate", "sequence")
"""Kinds whose scores are tails, of bursts and of steps of entities: lines come many in one of either."""
REASONS = 3
"""Reasons of a line at most."""
WORTH = 0.5
"""A kind is a reason when its tail has this share of the nats of the strongest one."""


DOUBTED = 4_096
"""Patterns at most of which it is known how often they were flagged."""


@dataclass(frozen=True)
class Judged:
    """What the kinds say of lines."""

    seen: Seen
    rows: NDArray[np.float32]
    """Scores of the kinds in nats, and last what severity and risk add, (lines, kinds + 1)."""
    scores: NDArray[np.float64]
    """What they come to among the lines before, (lines,)."""

    def pattern(self, place: int) -> str:
        """The id of the pattern of a line."""
        return f"{self.seen.patterns[place]:016x}"


class Ensemble:
    """Kinds of surprise and the score that they come to.

    doubts: times that a pattern is flagged before its lines teach the kinds that it is usual.
    """

    def __init__(self, kinds: Sequence[Kind], *, warmup: int = 512, doubts: int = 0) -> None:
        self.kinds = kinds
        shares = [SHARES.get(kind.name, 1.0) for kind in kinds]
        own = [place for place, kind in enumerate(kinds) if kind.name in OWN_TAILS]
        self.combination = Combination(shares, own=own, warmup=warmup)
        self.risk = Risk()
        self._doubts = doubts
        self._flagged: dict[int, int] = {}

    def parts(self, seen: Seen) -> Sequence[Seen]:
        """The lines, cut where the warm-up ends."""
        left = self.combination.warmup - self.combination.lines
        if self.combination.ready or not left < len(seen):
            return [seen]
        return [seen.take(np.arange(left)), seen.take(np.arange(left, len(seen)))]

    def observe(self, seen: Seen) -> Judged:
        """What each kind says of each line, and what it comes to; they then learn it."""
        rows = np.empty((len(seen), len(self.kinds) + 1), dtype=np.float32)
        for place, kind in enumerate(self.kinds):
            rows[:, place] = kind.observe(seen).scores
        rows[:, -1] = severity.priors(seen.batch.severities)
        scores = self.combination.observe(rows)
        risks = self.risk.follow(seen, scores * NATS)
        rows[:, -1] += risks
        return Judged(seen, rows, scores + risks / NATS)

    def doubt(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Takes back what flagged lines have taught, (k,), unless their patterns were flagged often before.

        seen: what was observed last.
        """
        doubted = []
        for place in places.tolist():
            pattern = int(seen.patterns[place])
            times = self._flagged.pop(pattern, 0)
            self._flagged[pattern] = times + 1
            if times < self._doubts:
                doubted.append(place)
        for pattern in list(self._flagged)[: max(0, len(self._flagged) - DOUBTED)]:
            del self._flagged[pattern]
        if doubted:
            for kind in self.kinds:
                kind.unlearn(seen, np.array(doubted))

    def reasons(self, judged: Judged, place: int) -> tuple[Reason, ...]:
        """Why a line scores as it does, the strongest reason first."""
        nats = self.combination.nats(judged.rows[place])
        least = WORTH * max(nats)
        strongest = sorted(range(len(nats)), key=lambda kind: -nats[kind])[:REASONS]
        found = [
            replace(self.kinds[kind].explain(judged.seen, place), score=nats[kind] / NATS)
            for kind in strongest
            if nats[kind] > 0 and nats[kind] >= least
        ]
        if (risk := self.risk.explain(judged.seen, place)) is not None and risk.score >= least:
            found.append(replace(risk, score=risk.score / NATS))
            found.sort(key=lambda reason: -reason.score)
        if (prior := severity.reason(int(judged.seen.batch.severities[place]))).score > 0:
            found.append(prior)
        return tuple(found)

    def state(self) -> dict[str, NDArray]:
        """Which patterns were flagged how often, those flagged last at the end."""
        return {
            "patterns": np.array(list(self._flagged), dtype=np.uint64),
            "flagged": np.array(list(self._flagged.values()), dtype=np.int64),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved ones."""
        self._flagged = dict(zip(state["patterns"].tolist(), state["flagged"].tolist(), strict=True))
