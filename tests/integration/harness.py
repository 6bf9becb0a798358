"""Real worker processes on real servers: start them, kill them, read what they left in Redis and Kafka."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import OffsetAndMetadata, TopicPartition

from connectors import kafka
from connectors.kafka import KafkaSettings
from connectors.redis import RedisSettings, RedisStore, connect
from stream_processors.demo.run import worker_environment

ROOT = Path(__file__).parents[2]
WORKER = (sys.executable, "-m", "stream_processors.cli", "worker")
SECONDS = 150.0
"""Deadline of anything that is waited for; far above what it takes, so that a busy machine fails no test."""
POLL_SECONDS = 0.05
SESSION_SECONDS = 6
"""Silence until the group counts a killed worker as dead."""
LOG_LINES_SHOWN = 40
SUBJECTS = ("sshd", "cron", "kernel", "nginx", "postfix", "sudo", "systemd", "dockerd")
VERBS = ("accepted", "refused", "opened", "closed", "restarted", "timed out for", "rotated", "dropped")
OBJECTS = ("session of alice", "connection to 10.0.0.7", "disk sda1", "table orders", "socket", "volume data")


def log_lines(count: int, *, distinct: int = 384, seed: int = 0) -> list[bytes]:
    """``count`` short lines out of ``distinct`` ones, which the encoder's cache makes quick, in a seeded order."""
    choose = random.Random(seed)
    texts = [f"{s}: {v} {o}" for s in SUBJECTS for v in VERBS for o in OBJECTS]
    chosen = choose.sample(texts, min(distinct, len(texts)))
    return [choose.choice(chosen).encode() for _ in range(count)]


def wait_until(
    predicate: Callable[[], object], what: str, *, seconds: float = SECONDS, state: Callable[[], str] = str
) -> None:
    """Returns once ``predicate()`` is true; fails with ``what`` and the state seen last."""
    until = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds:g} s: {what}\n{state()}")
        time.sleep(POLL_SECONDS)


