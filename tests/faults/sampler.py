"""Watches from outside, while faults happen, that Kafka is never ahead of the store."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import redis
from confluent_kafka import Consumer, KafkaException, TopicPartition

SECONDS = 0.1
ANSWER_SECONDS = 2.0


class Sampler:
    """Reads the group's committed offsets, then the applied ones, again and again.

    In this order, and since neither goes back, a committed offset above the applied one is a broken promise. Not
    for stores that lose what they had.
    """

    def __init__(
        self, bootstrap: str, group: str, partitions: Callable[[], list[tuple[str, int]]],
        applied: Callable[[], dict[int, int]],
    ) -> None:  # fmt: skip
        self.begin: dict[int, int] = {}
        """Where ``start = latest`` began: committed, although nothing is applied yet."""
        self.samples = 0
        self.broken: list[str] = []
        self.last = ""
        self._partitions, self._applied = partitions, applied
        self._stop = threading.Event()
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it; call it before the servers go."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SECONDS):
            with contextlib.suppress(KafkaException, redis.RedisError, OSError):
                self._sample()
        self._consumer.close()

    def _sample(self) -> None:
        wanted = [TopicPartition(topic, number) for topic, number in self._partitions()]
        committed = {
            found.partition: found.offset
            for found in self._consumer.committed(wanted, timeout=ANSWER_SECONDS)
            if found.error is None and found.offset >= 0
        }
        applied = self._applied()
        self.samples += 1
        self.last = f"committed {committed}, applied {applied}"
        known = {
            partition: max(applied.get(partition, 0), self.begin.get(partition, 0)) for partition in committed
        }
        if any(at > known[partition] for partition, at in committed.items()):
            self.broken.append(self.last)
