"""Lines in steps of several partitions into a store, as a worker takes them, without Kafka and in one process."""

from __future__ import annotations

import time

from benchmarks.stream.lines import RATE, messages
from connectors.findings import Changes
from connectors.records import Message
from connectors.redis import RedisStore
from stream_processors.alerts.folding import fold
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.reading import LineReader
from stream_processors.detection.sources import Sources
from stream_processors.detection.windows import OPEN_WINDOWS
from stream_processors.settings import Settings

SOURCE, MODEL, PARTITIONS = "logs", "benchmark@1#0", 4
OPENED = 10
"""Times that a partition is opened, or warmed up."""


class Stream:
    """One content in steps, on its way into a store."""

    def __init__(self, content: str, lines: int, pipeline: Pipeline, dim: int, settings: Settings) -> None:
        self._pipeline, self._dim, self._settings = pipeline, dim, settings
        self._batch = settings.stream.batch_lines
        values, first = messages(content, lines), time.time() - lines / RATE
        self.bytes_per_line = sum(map(len, values)) / lines
        self._messages = [
            [
                Message(offset, first + (offset * PARTITIONS + number) / RATE, value)
                for offset, value in enumerate(values[number::PARTITIONS])
            ]
            for number in range(PARTITIONS)
        ]
        self._readers = [LineReader() for _ in range(PARTITIONS)]
        self._memories = [self.memory(number) for number in range(PARTITIONS)]
        self._applied: list[int | None] = [None] * PARTITIONS

    def memory(self, number: int) -> Sources:
        """A partition's memory with nothing in it."""
        return Sources(SOURCE, number, self._dim, self._settings.detection, model=MODEL)

    def run(self, store: RedisStore, begin: float, end: float) -> tuple[int, int, float]:
        """Takes lines from one share of each partition to another: lines, steps, CPU seconds of the store's client."""
        lines, steps, cpu = 0, 0, 0.0
        size = len(self._messages[0])
        for at in range(int(begin * size), int(end * size), self._batch):
            for number, memory in enumerate(self._memories):
                batch = self._messages[number][at : min(at + self._batch, int(end * size))]
                self._readers[number].add(batch, batch[-1].offset + 1)
                while (step := self._readers[number].step(self._batch)) is not None:
                    changes = self._changes(number, step.end)
                    self._pipeline.process(step.lines, memory, changes, step.failed)
                    fold(changes)
                    began = time.process_time()
                    decided = store.apply(changes)
                    cpu += time.process_time() - began
                    memory.decided(decided)
                    self._applied[number] = step.end
                    lines, steps = lines + changes.lines, steps + 1
        return lines, steps, cpu

    def _changes(self, number: int, end: int) -> Changes:
        return Changes(SOURCE, number, expected=self._applied[number], end=end, model=MODEL, now=time.time())

    def save(self, store: RedisStore) -> float:
        """Takes a snapshot of every partition; their bytes on average."""
        sizes = []
        for number, memory in enumerate(self._memories):
            end = self._applied[number] or 0
            changes = self._changes(number, end)
            memory.snapshot(end, changes)
            store.apply(changes)
            sizes.append(len(changes.snapshot or b""))
        return sum(sizes) / len(sizes)

    def open(self, store: RedisStore) -> float:
        """CPU seconds of opening a partition that is known."""
        began = time.process_time()
        for _ in range(OPENED):
            self.memory(0).restore(store.stored(SOURCE, 0, OPEN_WINDOWS))
        return (time.process_time() - began) / OPENED

    def warm_up(self) -> float:
        """CPU seconds of the warm-up of a new partition, all its lines in one batch."""
        lines = self._settings.detection.warmup
        reader = LineReader()
        reader.add(self._messages[0][:lines], lines)
        step = reader.step(lines)
        assert step is not None
        began = time.process_time()
        for _ in range(OPENED):
            self._pipeline.process(step.lines, self.memory(9), Changes(SOURCE, 9, None, step.end))
        return (time.process_time() - began) / OPENED
