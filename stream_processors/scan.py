"""The same detection over a file, with no broker at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from connectors.envelopes import ReadingSettings
from connectors.memory import MemoryStore
from connectors.records import Message
from stream_processors.detection.batch import Matching
from stream_processors.detection.embedding import Embedder
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.reading import FEW, Failed, Step
from stream_processors.detection.scoring import unheard
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources
from stream_processors.feeding import Feed, NumberedReader

BATCH_LINES = 500
WHOLE_FILE = 1 << 40
"""Window length, in seconds, that puts every line into one window."""

T = TypeVar("T")


class LineScores:
    """The score of each message of a file, a line of it: that of the most unusual of the lines in it.

    A message that goes on with the line before it has that one's score, one that holds no line (it names columns) 0.
    """

    def __init__(self) -> None:
        self._all, self._messages = np.zeros(1 << 12, dtype=np.float32), 0
        self._parts: dict[tuple[int, int], list[int]] = {}

    def expect(self, step: Step) -> None:
        """Makes room for the messages of a step: NaN where a line is to be scored, 0 where there is none."""
        self._messages = step.end
        if step.end > len(self._all):
            self._all = np.pad(self._all, (0, step.end))
        self._all[list(step.offsets)] = np.nan
        for identity, lines in step.joined.items():
            self._parts[identity] = [line.offset for line in lines]
            self._all[self._parts[identity]] = np.nan

    def take(
        self, offsets: NDArray[np.int64], indexes: NDArray[np.int32], scores: NDArray[np.float64]
    ) -> None:
        """Takes the scores of lines by the number of their message and their place in it."""
        np.fmax.at(self._all, offsets, scores.astype(np.float32))
        for place in range(len(offsets) if self._parts else 0):
            parts = self._parts.pop((int(offsets[place]), int(indexes[place])), [])
            self._all[parts] = np.fmax(self._all[parts], np.float32(scores[place]))

    @property
    def scores(self) -> NDArray[np.float32]:
        """One a message, (messages,); NaN where a line could not be scored."""
        return self._all[: self._messages]


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to ``size`` items in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def read_steps(
    values: Iterable[bytes | Message], settings: ReadingSettings | None = None, *, few: int = FEW
) -> Iterator[Step]:
    """Messages as steps of lines, as ``NumberedReader`` reads them.

    values: with a time where they are messages of a topic. few: as for ``LineReader``.
    """
    reader = NumberedReader(settings, few=few)
    for part in batched(values, BATCH_LINES):
        reader.add(part)
        yield from reader.steps(BATCH_LINES)
    yield from reader.steps(BATCH_LINES, whole=True)


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
    scores: LineScores | None = None,
) -> Iterator[list[Failed]]:
    """Feeds messages through detection into the store; yields once a step, with the lines that failed.

    model: identity of the encoder's model. reading: how messages are read, matching: what knows their templates; the
    defaults when None. scores: takes the score of every message.
    The whole input is one window. Warm-up lines are scored when the warm-up, or the input, ends.
    """
    whole = settings.model_copy(update={"window_seconds": WHOLE_FILE})
    detector = Sources(source, 0, encoder.dim, whole, model=model, told=scores.take if scores else unheard)
    feed = Feed(source, Pipeline(encoder, matching), detector, store)
    for step in read_steps(values, reading):
        if scores is not None:
            scores.expect(step)
        yield feed.take(step).failed
    feed.finish()
