"""From the lines of a step to its changes: embed, detect. Runs in a thread, off the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.envelopes import read
from connectors.findings import Changes
from connectors.records import Line
from connectors.waiting import reason_of
from encoder_core.cascade import Cascade, finite
from stream_processors.detection.reading import Failed
from stream_processors.detection.refinement import Refinement
from stream_processors.detection.sources import Sources

if TYPE_CHECKING:
    from encoder_core.encoder import Embedded

FEW_LINES = 8
"""Lines of one batch that may be given up at once; when more fail, the batch is tried again with fewer lines."""
KNOWN_GOOD = "Jun 14 15:16:01 web1 sshd[4721]: Accepted publickey for %s from 192.0.2.7 port 50022 ssh2"
LETTERS = str.maketrans("0123456789", "abcdefghij")
"""Numbers are spelled in letters: a key of the encoder's cache may leave digits out."""
CHUNK_LINES = 1_000
"""Lines of one message that are looked at together; a message may hold many more."""


class Embedder(Protocol):
    """Anything that turns lines into vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        """One vector a line, float32 (lines, dim), and which lines were longer than it reads, bool (lines,)."""


class OurFault(RuntimeError):  # noqa: N818
    """A batch failed, and so does a known good line: what is broken is ours, and no line may be given up for it."""


class TooManyFailed(RuntimeError):  # noqa: N818
    """More than FEW_LINES lines of a batch can't be processed: it is to be tried again with fewer."""


def embed_lines(
    lines: Sequence[Line], encoder: Embedder, probe: Callable[[], None] = lambda: None
) -> tuple[list[Line], NDArray[np.float32], list[Failed]]:
    """Lines, those that were cut marked so, with their vectors; lines that the encoder can't take apart.

    The latter are found by halving the batch, after ``probe()``, which raises when the encoder itself is broken.
    """
    if not lines:
        return [], np.empty((0, encoder.dim), dtype=np.float32), []
    try:
        vectors, cut = encoder.embed_and_flag([line.record.text for line in lines])
        for line, over in zip(lines, cut, strict=True):
            line.cut = bool(over)
        return list(lines), finite(vectors), []
    except Exception as error:
        probe()
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
    """Embed and detect for any number of partitions with one encoder."""

    def __init__(self, encoder: Embedder) -> None:
        self._encoder = encoder
        self._probes = count()

    def process(
        self,
        lines: Sequence[Line],
        detector: Sources,
        changes: Changes,
        unread: Sequence[Failed] = (),
    ) -> list[Failed]:
        """Adds to ``changes`` what the lines change; returns those that belong in the dead-letter topic.

        unread: what failed before it was a line; it is among what is returned.
        Raises OurFault or TooManyFailed when that would be no verdict on the lines, and what detection raises.
        """
        if any(failure.ours for failure in unread):
            self.probe()
        good, vectors, failed = self._embed(lines)
        failed = [*unread, *failed]
        ours = [failure for failure in failed if failure.ours]
        if len(ours) > FEW_LINES:
            raise TooManyFailed(
                f"{len(ours)} of {len(lines) + len(unread)} lines failed, the first with: {ours[0].error}"
            )
        for start in range(0, max(len(good), 1), CHUNK_LINES):
            part, rows = good[start : start + CHUNK_LINES], vectors[start : start + CHUNK_LINES]
            detector.process(part, rows, changes, self._refinement(part, rows))
        changes.dead_letters += sum(failure.lines for failure in failed)
        return failed

    def relearn(self, lines: Sequence[Line], detector: Sources) -> None:
        """Takes lines into the detector's memory whose effects are in the store already.

        One that detection can't take is left out: it was a dead letter before.
        """
        good, vectors, _ = self._embed(lines)
        try:
            self._relearn(good, vectors, detector)
        except Exception:
            for row, line in enumerate(good):
                with suppress(Exception):
                    self._relearn([line], vectors[row : row + 1], detector)

    def _relearn(
        self,
        lines: Sequence[Line],
        vectors: NDArray[np.float32],
        detector: Sources,
    ) -> None:
        detector.relearn(lines, vectors, self._refinement(lines, vectors))

    def probe(self, detector: Sources | None = None) -> None:
        """Takes a known good line, never twice the same, the whole way; raises OurFault when it fails.

        detector: one that has nothing else to do; detection is left out without.
        """
        text = KNOWN_GOOD % str(next(self._probes)).translate(LETTERS)
        try:
            (record,) = read(text.encode())
            vectors = finite(self._encoder.embed_and_flag([record.text]).vectors)
            if detector is not None:
                line = Line(offset=0, timestamp=0.0, record=record, value=text.encode())
                detector.process([line], vectors, Changes("", 0, expected=None, end=1))
        except Exception as error:
            raise OurFault(f"a known good line fails too: {reason_of(error)}") from error

    def _embed(self, lines: Sequence[Line]) -> tuple[list[Line], NDArray[np.float32], list[Failed]]:
        return embed_lines(lines, self._encoder, self.probe)

    def _refinement(self, lines: Sequence[Line], vectors: NDArray[np.float32]) -> Refinement | None:
        """The full encoder's vectors in place of a cascade's; a line that it can't take keeps the one it has."""
        cascade = self._encoder
        if not isinstance(cascade, Cascade):
            return None

        def refined(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            done, better, _ = embed_lines([lines[row] for row in rows], cascade.full)
            found = {id(line): vector for line, vector in zip(done, better, strict=True)}
            return np.stack([found.get(id(lines[row]), vectors[row]) for row in rows])

        return Refinement(cascade.band, refined)
