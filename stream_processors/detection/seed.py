"""A seed: what a detector learned of lines that are known to be normal, for partitions that have no memory yet."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from connectors.decisions import Decided, News
from connectors.patterns import Merge
from stream_processors.detection import snapshot
from stream_processors.detection.partition import PartitionDetector

NO_MODEL = "-"
"""In place of a model where there is no vector."""


class Decisions:
    """The decisions about templates that go with a seed, as a part of a snapshot.

    They come without vectors: what takes up the seed tells the store of a template as if it were new.
    """

    def __init__(self, news: News | None = None) -> None:
        self.news = news or News()

    def state(self) -> dict[str, NDArray[np.uint8]]:
        """The decisions, JSON bytes."""
        templates = [(one.id, one.text, one.pattern, one.first_seen) for one in self.news.templates]
        merges = [(merge.pattern, merge.into, merge.time, merge.reason) for merge in self.news.merges]
        return {"json": np.frombuffer(json.dumps([templates, merges]).encode(), dtype=np.uint8)}

    def restore(self, state: dict[str, NDArray[np.uint8]]) -> None:
        """Takes up saved ones."""
        templates, merges = json.loads(state["json"].tobytes())
        self.news = News(
            tuple(
                Decided(name, text, pattern, first_seen, b"", NO_MODEL)
                for name, text, pattern, first_seen in templates
            ),
            tuple(Merge(*fields) for fields in merges),
        )


def seed_of(detector: PartitionDetector, known: News) -> bytes:
    """What a detector has learned. known: what was decided about its templates."""
    return detector.snapshot(0, decisions=Decisions(known))


def plant(seed: bytes, detector: PartitionDetector) -> None:
    """Gives a detector without a memory that of a seed. Raises ValueError, in one line, when it is not one of ours.

    The detector may then be half restored.
    """
    decisions = Decisions()
    detector.restore(seed, decisions=decisions)
    detector.learn_decisions(decisions.news)
    detector.silence.forget()  # what was regular in all partitions together need not be so in one
    detector.stopped.forget()


def usable(seed: bytes, kind: snapshot.Kind) -> str:
    """Why a seed is of no use to a detector; empty when it is."""
    try:
        header = snapshot.snapshot_metadata(seed)
    except ValueError as error:
        return str(error)
    wrong = [name for name, expected in kind.header().items() if header.get(name) != expected]
    return f"it is of another {wrong[0]}: {header.get(wrong[0])}" if wrong else ""
