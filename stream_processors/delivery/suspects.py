"""Whose fault is it when a step of one message fails: the message's, the partition's memory's, or ours?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from aiokafka import TopicPartition

from connectors.findings import Changes
from connectors.records import Line
from connectors.waiting import reason_of
from stream_processors.delivery.batches import name_of
from stream_processors.detection.pipeline import OurFault, Pipeline
from stream_processors.detection.reading import Failed
from stream_processors.detection.sources import Sources

log = logging.getLogger("secencoder.worker")

SURE_TIMES = 2
"""A message counts as at fault when it failed alone this often."""


class Suspects:
    """What single messages failed with: at most one a partition, the one that its next step would fail on."""

    def __init__(self, pipeline: Pipeline, new_detector: Callable[[TopicPartition], Sources]) -> None:
        self._pipeline, self._new_detector = pipeline, new_detector
        self._of: dict[TopicPartition, tuple[int, int, Exception]] = {}  # offset, times, error
        self._memory: set[TopicPartition] = set()

    def accuse(self, at: TopicPartition, lines: Sequence[Line], error: Exception) -> None:
        """Takes note that a step of one message alone failed, with all of its lines.

        When a known good line fails too, it is our fault; when the lines do not fail with a new memory, it is the
        memory's, which is then to be learned anew; else it is the message's.
        """
        offset = lines[0].offset
        detector = self._new_detector(at)
        try:
            self._pipeline.probe(detector)
        except OurFault as ours:
            log.error("%s@%s: %s", name_of(at), offset, ours)
            return
        try:
            self._pipeline.process(lines, detector, Changes(at.topic, at.partition, expected=None, end=0))
        except Exception:
            known, times, _ = self._of.get(at, (offset, 0, error))
            self._of[at] = offset, times + 1 if known == offset else 1, error
        else:
            log.error("%s@%s: the partition's memory fails: %s", name_of(at), offset, reason_of(error))
            self._memory.add(at)

    def memory_fails(self, at: TopicPartition) -> bool:
        """Whether the partition's memory is to be learned anew; asked once, when it is opened."""
        fails = at in self._memory
        self._memory.discard(at)
        return fails

    def part(self, at: TopicPartition, lines: Sequence[Line]) -> tuple[Sequence[Line], list[Failed]]:
        """The lines to process, and apart the message that is known to be at fault, with the number of its lines."""
        offset, times, error = self._of.get(at, (-1, 0, None))
        if error is None or times < SURE_TIMES:
            return lines, []
        guilty = [line for line in lines if line.offset == offset]
        if not guilty:
            return lines, []
        failed = Failed(guilty[0], error, whole=True, lines=len(guilty))
        return [line for line in lines if line.offset != offset], [failed]
