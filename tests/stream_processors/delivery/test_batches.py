from __future__ import annotations

import time

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from connectors.findings import Changes
from connectors.kafka.streaming import hand_out_records
from stream_processors.delivery.batches import Partition, messages_from
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
    assert waiting_since(time.time() - 61, applied=40, position=40).behind
    assert not waiting_since(time.time(), applied=40, position=40).behind


@pytest.mark.parametrize(("applied", "position"), [(40, 20), (None, 0)])
def test_lines_before_the_applied_offset_are_learned_again_first(applied, position):
    """Else a step of no lines would set the applied offset back to where reading stands."""
    partition = waiting_since(time.time() - 61, applied=applied, position=position)
    assert not partition.due(time.time())
    assert not partition.behind


def records(builder) -> list:
    data = MemoryRecords(bytes(builder.build()))
    return [*fetcher.PartitionRecords(AT, data, [], 5, None, None, True, fetcher.READ_COMMITTED)]


@pytest.mark.parametrize("packed", [0, 1], ids=["plain", "gzip"])
def test_messages_have_all_that_kafka_has_of_them(packed):
    hand_out_records()
    builder = DefaultRecordBatchBuilder(2, packed, 0, -1, -1, -1, 1 << 16)
    for offset, value in ((4, b"before"), (5, b"one"), (6, None)):
        builder.append(offset, 1_700_000_000_250 + offset, b"key", value, [("name", b"of"), ("name", None)])
    found = messages_from(records(builder), 1_900_000_000.0)
    assert (found.values, found.offsets.tolist()) == ([b"one", None], [5, 6])
    message = found.make(0)
    assert (message.offset, message.timestamp) == (5, 1_700_000_000.255)
    assert (message.key, message.value) == (b"key", b"one")
    assert message.headers == (("name", b"of"), ("name", None))
    builder = LegacyRecordBatchBuilder(1, 0, 1 << 16)
    builder.append(5, 1_700_000_000_250, None, b"old")
    message = messages_from(records(builder), 1_900_000_000.0).make(0)
    assert (message.value, message.headers, message.timestamp) == (b"old", (), 1_700_000_000.25)
