"""Soak: a worker over a steady stream for a long time, and whether anything of it grows.

Kafka (the real one where there is one, else the embedded broker), Redis and a worker are started; generated logs come
at a steady rate, new templates among them. Resident memory, Redis' memory, file handles, threads and lag are looked at
every few seconds. What the store keeps is bounded low, so that a run of half an hour is past the bounds when the
warm-up, a third of the time, is over; in a shorter one memory still fills. After the warm-up a slope is fitted to each
measure; the run fails, with exit code 1, when even the low end of a slope's interval is above the bound. Ctrl-C ends it
with the report so far.

Run: python -m benchmarks.soak --minutes 30
"""

from __future__ import annotations

import argparse
import csv
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from benchmarks.slopes import Slope, bars, draw, slope_of
from connectors.kafka import KafkaSettings, ensure_topic
from connectors.redis import RedisSettings, RedisStore, connect
from stream_processors.demo.run import worker_environment
from stream_processors.demo.scenario import scenario
from stream_processors.demo.servers import StoreServer, embedded_broker
from tests.servers import Unavailable, find_kafka

TOPIC, PARTITIONS = "soak", 4
TICK_SECONDS = 0.1
CHUNK_LINES = 5_000
KEPT = 200
"""Entries of each kind that the store keeps."""
SETTINGS = {
    "STREAM__TOPICS": TOPIC,
    "STREAM__SNAPSHOT_LINES": "5000",
    "DETECTION__WINDOW_SECONDS": "60",
    "RETENTION__WINDOW_HOURS": "0.05",
    **{f"RETENTION__{name}": str(KEPT) for name in ("ANOMALIES", "WINDOWS", "ALERTS", "OUTBOX", "TEMPLATES")},
    "RETENTION__ANOMALY_HOURS": "0.05",
}
START_SECONDS = 600.0


class Measure(NamedTuple):
    """What is looked at, and how much of it an hour may add."""

    name: str
    bound: float
    unit: str


MEASURES = (
    Measure("resident memory", 50.0, "MB"),
    Measure("Redis memory", 10.0, "MB"),
    Measure("file handles", 4.0, ""),
    Measure("threads", 4.0, ""),
    Measure("lag", 3_600.0, "messages"),
)


class Sample(NamedTuple):
    """A moment: seconds since the first one, then a value for each measure."""

    seconds: float
    values: tuple[float, ...]


def lines(rate: float, new_every: float, seed: int) -> Iterator[bytes]:
    """Generated lines without end; about every ``new_every`` seconds one whose template was never seen."""
    choose = random.Random(seed)
    while True:
        for line in scenario(lines=CHUNK_LINES, seed=choose.randrange(1 << 30), rate=rate, start=time.time()):
            yield line.line.encode()
            if choose.random() < 1 / (rate * new_every):
                words = ["".join(choose.choices("bdfgklmnprstvz" + 2 * "aeiou", k=7)) for _ in range(3)]
                yield "deploy: {} could not {} the {} in time".format(*words).encode()


@contextmanager
def broker(folder: Path) -> Iterator[KafkaSettings]:
    """The real Kafka, or the embedded one where there is none."""
    folder.mkdir()
    try:
        real = find_kafka(folder)
    except Unavailable:
        with embedded_broker() as bootstrap:
            yield KafkaSettings(bootstrap_servers=bootstrap, api_version=(2, 1))
        return
    try:
        real.start()
        yield KafkaSettings(bootstrap_servers=real.bootstrap)
    finally:
        real.stop()


