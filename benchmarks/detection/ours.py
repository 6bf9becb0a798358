"""Our detector as ``secencoder scan --scores`` runs it."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.keeping import encoder
from benchmarks.detection.streams import Scores, Stream
from connectors.memory import MemoryStore
from stream_processors.detection.settings import DetectionSettings
from stream_processors.scan import LineScores, scan


def detector(stream: Stream) -> Scores:
    """The default settings, whatever the stream."""
    scores = LineScores()
    for failed in scan(
        stream.messages, encoder(), DetectionSettings(), MemoryStore(), source=stream.name, scores=scores
    ):
        for failure in failed:
            raise ValueError(f"{stream.name}: a line can't be scored: {failure.error}")
    return scores.scores.astype(np.float64)
