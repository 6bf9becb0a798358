"""The contract of a kind of surprise: one way in which a line is unlike those before it. One kind a file.

A kind looks at lines once, in order: it scores each with what it knew before that line, lines earlier in the same batch
included, and learns it. So the scores do not depend on how a stream is cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Reason
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.detectors.nameable import naming
from stream_processors.detection.hashing import joint_all

__all__ = ["NO_CAUSE", "Kind", "Reason", "Seen", "Surprises"]

NO_CAUSE = -1
"""The cause of a line that no single value explains."""


@dataclass(frozen=True)
class Seen:
    """Lines of one partition of one source, in order, and what is known of each."""

    batch: LineBatch
    templates: NDArray[np.uint64]
    """Id of each line's template, (lines,)."""
    patterns: NDArray[np.uint64]
    """Id of the pattern that its template belongs to, (lines,)."""
    now: float = 0.0
    """The worker's clock, seconds since the epoch, 0 for none: for what people read alone, never for a score."""

    def __len__(self) -> int:
        return len(self.batch)

    @cached_property
    def standing(self) -> NDArray[np.uint64]:
        """Joint hash of slot and value of each part, (parts,)."""
        return joint_all(self.batch.slots, self.batch.values)

    @cached_property
    def naming(self) -> NDArray[np.bool_]:
        """Whether the value of each part may name a thing (``nameable.may_name``), (parts,)."""
        return naming(self.batch.buffer, self.batch.begins, self.batch.ends, self.batch.types)

    def take(self, places: NDArray[np.int64]) -> Seen:
        """The lines of some places, in their order."""
        return Seen(self.batch.take(places), self.templates[places], self.patterns[places], self.now)


class Surprises(NamedTuple):
    """What a kind says of lines."""

    scores: NDArray[np.float32]
    """>= 0, (lines,): 0 for nothing to say, larger for more unusual, in nats: -log of a probability, or so."""
    causes: NDArray[np.int64]
    """The place in the batch's ragged arrays of the value that caused it, or NO_CAUSE, (lines,)."""


class Kind(Protocol):
    """One kind of surprise of one source in one partition. Bounded in memory; goes by the lines' own time."""

    name: str
    """One word: ``new``, ``rare``, ``severity``, ``meaning``, ``rate``, ``values``, ``sequence``."""

    def observe(self, seen: Seen) -> Surprises:
        """Scores each line with what came before it, and learns it."""

    def unlearn(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Takes back, as far as it can be, what the lines of ``places``, (k,), taught when they were observed."""

    def explain(self, seen: Seen, place: int) -> Reason:
        """Why the line of a place scores as it does, by what is known now; asked right after ``observe``, of few."""

    def state(self) -> dict[str, NDArray]:
        """What a restart needs, as flat arrays by name."""

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved state. Raises KeyError or ValueError when it is none of its own."""
