"""The same detection over a file, with no broker at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from connectors.findings import Changes
from connectors.formats import parse
from connectors.memory import MemoryStore
from connectors.records import Line
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.pipeline import Embedder, Failed, Pipeline
from stream_processors.detection.settings import DetectionSettings

BATCH_LINES = 500
WHOLE_FILE = 1 << 40
"""Window length, in seconds, that puts every line into one window."""

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to ``size`` items in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def numbered_lines(values: Iterable[bytes]) -> Iterator[Line]:
    """Parsed lines whose offset is their line number from 0 and whose timestamp is their own time.

    A line without a time gets that of the line before it, 0 at the beginning.
    """
    latest = 0.0
    for offset, value in enumerate(values):
        record = parse(value)
        latest = latest if record.time is None else record.time
        yield Line(offset=offset, timestamp=max(latest, 0.0), record=record, value=value)


def scan(
    values: Iterable[bytes],
    encoder: Embedder,
    settings: DetectionSettings,
    store: MemoryStore,
    *,
    source: str,
    model: str = "",
) -> Iterator[list[Failed]]:
    """Feeds lines through detection into the store; yields once a batch, with the lines that failed.

    model: identity of the encoder's model.
    The whole input is one window. Warm-up lines are scored when the warm-up, or the input, ends.
    """
    whole = settings.model_copy(update={"window_seconds": WHOLE_FILE})
    detector = PartitionDetector(source, 0, encoder.dim, whole, model=model)
    pipeline = Pipeline(encoder)
    applied: int | None = None
    for lines in batched(numbered_lines(values), BATCH_LINES):
        changes = Changes(source, 0, expected=applied, end=lines[-1].offset + 1)
        failed = pipeline.process(lines, detector, changes)
        store.apply(changes)
        applied = changes.end
        yield failed
    last = Changes(source, 0, expected=applied, end=applied or 0)
    detector.finish(last)
    store.apply(last)
