"""The whole system on embedded servers: logs through Kafka and a real worker into a store, then the answers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.kafka import KafkaSettings, end_offsets, ensure_topic
from connectors.kafka.producer import LineProducer
from connectors.redis import RedisSettings, RedisStore, connect
from stream_processors.demo.servers import embedded_broker, embedded_store

TOPIC = "logs"
PARTITIONS = 4
AHEAD_MESSAGES = 4_000
AHEAD_BYTES = 4 << 20
"""How far the producer may be ahead of the worker: the embedded broker keeps only the newest 5 MB of a partition."""
POLL_SECONDS = 0.1


class DemoError(RuntimeError):
    """The demo could not finish; the message says why and shows the end of the worker's log."""


@dataclass(frozen=True, slots=True)
class DemoRun:
    """What happened: messages in, seconds from the first one produced to the last one applied."""

    store: RedisStore
    messages: int
    seconds: float


def worker_environment(kafka: str, redis: str, options: dict[str, str]) -> dict[str, str]:
    """The settings of the worker process as environment variables."""
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "KAFKA__API_VERSION": "2,1",  # the embedded broker cannot be asked for its version
        "REDIS__URL": redis,
        "STREAM__TOPICS": TOPIC,
        "STREAM__STARTUP_SECONDS": "30",
        "STREAM__TIME": "kafka",  # generated logs are of a year that syslog lines among them do not state
        "HEALTH__PORT": "0",
        **options,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SECENCODER_")}
    return kept | {f"SECENCODER_{name}": value for name, value in settings.items()}


@contextmanager
def worker_process(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real ``secencoder worker``, stopped by SIGTERM on leaving, by SIGKILL when that takes too long."""
    command = [sys.executable, "-m", "stream_processors.cli", "worker", "--log-level", "warning"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_demo(
    values: Iterable[bytes],
    *,
    options: dict[str, str],
    seconds: float,
    advance: Callable[[int, int], None],
    show: Callable[[DemoRun], None],
) -> None:
    """Streams ``values`` until they, or ``seconds``, are over, waits for the worker, and shows the answers.

    options: more settings of the worker, e.g. ``{"DETECTION__WINDOW_SECONDS": "10"}``. advance(produced, applied) is
    called as messages move. The servers live until ``show`` returns. Raises DemoError.
    """
    with tempfile.TemporaryDirectory(prefix="secencoder-demo-") as folder, embedded_broker() as broker:
        kafka = KafkaSettings(bootstrap_servers=broker, api_version=(2, 1))
        ensure_topic(kafka, TOPIC, PARTITIONS)
        log = Path(folder) / "worker.log"
        with embedded_store() as url:
            store = RedisStore(connect(RedisSettings(url=url)))
            with worker_process(worker_environment(broker, url, options), log) as worker:
                stream = Stream(kafka, store, worker, log, advance)
                produced, started = stream.produce(values, seconds)
                stream.drain()
                finished = time.monotonic()
            show(DemoRun(store, produced, finished - started))


@dataclass(frozen=True, slots=True)
class Stream:
    """The demo's producer and the worker it must not outrun."""

    kafka: KafkaSettings
    store: RedisStore
    worker: subprocess.Popen[bytes]
    log: Path
    advance: Callable[[int, int], None]

    def produce(self, values: Iterable[bytes], seconds: float) -> tuple[int, float]:
        """Sends messages while the worker keeps up; returns their number and when the first one was read."""
        produced = sent = checked = 0
        started = time.monotonic()
        until: float | None = None  # not before the worker has begun: it may compile for a minute
        with LineProducer(self.kafka, TOPIC, linger_ms=5) as producer:
            for value in values:
                producer.send(value)
                produced += 1
                sent += len(value)
                if produced % 100 == 0 or sent - checked > AHEAD_BYTES // 8:
                    checked = sent
                    applied = self.applied()
                    ahead = min(AHEAD_MESSAGES, AHEAD_BYTES * produced // max(sent, 1))
                    while produced - applied > ahead:
                        time.sleep(POLL_SECONDS)
                        applied = self.applied()
                    self.advance(produced, applied)
                    if until is None and applied:
                        until = time.monotonic() + seconds
                    elif until is not None and time.monotonic() > until:
                        break
        return produced, started

    def drain(self) -> None:
        """Waits until every partition's applied offset is its end offset."""
        ends = {p: end for p, end in end_offsets(self.kafka, TOPIC).items() if end}
        total = sum(ends.values())
        while True:
            applied = self.store.applied(TOPIC)
            self.advance(total, sum(applied.values()))
            if all(applied.get(partition) == end for partition, end in ends.items()):
                return
            self.check_worker()
            time.sleep(POLL_SECONDS)

    def applied(self) -> int:
        """Messages applied so far."""
        self.check_worker()
        return sum(self.store.applied(TOPIC).values())

    def check_worker(self) -> None:
        """Raises DemoError when the worker has ended."""
        if self.worker.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            raise DemoError(f"the worker ended with exit code {self.worker.returncode}:\n{tail}")