@contextmanager
def worker(kafka: KafkaSettings, redis: RedisSettings, log: Path) -> Iterator[psutil.Process]:
    """A worker in a session of its own, so that Ctrl-C is ours alone."""
    environment = worker_environment(kafka.bootstrap_servers, redis.url, SETTINGS)
    if kafka.api_version is None:
        del environment["SECENCODER_KAFKA__API_VERSION"]
    command = [sys.executable, "-m", "stream_processors.cli", "worker", "--log-level", "warning"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Soak:
    """The stream and what was seen of it."""

    def __init__(self, options: argparse.Namespace, kafka: KafkaSettings, redis: RedisSettings) -> None:
        self._options, self._client = options, connect(redis)
        self._store = RedisStore(self._client)
        self._producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "linger.ms": 20})
        self._sent = 0
        self._lines = lines(options.rate, options.new_every, options.seed)
        self.samples: list[Sample] = []

    def run(self, process: psutil.Process, show: Console) -> None:
        """Streams until the time is over. Raises RuntimeError when the worker ends."""
        self._wait_until_it_reads(process)
        started = time.monotonic()
        sample_at = 0.0
        while (now := time.monotonic() - started) < self._options.minutes * 60:
            self._send(int(now * self._options.rate))
            if now >= sample_at:
                self.samples.append(Sample(now, self._look(process)))
                sample_at = now + self._options.every
                values = ", ".join(
                    f"{measure.name} {value:,.0f}"
                    for measure, value in zip(MEASURES, self.samples[-1].values, strict=True)
                )
                show.print(f"{now / 60:6.1f} min: {values}", highlight=False)
            time.sleep(TICK_SECONDS)

    def _wait_until_it_reads(self, process: psutil.Process) -> None:
        """One line, and the worker has started when it has taken effect: it may have to compile first."""
        self._before, until = 1, time.monotonic() + START_SECONDS
        self._produce()
        self._producer.flush(60)
        while not self._applied():
            if not alive(process) or time.monotonic() > until:
                raise RuntimeError("the worker did not start")
            time.sleep(0.5)

    def _produce(self) -> None:
        self._producer.produce(TOPIC, next(self._lines), partition=self._sent % PARTITIONS)
        self._sent += 1

    def _send(self, target: int) -> None:
        while self._sent < target + self._before:
            self._produce()
        self._producer.poll(0)

    def _applied(self) -> int:
        return sum(self._store.applied(TOPIC).values())

    def _look(self, process: psutil.Process) -> tuple[float, ...]:
        if not alive(process):
            raise RuntimeError("the worker ended")
        return (
            process.memory_info().rss / 1e6,
            self._client.info("memory")["used_memory"] / 1e6,
            float(process.num_fds()),
            float(process.num_threads()),
            float(self._sent - self._applied()),
        )


def alive(process: psutil.Process) -> bool:
    """Whether it runs; what ended and was not waited for does not."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def report(samples: list[Sample], folder: Path, show: Console) -> bool:
    """Prints slopes and drawings, keeps them in the folder; whether all slopes are within their bounds."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [measure.name for measure in MEASURES]
    with (folder / "samples.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["seconds", *names], *([s.seconds, *s.values] for s in samples)])
    warm = samples[-1].seconds / 3 if samples else 0.0
    after = [sample for sample in samples if sample.seconds >= warm]
    if len(after) < 10:
        show.print(f"{len(after)} samples after the warm-up are too few for a slope")
        return False
    times = [sample.seconds for sample in after]
    slopes: dict[str, Slope] = {}
    table = Table("measure", "first", "last", "an hour adds", "95 %", "bound", "", "whole run")
    within = True
    for place, measure in enumerate(MEASURES):
        values = [sample.values[place] for sample in after]
        slope = slopes[measure.name] = slope_of(times, values)
        fine = slope.low * 3_600 <= measure.bound
        within &= fine
        table.add_row(
            f"{measure.name} {measure.unit and f'({measure.unit})'}",
            *(f"{value:,.1f}" for value in (values[0], values[-1], slope.middle * 3_600)),
            f"{slope.low * 3_600:,.1f} to {slope.high * 3_600:,.1f}",
            f"{measure.bound:,.0f}",
            "ok" if fine else "GROWS",
            bars([sample.values[place] for sample in samples]),
        )
    show.print(table)
    measures = {name: [sample.values[place] for sample in samples] for place, name in enumerate(names)}
    try:
        draw(folder / "soak.png", [sample.seconds for sample in samples], measures, slopes, warm)
    except ImportError:
        show.print("no picture: matplotlib is not installed")
    show.print(f"samples and drawing: {folder}", highlight=False)
    return within


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=500.0, help="lines a second")
    parser.add_argument("--new-every", type=float, default=2.0, help="seconds between new templates, about")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two looks")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("runs/soak"))
    options = parser.parse_args(arguments)
    show = Console(width=170)
    failure: str | None = None
    samples: list[Sample] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="secencoder-soak-")))
        try:
            kafka = stack.enter_context(broker(folder / "kafka"))
            store = StoreServer(folder / "store")
            stack.callback(store.stop)
            store.start()
            redis = RedisSettings(url=store.url)
            ensure_topic(kafka, TOPIC, PARTITIONS)
            soak = Soak(options, kafka, redis)
            samples = soak.samples
            log = folder / "worker.log"
            soak.run(stack.enter_context(worker(kafka, redis, log)), show)
        except KeyboardInterrupt:
            show.print("ended early")
        except RuntimeError as error:
            failure = f"{error}; its log ends with:\n{log.read_text(errors='replace')[-3_000:]}"
        within = report(samples, options.output, show)
    if failure is not None:
        show.print(failure, highlight=False, markup=False)
    return 0 if within and failure is None else 1


if __name__ == "__main__":
    sys.exit(main())
