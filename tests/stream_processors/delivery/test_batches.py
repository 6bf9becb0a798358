from __future__ import annotations

import time

import pytest
from aiokafka import TopicPartition

from connectors.findings import Changes
from stream_processors.delivery.batches import Partition
from stream_processors.detection.reading import LineReader
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources
from tests.fakes import TrigramEmbedder, batch_of, make_lines

AT = TopicPartition("logs", 0)


def waiting_since(began: float, *, applied: int | None, position: int) -> Partition:
    """A partition opened at ``position`` whose warm-up began then."""
    embedder = TrigramEmbedder()
    detector = Sources("logs", 0, embedder.dim, DetectionSettings(warmup_seconds=60))
    lines = make_lines([f"line {n}" for n in range(40)])
    detector.process(batch_of(lines, embedder), Changes("logs", 0, None, 40, now=began))
    return Partition(AT, detector, applied, position=position, reader=LineReader(start=position))


def test_a_warm_up_that_time_ends_is_something_to_apply():
    now = time.time()
    assert waiting_since(now - 61, applied=40, position=40).behind
    assert not waiting_since(now, applied=40, position=40).behind


@pytest.mark.parametrize(("applied", "position"), [(40, 20), (None, 0)])
def test_lines_before_the_applied_offset_are_learned_again_first(applied, position):
    """Else a step of no lines would set the applied offset back to where reading stands."""
    partition = waiting_since(time.time() - 61, applied=applied, position=position)
    assert not partition.due(time.time())
    assert not partition.behind
