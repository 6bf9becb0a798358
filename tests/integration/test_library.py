"""Detectors inside other people's frameworks, as docs/library.md shows it, over a real topic."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import numpy as np
import pytest
from aiokafka.consumer.fetcher import PartitionRecords
from kafka import KafkaConsumer, KafkaProducer

from connectors.kafka.streaming import AS_COPIES
from stream_processors.detector import Detector
from stream_processors.pool import DetectorPool
from tests.test_library_page import examples, run

SETTINGS = {"detection.warmup": 64}
ALARM = "kernel: Out of memory: killed process 4721 (backup)"
LINES = [f"sshd[{n}]: session opened for user u{n % 5}" for n in range(300)]
LINES.insert(200, ALARM)
SECONDS = 60.0


@pytest.fixture
def example(tmp_path):
    """What the page's example of a framework defines."""

    def defined(kind):
        (code,) = examples(kind)
        return run(code, tmp_path)

    return defined


@pytest.fixture(autouse=True)
def process_without_worker(monkeypatch):
    """Whatever ran in this one before."""
    monkeypatch.setattr(PartitionRecords, "_consumer_record", AS_COPIES)


def produce(settings, topic):
    """All lines into a topic."""
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    for number, line in enumerate(LINES):
        producer.send(topic, line.encode(), timestamp_ms=1_741_680_000_000 + 1_000 * number)
    producer.flush()
    producer.close()


def test_in_a_faust_agent(kafka_settings, topic_factory, no_settings, example):
    logs, scored = topic_factory(), topic_factory()
    produce(kafka_settings, logs)
    pool = DetectorPool(SETTINGS)
    found: list[dict] = []

    def done():
        for batch in consumer.poll(200).values():
            found.extend(json.loads(record.value) for record in batch)
        return len([one for one in found if "late" not in one]) >= len(LINES)

    async def score():
        app = example("faust")["make_app"](kafka_settings.bootstrap_servers, logs, scored, pool)
        app.conf.topic_disable_leader = True
        app.conf.consumer_auto_offset_reset = "earliest"
        await app.start()
        until = time.monotonic() + SECONDS
        while not await asyncio.to_thread(done) and time.monotonic() < until:
            pass
        await app.stop()

    consumer = KafkaConsumer(
        scored, bootstrap_servers=kafka_settings.bootstrap_servers, auto_offset_reset="earliest"
    )
    asyncio.run(score())
    consumer.close()
    results = [one for one in found if "late" not in one]
    assert [one["offset"] for one in results] == list(range(len(LINES)))
    assert [one["text"] for one in results] == LINES
    assert {one["offset"] for one in results if one["waiting"]} == {
        one["offset"] for one in found if "late" in one
    }
    assert results[200]["flagged"] and results[200]["reasons"]
    assert results[200]["timestamp"] == 1_741_680_200.0
    assert (list(pool), pool[f"{logs}-0"].messages) == ([f"{logs}-0"], len(LINES))


def test_in_a_quix_streams_application(kafka_settings, topic_factory, no_settings, example):
    pytest.importorskip("quixstreams", reason="quixstreams is not installed (extra quix)")
    logs, names = topic_factory(), example("quix")
    produce(kafka_settings, logs)
    seen, late, batches = [], [], []
    enough = threading.Event()

    class Kept(names["Scores"]):
        def take(self, results):
            super().take(results)
            batches.append(len(results))
            seen.extend(results)
            late.extend(results.late)
            if len(seen) >= len(LINES):
                enough.set()

    app = names["make_app"](kafka_settings.bootstrap_servers, logs, Kept(DetectorPool(SETTINGS)))
    app.run(timeout=SECONDS, count=len(LINES))
    assert enough.is_set()
    assert [one.text for one in seen] == LINES
    assert seen[200].flagged
    assert seen[200].timestamp == 1_741_680_200.0
    alone, begin, scores = Detector(SETTINGS, source="alone"), 0, []
    for size in batches:
        times = [1_741_680_000.0 + n for n in range(begin, begin + size)]
        scores.append(alone.process(LINES[begin : begin + size], times).scores)
        begin += size
    assert np.array_equal([one.score for one in seen], np.concatenate(scores), equal_nan=True)
