"""What is noticed although no line comes; with real servers in ``tests/faults``."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import TopicPartition

from connectors import kafka
from connectors.findings import Changes
from connectors.kafka import KafkaSettings
from connectors.memory import MemoryStore
from stream_processors.delivery.batches import Partition
from stream_processors.delivery.fetching import Fetcher
from stream_processors.delivery.troubles import Troubles
from stream_processors.delivery.watching import Watcher

FIRST, SECOND = TopicPartition("logs", 0), TopicPartition("logs", 1)


class FakeConsumer:
    """The end of each assigned partition, as the brokers said last."""

    def __init__(self, **ends: int | None) -> None:
        self.ends = {TopicPartition("logs", int(number[1:])): end for number, end in ends.items()}

    def assignment(self) -> set[TopicPartition]:
        return set(self.ends)

    def last_stable_offset(self, at: TopicPartition) -> int | None:
        return self.ends[at]

    def highwater(self, at: TopicPartition) -> int | None:
        return None


class Scene:
    """A store that has applied 10 lines of each of two partitions, both open."""

    def __init__(self, monkeypatch) -> None:
        self.store = MemoryStore()
        self.consumer = FakeConsumer(_0=10, _1=10)
        self.troubles = Troubles()
        self.fetcher = Fetcher(self.consumer, self.troubles, None, None, batch_lines=500, unchanged=None)
        for at in (FIRST, SECOND):
            self.store.apply(Changes("logs", at.partition, expected=None, end=10, lines=10))
            partition = Partition(at, None, 10, position=10, topic_id="id-1")
            self.fetcher.partitions[at] = partition
        self.ids = {"logs": "id-1"}
        monkeypatch.setattr(kafka, "topic_ids", lambda settings, topics: self.ids)
        self.watcher = Watcher(self.store, self.fetcher, KafkaSettings(), self.consumer, "group")

    def look(self) -> set[TopicPartition]:
        """The partitions that are still open after a look."""
        asyncio.run(self.watcher.look())
        return set(self.fetcher.partitions)


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def test_what_the_store_has_is_left_alone(scene):
    assert scene.look() == {FIRST, SECOND}


def test_a_partition_whose_tail_the_store_lost_is_opened_anew_although_no_line_comes(scene):
    scene.store.restart("logs", 1, expected=10, start=3, topic_id="id-1")
    assert scene.look() == {FIRST}


def test_a_partition_with_a_batch_on_its_way_is_not_compared(scene):
    scene.store.restart("logs", 1, expected=10, start=3, topic_id="id-1")
    scene.fetcher.partitions[SECOND].unfinished = 1
    assert scene.look() == {FIRST, SECOND}


@pytest.mark.parametrize(("now", "left"), [("id-2", set()), (None, {FIRST, SECOND})])
def test_a_topic_that_was_made_anew_is_opened_anew(scene, now, left):
    scene.ids = {"logs": now}
    assert scene.look() == left


def test_a_source_that_another_group_took_is_closed(scene):
    scene.store.claim("logs", "group", 0.0)
    scene.store.claim("logs", "other", time.time())
    assert scene.look() == set()


def test_lag_counts_offsets_and_a_partition_that_is_not_open_is_behind_by_an_unknown_number(scene):
    scene.consumer.ends = {FIRST: 17, SECOND: None, TopicPartition("logs", 2): 5}
    assert scene.watcher.lags() == {"logs/0": (10, 7), "logs/1": (10, 0), "logs/2": (None, None)}


def test_why_a_partition_cannot_go_on_is_in_the_store_until_it_can(scene):
    asyncio.run(scene.watcher.tell(scene.troubles))
    assert scene.store.troubles("logs") == {}
    scene.troubles.add(SECOND, "can't be read at 10: Invalid CRC")
    asyncio.run(scene.watcher.tell(scene.troubles))
    assert scene.store.troubles("logs") == {1: "can't be read at 10: Invalid CRC"}
    scene.troubles.succeeded(SECOND, 5)
    asyncio.run(scene.watcher.tell(scene.troubles))
    assert scene.store.troubles("logs") == {}


def test_a_new_owner_takes_back_what_the_last_one_said(scene):
    scene.store.blame("logs", 0, "can't be opened: gone")
    asyncio.run(scene.watcher.tell(scene.troubles))
    assert scene.store.troubles("logs") == {}
