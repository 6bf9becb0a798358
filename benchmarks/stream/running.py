"""A worker's run over a full topic: how far it was when, and what it had used by then."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.stream.system import System
from connectors.kafka import end_offsets
from connectors.redis import RedisStore
from stream_processors.demo.run import worker_environment

WORKER = ("-m", "stream_processors.cli", "worker", "--log-level", "warning")
SAMPLE_SECONDS = 0.05
MOST_SECONDS = 3_600.0


class Sample(NamedTuple):
    """A moment of a run."""

    time: float
    applied: dict[int, int]
    """Partition to its applied offset in the store."""
    cpu: float
    """Seconds of user and system time of all workers."""
    received: int
    """Bytes that the store has received."""
    memory: int
    """Bytes that the store holds."""


class Figures(NamedTuple):
    """What a stretch of a run comes to."""

    lines_per_second: float
    cpu_seconds: float
    """Of the workers, for a million lines."""
    redis_bytes: float
    """Received by the store, for a million lines."""
    redis_memory: float
    """Bytes that the store holds at the end."""


class Run(NamedTuple):
    """Samples from a worker's start to the end of the topic."""

    samples: list[Sample]
    ends: dict[int, int]

    def after(self, share: float) -> Figures:
        """From when each partition was past ``share`` of its messages (0: past its first step) until one is at its end.

        So neither the start of the process nor the imports count, nor what is left when a partition has run dry.
        """
        first = next(sample for sample in self.samples if self._past(sample, share))
        last = next(sample for sample in self.samples if self._any_done(sample))
        lines = sum(last.applied.values()) - sum(first.applied.values())
        millions = lines / 1e6
        return Figures(
            lines / (last.time - first.time),
            (last.cpu - first.cpu) / millions,
            (last.received - first.received) / millions,
            last.memory,
        )

    def _past(self, sample: Sample, share: float) -> bool:
        return all(sample.applied.get(partition, 0) > share * end for partition, end in self.ends.items())

    def _any_done(self, sample: Sample) -> bool:
        return any(sample.applied.get(partition) == end for partition, end in self.ends.items())


def run_workers(
    system: System,
    topic: str,
    *,
    cores: Sequence[set[int]] | None = None,
    command: Sequence[str] = WORKER,
    options: dict[str, str] | None = None,
    look: Callable[[Sample], None] = lambda _: None,
) -> Run:
    """Lets new workers of a new group read a topic from its beginning to its end, into an empty store.

    cores: for each worker the cores it may use; one worker on all of them when left out. look: called on every sample.
    """
    client, group = system.empty_store(), f"bench-{uuid.uuid4().hex[:8]}"
    environment = worker_environment(
        system.kafka.bootstrap_servers,
        system.redis.url,
        {"STREAM__TOPICS": topic, "STREAM__GROUP": group, **(options or {})},
    )
    del environment["SECENCODER_KAFKA__API_VERSION"]  # a real broker can be asked
    ends, store = end_offsets(system.kafka, topic), RedisStore(client, group=group)
    samples: list[Sample] = []
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                _process(command, environment, system.folder / f"{group}-{number}.log", allowed)
            )
            for number, allowed in enumerate(cores or [os.sched_getaffinity(0)])
        ]
        until = time.monotonic() + MOST_SECONDS
        while not samples or samples[-1].applied != ends:
            time.sleep(SAMPLE_SECONDS)
            samples.append(_sample(client, store.applied(topic), workers))
            look(samples[-1])
            if time.monotonic() > until:
                raise TimeoutError(f"the worker is at {samples[-1].applied} of {ends}")
    return Run(samples, ends)


def _sample(client: Any, applied: dict[int, int], workers: list[psutil.Process]) -> Sample:
    now, cpu = time.monotonic(), 0.0
    for worker in workers:
        if worker.status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError("a worker ended")
        used = worker.cpu_times()
        cpu += used.user + used.system
    info = client.info()
    return Sample(now, applied, cpu, info["total_net_input_bytes"], info["used_memory"])


@contextmanager
def _process(
    command: Sequence[str], environment: dict[str, str], log: Path, cores: set[int]
) -> Iterator[psutil.Process]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    os.sched_setaffinity(process.pid, cores)
    try:
        yield psutil.Process(process.pid)
    except Exception:
        print(log.read_text(errors="replace")[-3_000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
