"""A real Kafka and a real Redis for one run, and topics that are full before anyone reads them."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.stream.lines import RATE
from connectors.kafka import KafkaSettings, ensure_topic
from connectors.redis import RedisSettings, connect
from stream_processors.demo.servers import StoreServer
from tests.servers import find_kafka

PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class System:
    """The servers, and a folder for the logs of what runs on them."""

    kafka: KafkaSettings
    redis: RedisSettings
    folder: Path

    def topic(self, values: Sequence[bytes]) -> str:
        """A new topic that holds the values, in turn over its partitions, with times up to now.

        Messages are not compressed, and their times run at ``RATE`` a second.
        """
        name = f"logs-{uuid.uuid4().hex[:8]}"
        ensure_topic(self.kafka, name, PARTITIONS)
        producer = Producer(
            {
                "bootstrap.servers": self.kafka.bootstrap_servers,
                "linger.ms": 50,
                "batch.size": 1 << 20,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        first = time.time() - len(values) / RATE
        for at, value in enumerate(values):
            moment = int((first + at / RATE) * 1_000)
            while True:
                try:
                    producer.produce(name, value, partition=at % PARTITIONS, timestamp=moment)
                    break
                except BufferError:
                    producer.poll(0.1)
            if at % 1_000 == 0:
                producer.poll(0)
        if left := producer.flush(60):
            raise RuntimeError(f"{left} messages were not taken by Kafka")
        return name

    def empty_store(self) -> Any:
        """A client of the store, which holds nothing then."""
        client = connect(self.redis)
        client.flushall()
        return client


@contextmanager
def servers() -> Iterator[System]:
    """Kafka and the store, stopped on leaving. The store writes every step to disk before it answers (AOF, always)."""
    with tempfile.TemporaryDirectory(prefix="secencoder-stream-") as name:
        folder = Path(name)
        (folder / "kafka").mkdir()
        broker, store = find_kafka(folder / "kafka"), StoreServer(folder / "store", aof=True)
        try:
            broker.start()
            store.start()
            yield System(
                KafkaSettings(bootstrap_servers=broker.bootstrap), RedisSettings(url=store.url), folder
            )
        finally:
            store.stop()
            broker.stop()
