"""Learns lines that are known to be normal, with no broker at all: what a new installation begins with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from connectors.envelopes import ReadingSettings
from connectors.findings import Changes
from connectors.memory import MemoryStore
from connectors.records import Message
from stream_processors.detection.batch import Matching
from stream_processors.detection.embedding import Embedder
from stream_processors.detection.naming import WHOLE_TOPIC
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.seed import seed_of
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import TOPIC, Sources
from stream_processors.feeding import Feed
from stream_processors.scan import read_steps

SOURCE = "learned"


class Learned(NamedTuple):
    """What a source begins with, and how much it was learned from."""

    seed: bytes
    lines: int
    templates: int


def learn(
    values: Iterable[bytes | Message],
    encoder: Embedder,
    settings: DetectionSettings,
    *,
    model: str = "",
    reading: ReadingSettings | None = None,
    matching: Matching | None = None,
    by_source: bool = False,
) -> dict[str, Learned]:
    """Seeds of the lines of messages by the name of their source inside the topic; "" is all of them as one.

    model: identity of the encoder's model. reading: how messages are read, matching: what knows their templates.
    by_source: whether the sources inside the topic (``stream.source``) are told apart.
    """
    reading = reading or ReadingSettings()
    by = reading.source if by_source else WHOLE_TOPIC
    store = MemoryStore()
    sources = Sources(SOURCE, 0, encoder.dim, settings, model=model, by=by, most=reading.max_sources)
    feed = Feed(SOURCE, Pipeline(encoder, matching), sources, store, trim=_without_findings)
    for step in read_steps(values, reading):
        feed.take(step)
    feed.finish()
    learned = {}
    for name in sources.names:
        source = f"{SOURCE}/{name}" if name != TOPIC else SOURCE
        seed = seed_of(sources.detector(name), store.stored(source, 0, 0).known)
        learned[name] = Learned(seed, store.stats(source).lines, store.stats(source).templates)
    return learned


def _without_findings(changes: Changes) -> None:
    """Lines that are normal are no findings."""
    for findings in (changes, *changes.parts.values()):
        findings.anomalies, findings.alerts, findings.windows = [], [], []
