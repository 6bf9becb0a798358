"""A stream under faults: stand-in workers, lines that can be told apart, and one check at the end."""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from connectors.redis import RedisSettings, RedisStore, connect
from tests.faults import ledger
from tests.faults.sampler import Sampler
from tests.faults.source import Source
from tests.faults.worker import FOLDER, PARTS, PAUSE
from tests.integration.harness import Stream, WorkerProcess, wait_until

WORKER = (sys.executable, "-m", "tests.faults.worker", "worker")
OPTIONS = {
    "STREAM__BATCH_LINES": "100",
    "STREAM__SESSION_TIMEOUT_SECONDS": "3",
    # Each line is a template of its own, so that its count says how often it was applied.
    "RETENTION__TEMPLATES": "100000",
    # The rest is there, and light.
    "DETECTION__ALERT_BUDGET": "top 2 %",
    "DETECTION__WARMUP": "64",
}
SETTLE_SECONDS = 90.0
"""Bound of the liveness check: from the end of a fault until everything is processed."""
ADMIN_SECONDS = 30.0


@dataclass
class Case(Stream):
    """A topic, its workers and what was sent to it."""

    partitions: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.options = OPTIONS | self.options
        self.source = Source(self.kafka.bootstrap_servers, self.topic, self.partitions)
        self.admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})
        self.switches = self.folder / f"switches-{self.topic}"
        self.switches.mkdir()
        self.sampler: Sampler | None = None

    def environment(self, **options: str) -> dict[str, str]:
        """The worker's settings; ``pause`` is the seconds that each call of the encoder takes."""
        pause = options.pop("pause", self.options.get("pause", "0"))
        environment = super().environment(**options)
        environment.pop("SECENCODER_pause", None)
        return environment | {FOLDER: str(self.switches), PAUSE: pause}

    @contextmanager
    def worker(self, *, command: Sequence[str] = WORKER, **options: str) -> Iterator[WorkerProcess]:
        """A worker with the stand-in encoder; Kafka is watched from the first one on."""
        if self.sampler is None:
            self.sampler = Sampler(
                self.kafka.bootstrap_servers,
                self.group,
                lambda: [(self.topic, number) for number in range(self.source.partitions)],
                self.applied,
            )
        with super().worker(command=command, **options) as worker:
            yield worker

    def kill_workers(self, times: int, draw: random.Random) -> None:
        """Starts a worker and kills it at a random moment after some lines, so many times."""
        for _ in range(times):
            before = self.store.stats(self.topic).lines
            with self.worker() as worker:
                self.wait_until_seen(before + 50)
                time.sleep(draw.uniform(0, 0.5))
                worker.kill()

    def send(self, number: int, **options: object) -> list[str]:
        """``Source.send``."""
        return self.source.send(number, **options)  # type: ignore[arg-type]

    @contextmanager
    def broken(self, part: str) -> Iterator[None]:
        """A part of every worker that fails for every line."""
        assert part in PARTS
        (self.switches / part).touch()
        yield
        (self.switches / part).unlink()

    def check(self, **options: object) -> None:
        """``ledger.check``."""
        ledger.check(self, **options)  # type: ignore[arg-type]

    def close(self) -> None:
        """Ends what watches."""
        if self.sampler is not None:
            self.sampler.stop()
        self.client.close()

    def use(self, url: str) -> None:
        """Reads from another store from now on."""
        self.redis = RedisSettings(url=url, prefix=self.redis.prefix, env=self.redis.env)
        self.client = connect(self.redis)
        self.store = RedisStore(self.client, prefix=self.redis.prefix, env=self.redis.env)

    def keys(self) -> list[bytes]:
        """All of the environment's keys in the store."""
        return list(self.client.scan_iter(match=f"{self.redis.prefix}:{self.redis.env}:*", count=1_000))

    def seen(self, number: int) -> Callable[[], bool]:
        """Whether the store has counted this many lines; not known counts as no."""

        def reached() -> bool:
            with contextlib.suppress(redis.RedisError):
                stats = self.store.stats(self.topic)
                return stats.lines + stats.dead_letters >= number
            return False

        return reached

    def wait_until_seen(self, number: int, *, seconds: float = SETTLE_SECONDS) -> None:
        """Returns once the store has counted this many lines."""
        wait_until(self.seen(number), f"{number} lines", seconds=seconds, state=self.state)

    def wait_until_placed(self, *, seconds: float = SETTLE_SECONDS) -> None:
        """Returns once a worker with ``start = latest`` has said, in Kafka or the store, where it begins."""

        def placed() -> bool:
            known = self.committed().keys() | self.applied().keys()
            return len(known) == self.source.partitions

        assert self.sampler is not None
        self.sampler.begin = self.ends()
        wait_until(placed, "a beginning in every partition", seconds=seconds, state=self.state)

    def state(self) -> str:
        """Offsets and logs, as far as the servers answer."""
        try:
            return super().state()
        except redis.RedisError as error:
            return "\n".join([f"no applied offsets: {error}", *(worker.tail() for worker in self.workers)])

    def said(self, worker: WorkerProcess, pattern: str, *, seconds: float = 40.0) -> str:
        """The first line of a worker's log that matches, whatever the case of its letters."""
        return worker.wait_for_line(f"(?i){pattern}", seconds=seconds)

    def add_partitions(self, total: int) -> None:
        """The topic has this many partitions from now on, and the source sends to them."""
        for done in self.admin.create_partitions([NewPartitions(self.topic, total)]).values():
            done.result(ADMIN_SECONDS)
        self.source.partitions = total

    def delete_topic(self) -> None:
        """Returns once the broker does not know the topic any more."""
        for done in self.admin.delete_topics([self.topic]).values():
            done.result(ADMIN_SECONDS)
        gone = lambda: self.topic not in self.admin.list_topics(timeout=10).topics  # noqa: E731
        wait_until(gone, "the topic's end")

    def create_topic(self, partitions: int = 1) -> None:
        """Makes it, or makes it anew."""
        until = time.monotonic() + ADMIN_SECONDS
        while True:
            (done,) = self.admin.create_topics([NewTopic(self.topic, partitions, 1)]).values()
            try:
                done.result(ADMIN_SECONDS)
            except Exception:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)
            else:
                break
        self.source = Source(
            self.kafka.bootstrap_servers,
            self.topic,
            partitions,
            applied=self.source.applied,
            dead=self.source.dead,
            _numbers=self.source._numbers,
        )

    def delete_records(self, offsets: dict[int, int]) -> None:
        """Removes what is before these offsets, as the topic's retention would."""
        wanted = [TopicPartition(self.topic, partition, at) for partition, at in offsets.items()]
        for done in self.admin.delete_records(wanted).values():
            done.result(ADMIN_SECONDS)


def segment(data: Path, topic: str, partition: int) -> Path:
    """The first file with the records of a partition in a broker's data folder."""
    return sorted((data / f"{topic}-{partition}").glob("*.log"))[0]