@dataclass
class WorkerProcess:
    """One ``secencoder worker`` and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def text(self) -> str:
        """All that the worker has written."""
        return self.log.read_text(errors="replace")

    def tail(self) -> str:
        """The end of its log, for failure messages."""
        code = "runs" if self.running else f"ended with exit code {self.process.returncode}"
        return "\n".join([f"{self.log.name}: {code}", *self.text().splitlines()[-LOG_LINES_SHOWN:]])

    def lines_with(self, pattern: str) -> list[str]:
        """The lines of its log that match."""
        return [line for line in self.text().splitlines() if re.search(pattern, line)]

    def opened(self) -> list[tuple[int, int | None, int | None]]:
        """(partition, applied offset, offset read from) in the order in which partitions were opened."""
        found = re.findall(r"/(\d+): applied offset (\w+), reading from (\w+)", self.text())
        return [(int(p), *(None if at == "None" else int(at) for at in ats)) for p, *ats in found]  # type: ignore[misc]

    def took_over(self) -> dict[int, int]:
        """Partition to the applied offset it was last opened at; partitions never applied are left out."""
        return {partition: applied for partition, applied, _ in self.opened() if applied is not None}

    def assigned(self) -> set[int]:
        """The partitions of the latest assignment."""
        assignments = re.findall(r"assigned: (.*)", self.text())
        return {int(number) for number in re.findall(r"/(\d+)", assignments[-1])} if assignments else set()

    def wait_for_line(self, pattern: str, *, seconds: float = SECONDS) -> str:
        """The first line of the log that matches, once it is there."""
        wait_until(
            lambda: self.lines_with(pattern), f"a log line like {pattern!r}", seconds=seconds, state=self.tail
        )
        return self.lines_with(pattern)[0]

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds: float = 60.0) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = SECONDS) -> int:
        """The exit code, once it has ended by itself."""
        wait_until(lambda: not self.running, "the worker's end", seconds=seconds, state=self.tail)
        return self.process.returncode


@dataclass
class Stream:
    """A topic, a consumer group, a store of its own, and the workers between them."""

    kafka: KafkaSettings
    redis: RedisSettings
    topic: str
    folder: Path
    options: dict[str, str] = field(default_factory=dict)
    workers: list[WorkerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.group = f"group-{self.topic}"
        self.client = connect(self.redis)
        self.store = RedisStore(self.client, prefix=self.redis.prefix, env=self.redis.env)

    def environment(self, **options: str) -> dict[str, str]:
        """The worker's settings as environment variables."""
        settings = {
            "STREAM__TOPICS": self.topic,
            "STREAM__GROUP": self.group,
            "STREAM__DEAD_LETTER_TOPIC": f"{self.topic}.dead-letter",
            "STREAM__SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
            "STREAM__STARTUP_SECONDS": "300",
            "REDIS__ENV": self.redis.env,
            "ENCODER__THREADS": "1",
            **self.options,
            **options,
        }
        environment = worker_environment(self.kafka.bootstrap_servers, self.redis.url, settings)
        del environment["SECENCODER_KAFKA__API_VERSION"]  # a real broker can be asked
        return environment | {"PYTHONUNBUFFERED": "1"}

    @contextmanager
    def worker(self, *, command: Sequence[str] = WORKER, **options: str) -> Iterator[WorkerProcess]:
        """A worker process, killed on leaving if it still runs."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment(**options),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        worker = WorkerProcess(process, log)
        self.workers.append(worker)
        try:
            yield worker
        finally:
            worker.kill()

    def produce(
        self,
        values: Iterable[bytes | None],
        *,
        partitions: int = 1,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Sends the values to the partitions in turn, and returns once all are acknowledged."""
        options = {"acks": "all", "linger_ms": 20, "max_request_size": 9 << 20}
        with closing(KafkaProducer(**self.kafka.client_kwargs(), **options)) as producer:
            futures = [
                producer.send(
                    self.topic, value=value, key=key, partition=at % partitions, headers=list(headers)
                )
                for at, value in enumerate(values)
            ]
            producer.flush(timeout=SECONDS)
            for future in futures:
                future.get(timeout=SECONDS)

    def applied(self) -> dict[int, int]:
        """Per partition the offset that the store stands at."""
        return self.store.applied(self.topic)

    def applied_sum(self) -> int:
        """Lines that the store has taken."""
        return sum(self.applied().values())

    def ends(self) -> dict[int, int]:
        """Per partition the topic's end."""
        return kafka.end_offsets(self.kafka, self.topic)

    def committed(self) -> dict[int, int]:
        """Per partition the group's committed offset."""
        return kafka.committed(self.kafka, self.group, self.topic)

    def commit(self, offsets: dict[int, int]) -> None:
        """Sets the group's committed offsets, while no worker is in it."""
        positions = {
            TopicPartition(self.topic, p): OffsetAndMetadata(at, "", -1) for p, at in offsets.items()
        }
        with closing(
            KafkaConsumer(**self.kafka.client_kwargs(), group_id=self.group, enable_auto_commit=False)
        ) as c:
            c.assign(list(positions))
            c.commit(positions)

    def pattern_lines(self) -> int:
        """Lines counted under patterns, those of forgotten patterns included."""
        forgotten = self.store.stats(self.topic).forgotten_template_lines
        return sum(pattern.count for pattern in self.store.patterns(self.topic)) + forgotten

    def state(self) -> str:
        """Offsets and the workers' logs, for failure messages."""
        return "\n".join([f"applied {self.applied()}", *(worker.tail() for worker in self.workers)])

    def wait_until(self, predicate: Callable[[], object], what: str, *, seconds: float = SECONDS) -> None:
        """``wait_until`` that shows offsets and logs when it fails."""
        wait_until(predicate, what, seconds=seconds, state=self.state)

    def wait_until_applied(self, count: int) -> None:
        """Waits until at least ``count`` lines are applied."""
        self.wait_until(lambda: self.applied_sum() >= count, f"{count} lines applied")

    def wait_until_done(self) -> None:
        """Waits until the store and the committed offsets have reached the topic's end."""
        ends = {partition: end for partition, end in self.ends().items() if end}
        self.wait_until(lambda: self.applied() == ends, f"applied offsets {ends}")
        self.wait_until(lambda: self.committed() == ends, f"committed offsets {ends}")

    def assert_each_line_counted_once(self) -> None:
        """The store's totals are those of the topic: nothing lost, nothing twice."""
        lines = sum(self.ends().values())
        stats = self.store.stats(self.topic)
        counted = {
            "applied": self.applied_sum(),
            "lines": stats.lines + stats.dead_letters,
            "in patterns": self.pattern_lines() + stats.dead_letters,
        }
        assert counted == dict.fromkeys(counted, lines), self.state()


def read_topic(settings: KafkaSettings, topic: str) -> list:
    """Every message of a topic."""
    options = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 5_000, "enable_auto_commit": False}
    options |= {"fetch_max_bytes": 32 << 20, "max_partition_fetch_bytes": 16 << 20}
    ends = kafka.end_offsets(settings, topic)
    wanted = sum(ends.values())
    messages: list = []
    with closing(KafkaConsumer(**settings.client_kwargs(), **options)) as consumer:
        consumer.assign([TopicPartition(topic, partition) for partition in ends])
        while len(messages) < wanted:
            before = len(messages)
            messages += [m for batch in consumer.poll(timeout_ms=5_000).values() for m in batch]
            assert len(messages) > before, f"{before} of {wanted} messages of {topic} read"
    return messages
