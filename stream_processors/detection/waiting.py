"""Lines of a warm-up, which wait for its end to be scored."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from connectors.findings import Reason
from stream_processors.detection.texts import Shown

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line seen during warm-up."""

    line: Shown
    features: Rows
    """What each kind of surprise said of it, (width,)."""
    pattern: str
    known: bool
    """Whether it was scored in an earlier life of the worker: it counts for the threshold, and is not flagged again."""
    reasons: tuple[Reason, ...] = ()
    """Why it is unusual, as it was known when it came."""


def settled(lines: Iterable[Waiting], unscored_from: int | None) -> list[Waiting]:
    """Of lines that are learned again: those before the offset, all for None, were scored before."""
    return [
        replace(entry, known=unscored_from is None or entry.line.offset < unscored_from) for entry in lines
    ]


@dataclass(slots=True)
class WaitingLines:
    """The lines that wait, in order; part of a snapshot."""

    lines: list[Waiting] = field(default_factory=list)

    @property
    def unscored(self) -> list[Shown]:
        """Those that were never scored."""
        return [entry.line for entry in self.lines if not entry.known]

    def take(self) -> list[Waiting]:
        """All of them; none waits then."""
        taken, self.lines = self.lines, []
        return taken

    def settle(self, unscored_from: int | None) -> None:
        """Those before the offset, all for None, were scored since they were saved."""
        self.lines = settled(self.lines, unscored_from)

    def state(self) -> dict[str, NDArray]:
        """Their features, and what else is known of them as JSON bytes."""
        rest = [
            (*astuple(entry.line), entry.pattern, entry.known, list(map(astuple, entry.reasons)))
            for entry in self.lines
        ]
        return {
            "features": np.stack([entry.features for entry in self.lines]) if rest else np.empty((0, 0)),
            "json": np.frombuffer(json.dumps(rest).encode(), dtype=np.uint8),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved ones."""
        rest = json.loads(state["json"].tobytes())
        self.lines = [
            Waiting(
                replace(Shown(*shown), entities=tuple(entities)),
                row,
                pattern,
                known,
                tuple(Reason(*reason) for reason in reasons),
            )
            for row, (*shown, entities, pattern, known, reasons) in zip(state["features"], rest, strict=True)
        ]
