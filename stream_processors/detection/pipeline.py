"""From the lines of a step to its changes: embed, detect. Runs in a thread, off the event loop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import count

import numpy as np

from connectors.envelopes import read
from connectors.findings import Changes
from connectors.records import Line, Message
from connectors.waiting import reason_of
from encoder_core.cascade import finite
from stream_processors.detection.batch import LineBatch, Matching
from stream_processors.detection.embedding import Embedder, embed_rows
from stream_processors.detection.reading import FEW, Failed, LineReader
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources
from stream_processors.detection.stages import Stages, unwatched
from stream_processors.detection.table import TemplateTable, WordCounter, no_words

FEW_LINES = 8
"""Lines of one batch that may be given up at once; when more fail, the batch is tried again with fewer lines."""
KNOWN_GOOD = "Jun 14 15:16:01 web1 sshd[4721]: Accepted publickey for %s from 192.0.2.7 port 50022 ssh2"
LETTERS = str.maketrans("0123456789", "abcdefghij")
"""Numbers are spelled in letters: what the encoder keeps may leave digits out."""
CHUNK_LINES = 4_096
"""Lines of one message that are looked at together; a message may hold many more."""


class OurFault(RuntimeError):  # noqa: N818
    """A batch failed, and so does a known good line: what is broken is ours, and no line may be given up for it."""


class TooManyFailed(RuntimeError):  # noqa: N818
    """More than FEW_LINES lines of a batch can't be processed: it is to be tried again with fewer."""


class Pipeline:
    """Templates, vectors and detection for any number of partitions, with one encoder.

    matching: what knows the templates of records, the usual one without. count_words: what knows which words of
    templates the encoder knows; nothing is counted without. ``stages``, which may be set, hears of what is done.
    """

    def __init__(
        self, encoder: Embedder, matching: Matching | None = None, count_words: WordCounter = no_words
    ) -> None:
        self._encoder, self._matching = encoder, matching or Matching()
        self.stages: Stages = unwatched
        self.table = TemplateTable(encoder.dim, count_words=count_words)
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
        with self.stages("match") as note:
            batch = self.batch(lines)
            note(lines=len(batch))
        return self.process_batch(batch, detector, changes, unread)

    def batch(self, lines: Sequence[Line]) -> LineBatch:
        """Lines as arrays, their texts in our table."""
        return LineBatch.of(lines, self.table, self._matching)

    def process_batch(
        self, batch: LineBatch, detector: Sources, changes: Changes, unread: Sequence[Failed] = ()
    ) -> list[Failed]:
        """As ``process``, of lines whose texts are in our table."""
        if any(failure.ours for failure in unread):
            self.probe()
        with self.stages("embed") as note:
            good, failed = self._embed(batch)
            note(lines=len(batch), failed=len(failed))
        failed = [*unread, *failed]
        ours = [failure for failure in failed if failure.ours]
        if len(ours) > FEW_LINES:
            raise TooManyFailed(
                f"{len(ours)} of {len(batch) + len(unread)} lines failed, the first with: {ours[0].error}"
            )
        with self.stages("detect") as note:
            for part in good.parts(CHUNK_LINES):
                detector.process(part, changes)
            note(lines=len(good))
        changes.dead_letters += sum(failure.lines for failure in failed)
        return failed

    def relearn(self, lines: Sequence[Line], detector: Sources) -> None:
        """Takes lines into the detector's memory whose effects are in the store already.

        One that detection can't take is left out: it was a dead letter before.
        """
        try:
            batch = self.batch(lines)
        except Exception:
            middle = len(lines) // 2
            if middle:
                self.relearn(lines[:middle], detector)
                self.relearn(lines[middle:], detector)
            return
        good, _ = self._embed(batch)
        for part in good.parts(CHUNK_LINES):
            try:
                detector.relearn(part)
            except Exception:
                for place in range(len(part)):
                    with suppress(Exception):
                        detector.relearn(part.take(np.array([place])))

    def warm_up(self) -> None:
        """Takes lines the whole way that are forgotten again, so that what is compiled at its first use is at hand.

        What is broken is left to the first lines of a topic to find.
        """
        with suppress(Exception):
            self.rehearse()

    def rehearse(self, *, batches: bool = False) -> None:
        """Takes lines the whole way that are forgotten again. batches: only until they are arrays."""
        settings = DetectionSettings(warmup=16)
        values = [(KNOWN_GOOD % chr(letter)).encode() for letter in LETTERS.values()]
        values += [b'{"level":"info","user":"%d","msg":"cache ready"}' % at for at in range(2 * FEW)]
        reader = LineReader()
        reader.add([Message(at, float(at), value) for at, value in enumerate(2 * values)], 2 * len(values))
        detector = Sources("", 0, self._encoder.dim, settings)
        while (step := reader.step(len(values))) is not None:
            if batches:
                self.batch(step.lines)
            else:
                self.process(step.lines, detector, Changes("", 0, expected=None, end=step.end))

    def probe(self, detector: Sources | None = None) -> None:
        """Takes a known good line, never twice the same, the whole way; raises OurFault when it fails.

        detector: one that has nothing else to do; detection is left out without.
        """
        text = KNOWN_GOOD % str(next(self._probes)).translate(LETTERS)
        try:
            (record,) = read(text.encode())
            finite(self._encoder.embed_and_flag([record.text]).vectors)
            if detector is not None:
                line = Line(offset=0, timestamp=0.0, record=record, value=text.encode())
                good, _ = self._embed(self.batch([line]))
                detector.process(good, Changes("", 0, expected=None, end=1))
        except Exception as error:
            raise OurFault(f"a known good line fails too: {reason_of(error)}") from error

    def _embed(self, batch: LineBatch) -> tuple[LineBatch, list[Failed]]:
        """The batch with the vectors of all its texts, and apart the lines of those that the encoder can't take."""
        rows = batch.rows
        errors = embed_rows(rows, rows.missing(batch.templates), self.table, self._encoder, self.probe)
        if not errors:
            return batch, []
        bad = np.isin(batch.templates, list(errors))
        failed = [
            Failed(batch.line(place), errors[int(batch.templates[place])])
            for place in np.flatnonzero(bad).tolist()
        ]
        return batch.take(np.flatnonzero(~bad)), failed
