"""The same detection over a file, with no broker at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

from connectors.envelopes import ReadingSettings
from connectors.findings import Changes
from connectors.memory import MemoryStore
from connectors.records import Message
from stream_processors.alerts.folding import fold
from stream_processors.detection.batch import Matching
from stream_processors.detection.embedding import Embedder
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.reading import Failed, LineReader, Step
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources

BATCH_LINES = 500
WHOLE_FILE = 1 << 40
"""Window length, in seconds, that puts every line into one window."""

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to ``size`` items in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def read_steps(values: Iterable[bytes], settings: ReadingSettings | None = None) -> Iterator[Step]:
    """Messages as steps of lines; a message's offset is its number from 0, and a line's timestamp is its own time.

    A line without a time gets that of the line before it, 0 at the beginning.
    """
    reader, latest, end = LineReader(settings), 0.0, 0
    for part in chain(batched(values, BATCH_LINES), [[]]):
        reader.add((Message(end + number, 0.0, value) for number, value in enumerate(part)), end + len(part))
        end += len(part)
        if not part:
            reader.close()
        while (step := reader.step(BATCH_LINES)) is not None:
            for line in step.lines:
                latest = line.timestamp = line.timestamp or latest
            yield step


def scan(
    values: Iterable[bytes],
    encoder: Embedder,
    settings: DetectionSettings,
    store: MemoryStore,
    *,
    source: str,
    model: str = "",
    reading: ReadingSettings | None = None,
    matching: Matching | None = None,
) -> Iterator[list[Failed]]:
    """Feeds messages through detection into the store; yields once a step, with the lines that failed.

    model: identity of the encoder's model. reading: how messages are read, matching: what knows their templates; the
    defaults when None.
    The whole input is one window. Warm-up lines are scored when the warm-up, or the input, ends.
    """
    whole = settings.model_copy(update={"window_seconds": WHOLE_FILE})
    detector = Sources(source, 0, encoder.dim, whole, model=model)
    pipeline = Pipeline(encoder, matching)
    applied: int | None = None
    for step in read_steps(values, reading):
        changes = Changes(source, 0, expected=applied, end=step.end)
        failed = pipeline.process(step.lines, detector, changes, step.failed)
        fold(changes)
        detector.decided(store.apply(changes))
        applied = changes.end
        yield failed
    last = Changes(source, 0, expected=applied, end=applied or 0)
    detector.finish(last)
    fold(last)
    store.apply(last)
