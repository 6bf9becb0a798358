"""What metrics look up when somebody reads them: how partitions and sinks stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class PartitionState(NamedTuple):
    """An assigned partition, as it stands."""

    topic: str
    partition: int
    open: bool
    """Whether its memory is at hand."""
    applied: int | None
    """Applied offset; None when there is none, or none is known."""
    lag: int | None
    """Messages behind; None when that is not known."""
    newest: float
    """Kafka's time of the newest message that was applied, seconds since the epoch; 0 when it isn't known."""
    stalled: float
    """Seconds since it moved, while it is behind."""


class SinkState(Protocol):
    """What a dispatcher has sent to its sink."""

    name: str
    sent: int
    refused: int
    failures: int

    @property
    def positions(self) -> Mapping[str, int]:
        """Topic to when the latest alert that the sink has had was told, in milliseconds."""

    @property
    def waiting_seconds(self) -> float:
        """How long it has been trying the same alert."""
