"""What a batch tells the metrics, and what is left when a worker stops; the delivery contract itself is tested with
real servers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from connectors.memory import MemoryStore
from connectors.records import Message
from stream_processors.delivery.batches import Partition
from stream_processors.delivery.fetching import Fetcher
from stream_processors.delivery.service import StreamService
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.snapshot import snapshot_metadata
from stream_processors.operations.metrics import Metrics
from stream_processors.settings import Settings
from tests.stream_processors.operations.test_metrics import scraped

AT = TopicPartition("logs", 3)
NOW = 1_700_000_000.0


def record(offset: int, value: bytes) -> ConsumerRecord:
    return ConsumerRecord(
        "logs", 3, offset, int(NOW * 1_000) + offset, 0, None, value, None, 0, len(value), ()
    )


@pytest.fixture
def service(embedder) -> StreamService:
    """A service with a store in memory, and nothing of Kafka but commits."""
    made = StreamService(
        Settings(), Pipeline(embedder), MemoryStore(), dim=embedder.dim, model="m", metrics=Metrics()
    )

    async def commit(offsets: object) -> None:
        pass

    async def unused(*arguments: object) -> None:
        raise AssertionError

    consumer = SimpleNamespace(commit=commit)
    made.fetcher = Fetcher(consumer, made.troubles, unused, unused, batch_lines=100, unchanged=unused)
    made.handler.connect(consumer, made.fetcher, SimpleNamespace(distrust=lambda source: None))
    return made


def handled(service: StreamService, *values: bytes, applied: int | None = None) -> Partition:
    """A partition whose first batch was handled."""
    partition = Partition(AT, service.new_detector(AT), applied, position=0)
    service.fetcher.partitions[AT] = partition
    messages = [record(offset, value) for offset, value in enumerate(values)]
    batch = partition.next_batch(messages, len(values), fetched=(1_000_000_000, 1_500_000_000))
    asyncio.run(service.handler.handle(batch))
    return partition


def test_lines_and_stages_of_a_batch_are_counted(service):
    service.metrics.assigned(["logs"])
    partition = handled(service, *[b"sshd: session opened"] * 20)
    found = scraped(service.metrics)
    assert found["secencoder_lines_total", "", "logs"] == 20
    assert found["secencoder_new_templates_total", "", "logs"] == 1
    assert found["secencoder_fences_total", "logs"] == 0
    assert found["secencoder_stage_seconds_sum", "fetch"] == 0.5
    stages = ("fetch", "match", "embed", "detect", "apply", "commit")
    assert [found["secencoder_stage_seconds_count", stage] for stage in stages] == [1] * 6
    assert found["secencoder_stage_seconds_count", "read"] >= 1
    assert partition.newest == NOW + 0.019


def test_a_step_of_a_worker_that_was_replaced_counts_as_a_fence(service):
    handled(service, b"sshd: session opened", b"sshd: session closed", applied=1)
    found = scraped(service.metrics)
    assert found["secencoder_fences_total", "logs"] == 1
    assert found.get(("secencoder_lines_total", "", "logs"), 0) == 0


def test_a_partition_that_cannot_go_on_is_counted_with_its_reason(service):
    service.troubles.add(AT, "NOPERM")
    service.troubles.add(AT, "NOPERM")
    assert scraped(service.metrics)["secencoder_partition_failures_total", "logs"] == 2
    assert "NOPERM" in str(service.watchdog._watched["logs/3"].reason)


def test_a_worker_that_stops_leaves_its_memory_as_of_its_last_step(service):
    partition = handled(service, *[b"sshd: session opened"] * 20)
    more = [record(offset, b"sshd: session closed") for offset in range(20, 30)]

    async def go_on_and_stop() -> None:
        await service.handler.handle(partition.next_batch(more, 30, fetched=(0, 0)))
        await service.save_all()

    assert snapshot_offset(service) == 20, "the first step takes one, the next ones do not"
    asyncio.run(go_on_and_stop())
    assert snapshot_offset(service) == partition.applied == 30


def test_a_step_that_did_not_take_effect_is_in_no_snapshot(service):
    partition = handled(service, *[b"sshd: session opened"] * 20)
    partition.reader.add([Message(20, NOW, b"sshd: session closed")], 21)
    step = partition.reader.step(100)
    service.handler._pipeline.relearn(step.lines, partition.detector)
    asyncio.run(service.save_all())
    assert snapshot_offset(service) == 20


def snapshot_offset(service: StreamService) -> int:
    """Up to which offset the snapshot in the store has learned."""
    stored = service.store.stored("logs", AT.partition, 4)
    return int(snapshot_metadata(stored.snapshot)["offset"])


def test_lag_is_of_every_partition_that_is_ours(service):
    assert service.partition_states() == []
    service.assignment.joined = True
    partition = handled(service, b"sshd: session opened")
    lags = {"logs/3": (partition.applied, 4), "logs/12": (None, None)}
    service.watcher = SimpleNamespace(lags=lambda: lags)
    for name, (applied, lag) in lags.items():
        service.watchdog.observe(name, applied, lag)
    states = {state.partition: state for state in service.partition_states()}
    assert (states[3].open, states[3].applied, states[3].lag, states[3].newest) == (True, 1, 4, NOW)
    assert (states[12].open, states[12].applied, states[12].lag) == (False, None, None)
