"""Lines under suspicion: a batch of one line that fails again and again is that line's fault, or ours?"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from aiokafka import TopicPartition

from connectors.records import Line
from stream_processors.delivery.batches import name_of
from stream_processors.detector import PartitionDetector
from stream_processors.pipeline import Failed, Pipeline

log = logging.getLogger("secencoder.worker")

SURE_TIMES = 2
"""A line alone in its batch counts as at fault when it failed this often and a known good line does not fail."""


class Suspects:
    """At most one line a partition, the one that its next batch would fail on."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._of: dict[TopicPartition, tuple[int, int, Exception]] = {}  # offset, times, error

    def accuse(self, at: TopicPartition, line: Line, error: Exception, detector: PartitionDetector) -> None:
        """Notes that a batch of this line alone failed, unless a known good line fails in ``detector``, a new one."""
        offset, times, _ = self._of.get(at, (line.offset, 0, error))
        try:
            self._pipeline.probe(detector)
        except Exception as ours:
            log.error("%s: a known good line fails too: %s", name_of(at), ours)
            return
        self._of[at] = line.offset, times + 1 if offset == line.offset else 1, error

    def part(self, at: TopicPartition, lines: Sequence[Line]) -> tuple[Sequence[Line], list[Failed]]:
        """The lines to process, and apart the one that is known to be at fault."""
        offset, times, error = self._of.get(at, (-1, 0, None))
        if error is None or times < SURE_TIMES:
            return lines, []
        guilty = [Failed(line, error) for line in lines if line.offset == offset]
        return ([line for line in lines if line.offset != offset], guilty) if guilty else (lines, [])
