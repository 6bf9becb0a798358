"""From a batch of messages to its changes: parse, embed, detect. Runs in a thread, off the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.formats import parse
from connectors.records import Changes, Line, Record
from stream_processors.cascade import Cascade, finite
from stream_processors.detection.partition import PartitionDetector, Refinement

if TYPE_CHECKING:
    from encoder_core.encoder import Embedded

UNPARSED = Record(text="", format="raw")
"""The record of a line that comes straight from Kafka."""


class Embedder(Protocol):
    """Anything that turns lines into vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        """One vector a line, float32 (lines, dim), and which lines were longer than it reads, bool (lines,)."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A line that could not be processed, and why."""

    line: Line
    error: Exception


def parse_lines(
    lines: Sequence[Line], parser: Callable[[bytes | None], Record]
) -> tuple[list[Line], list[Failed]]:
    """Every line with its record, parsed unless it has one; those whose parser raised apart."""
    parsed, failed = [], []
    for line in lines:
        try:
            parsed.append(replace(line, record=parser(line.value)) if line.record is UNPARSED else line)
        except Exception as error:
            failed.append(Failed(line, error))
    return parsed, failed


def embed_lines(
    lines: Sequence[Line], encoder: Embedder
) -> tuple[list[Line], NDArray[np.float32], list[Failed]]:
    """Lines, those that were cut marked so, with their vectors; lines that the encoder can't take apart.

    The latter are found by halving the batch.
    """
    if not lines:
        return [], np.empty((0, encoder.dim), dtype=np.float32), []
    try:
        vectors, cut = encoder.embed_and_flag([line.record.text for line in lines])
        marked = [replace(line, cut=True) if over else line for line, over in zip(lines, cut, strict=True)]
        return marked, finite(vectors), []
    except Exception as error:
        if len(lines) == 1:
            return [], np.empty((0, encoder.dim), dtype=np.float32), [Failed(lines[0], error)]
    middle = len(lines) // 2
    halves = [embed_lines(part, encoder) for part in (lines[:middle], lines[middle:])]
    return (
        [line for part, _, _ in halves for line in part],
        np.concatenate([vectors for _, vectors, _ in halves]),
        [failure for _, _, failures in halves for failure in failures],
    )


class Pipeline:
    """Parse, embed and detect for any number of partitions with one encoder."""

    def __init__(self, encoder: Embedder, parser: Callable[[bytes | None], Record] = parse) -> None:
        self._encoder, self._parser = encoder, parser

    def process(self, lines: Sequence[Line], detector: PartitionDetector, changes: Changes) -> list[Failed]:
        """Adds to ``changes`` what the lines change; returns those that belong in the dead-letter topic."""
        good, vectors, failed = self._embed(lines)
        detector.process(good, vectors, changes, self._refinement(good, vectors))
        changes.dead_letters += len(failed)
        return failed

    def relearn(
        self, lines: Sequence[Line], detector: PartitionDetector, *, waiting_from: int | None = None
    ) -> None:
        """Takes lines into the detector's memory whose effects are in the store already.

        waiting_from: offset from which on they were not scored yet; None when all were.
        """
        good, vectors, _ = self._embed(lines)
        detector.relearn(good, vectors, self._refinement(good, vectors), waiting_from=waiting_from)

    def _embed(self, lines: Sequence[Line]) -> tuple[list[Line], NDArray[np.float32], list[Failed]]:
        parsed, unparsed = parse_lines(lines, self._parser)
        embedded, vectors, unembedded = embed_lines(parsed, self._encoder)
        return embedded, vectors, unparsed + unembedded

    def _refinement(self, lines: Sequence[Line], vectors: NDArray[np.float32]) -> Refinement | None:
        """The full encoder's vectors in place of a cascade's; a line that it can't take keeps the one it has."""
        cascade = self._encoder
        if not isinstance(cascade, Cascade):
            return None

        def refined(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            done, better, _ = embed_lines([lines[row] for row in rows], cascade.full)
            found = {line.offset: vector for line, vector in zip(done, better, strict=True)}
            return np.stack([found.get(lines[row].offset, vectors[row]) for row in rows])

        return Refinement(cascade.band, refined)
