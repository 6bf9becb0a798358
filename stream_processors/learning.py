"""Learns lines that are known to be normal, with no broker at all: what a new installation begins with."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.envelopes import ReadingSettings
from connectors.findings import Changes
from connectors.memory import MemoryStore
from stream_processors.detection.batch import Matching
from stream_processors.detection.embedding import Embedder
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.seed import seed_of
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import TOPIC, Sources
from stream_processors.scan import read_steps


def learn(
    values: Iterable[bytes],
    encoder: Embedder,
    settings: DetectionSettings,
    *,
    model: str = "",
    reading: ReadingSettings | None = None,
    matching: Matching | None = None,
) -> tuple[bytes, int, int]:
    """A seed of the lines of messages, how many lines they were, and how many templates.

    model: identity of the encoder's model. reading: how messages are read, matching: what knows their templates.
    """
    source = "learned"
    sources, store = Sources(source, 0, encoder.dim, settings, model=model), MemoryStore()
    pipeline = Pipeline(encoder, matching)
    applied: int | None = None
    for step in read_steps(values, reading):
        changes = Changes(source, 0, expected=applied, end=step.end)
        pipeline.process(step.lines, sources, changes, step.failed)
        changes.anomalies, changes.windows = [], []
        sources.decided(store.apply(changes))
        applied = changes.end
    sources.finish(Changes(source, 0, expected=applied, end=applied or 0))
    stats = store.stats(source)
    seed = seed_of(sources.detector(TOPIC), store.stored(source, 0, 0).known)
    return seed, stats.lines, stats.templates
