"""A source in one partition, in 4 and in 16: what one has counted, all know. Both stores; Redis is a real one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from connectors.findings import Changes
from connectors.formats import parse
from connectors.memory import MemoryStore
from connectors.records import Line
from connectors.redis import RedisStore, connect
from stream_processors.demo.scenario import scenario
from stream_processors.detection.detectors.rare import Rare
from stream_processors.detection.detectors.sharing import MOST_KEYS
from stream_processors.detection.detectors.words import Words
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.table import TemplateTable
from tests.fakes import TrigramEmbedder, batch_of

LINES, TOGETHER = 4_000, 400
TOP = LINES // 100
SAME = 0.5
"""Share of the most unusual lines that are to be the same in any number of partitions."""


class Topic:
    """A topic whose lines go to its partitions in turn; steps of all partitions come one after the other."""

    def __init__(self, store, partitions: int, *, hear: bool = True) -> None:
        self._store, self._hear, self._embedder = store, hear, TrigramEmbedder()
        self._table = TemplateTable(self._embedder.dim)
        self.scores = np.full(LINES, np.nan)
        self.most_bytes = 0
        """Of the lessons of a step."""
        self._ends: list[int | None] = [None] * partitions
        self.partitions = [self._partition(number, partitions) for number in range(partitions)]

    def _partition(self, number: int, partitions: int) -> PartitionDetector:
        def told(offsets, indexes, scores):
            self.scores[offsets * partitions + number] = scores

        return PartitionDetector(
            "logs",
            number,
            self._embedder.dim,
            DetectionSettings(warmup=64),
            kinds=[Rare(), Words()],
            told=told,
        )

    def step(self, number: int, lines) -> None:
        batch = batch_of(lines, self._embedder, self._table)
        changes = Changes("logs", number, expected=self._ends[number], end=lines[-1].offset + 1)
        self.partitions[number].process(batch, changes)
        self.most_bytes = max(self.most_bytes, len(changes.taught))
        applied = self._store.apply(changes)
        self._ends[number] = changes.end
        self.partitions[number].decided(applied if self._hear else replace(applied, lessons=None))

    def run(self, records) -> np.ndarray:
        count = len(self.partitions)
        for start in range(0, LINES, TOGETHER):
            for number in range(count):
                lines = [
                    Line(place // count, time, record)
                    for place, (time, record) in enumerate(records)
                    if start <= place < start + TOGETHER and place % count == number
                ]
                self.step(number, lines)
        for number, detector in enumerate(self.partitions):
            detector.finish(Changes("logs", number, self._ends[number], self._ends[number] or 0))
        return self.scores


@pytest.fixture(scope="module")
def records():
    return [(line.time, parse(line.line.encode())) for line in scenario(lines=LINES, seed=3)]


@pytest.fixture(scope="module")
def alone(records):
    return Topic(MemoryStore(), 1).run(records)


@pytest.fixture(params=["memory", "redis"])
def store(request):
    if request.param == "memory":
        return MemoryStore()
    settings = request.getfixturevalue("redis_settings")
    return RedisStore(connect(settings), prefix=settings.prefix, env=settings.env)


def same(scores, others) -> float:
    first, second = (set(np.argsort(-found, kind="stable")[:TOP].tolist()) for found in (scores, others))
    return len(first & second) / TOP


@pytest.mark.parametrize("partitions", [4, 16])
def test_any_number_of_partitions_agrees_on_half_of_the_most_unusual_lines(store, records, alone, partitions):
    topic = Topic(store, partitions)
    assert same(topic.run(records), alone) >= SAME
    assert 0 < topic.most_bytes < 2 * 12 * MOST_KEYS + 100


def test_without_lessons_each_partition_would_find_others(records, alone):
    assert same(Topic(MemoryStore(), 16, hear=False).run(records), alone) < SAME - 0.2


def test_a_lesson_is_learned_once_also_by_a_partition_that_reads_lines_again(records):
    topic, lines = Topic(MemoryStore(), 2), [Line(n, *pair) for n, pair in enumerate(records[:300])]
    topic.step(0, lines[:100])
    topic.step(1, lines[100:200])
    topic.step(0, lines[100:200])
    saved = topic.partitions[1].snapshot(200)
    topic.step(1, lines[200:300])
    fresh = topic._partition(1, 2)
    fresh.restore(saved)
    batch = batch_of(lines[200:300], topic._embedder, topic._table)
    fresh.relearn(batch)
    changes = Changes("logs", 1, expected=300, end=300)
    fresh.tick(changes, 0.0)
    assert changes.taught == b""
    fresh.decided(topic._store.apply(changes))
    one, other = topic.partitions[1]._lessons, fresh._lessons
    assert other.heard == one.heard
    kinds = [detector._scoring.ensemble.kinds[0] for detector in (topic.partitions[1], fresh)]
    assert kinds[0]._counts.lines == kinds[1]._counts.lines == 400
