"""Topics as clusters have them: compressed, damaged, transactional, aged out, made anew, missing.

| case                               | what it shows                                                             |
| ---------------------------------- | ------------------------------------------------------------------------- |
| every codec                        | a plain install reads them all                                            |
| one partition can't be read        | the others lose nothing; once it is mended it loses nothing either        |
| transactions                       | aborted lines are not there, and lag comes to 0                           |
| retention passed the offset        | what is left is read, what is gone is counted                             |
| a topic made anew                  | its first lines are read, however long it is, the worker running or not   |
| a missing topic                    | the worker waits for it and does not make it                              |
| the broker killed, and down        | the worker waits, and its log stays readable                              |
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.case import segment
from tests.integration.harness import ROOT, wait_until
from tests.servers import RealKafka

SLOW = "0.02"
CODECS = ("gzip", "snappy", "lz4", "zstd")
AUTO_CREATE = "auto.create.topics.enable="
LOGGED_A_SECOND = 10


@pytest.fixture
def own_kafka(kafka_server) -> RealKafka:
    """The broker with its files at hand."""
    if not isinstance(kafka_server, RealKafka):
        pytest.skip(f"this case reaches into the broker's files; unset {kafka_server.variable}")
    return kafka_server


@pytest.mark.faults
def test_topics_in_every_codec_are_read(case_factory):
    case = case_factory(2)
    with case.worker():
        for codec in CODECS:
            case.send(200, producer=case.source.producer(**{"compression.type": codec}))
        case.check()


def flip_last_byte(file: Path) -> None:
    """Makes the check sum of the file's last batch wrong, or right again."""
    with file.open("r+b") as records:
        records.seek(-1, 2)
        byte = records.read(1)[0]
        records.seek(-1, 2)
        records.write(bytes([byte ^ 0xFF]))


def test_a_partition_that_cannot_be_read_takes_no_line_of_the_others(case_factory, own_kafka):
    case = case_factory(3, pause=SLOW)
    case.send(100, partitions=[1])
    case.send(100, partitions=[1])
    file = segment(own_kafka.directory / "data", case.topic, 1)
    flip_last_byte(file)
    with case.worker() as worker:
        for _ in range(20):
            case.send(100, partitions=[0, 2])
            time.sleep(0.2)
        ends = case.ends()
        case.wait_until(
            lambda: {p: at for p, at in case.applied().items() if p != 1} == {0: ends[0], 2: ends[2]},
            "the readable partitions at their ends",
        )
        assert case.applied().get(1, 0) <= 100
        case.said(worker, f"{case.topic}/1.*(corrupt|crc|read)")
        assert worker.running, worker.tail()
        flip_last_byte(file)
        case.check()


@pytest.mark.faults
def test_a_partition_is_read_on_once_what_was_damaged_is_deleted(case_factory, own_kafka):
    case = case_factory(2)
    case.send(100, partitions=[1])
    lost = case.send(100, partitions=[1])
    flip_last_byte(segment(own_kafka.directory / "data", case.topic, 1))
    with case.worker():
        case.send(300, partitions=[0])
        case.wait_until_seen(400)
        time.sleep(2)
        case.send(300, partitions=[0, 1])
        case.delete_records({1: 200})
        case.source.applied -= set(lost)
        case.check(expired=100)


def test_lines_of_aborted_transactions_are_not_there_and_lag_comes_to_nothing(case_factory):
    case = case_factory(2)
    with case.worker():
        for commit in (True, False, True, False):
            with case.source.transaction(commit=commit) as producer:
                case.send(100, producer=producer, fate="applied" if commit else "never")
            case.send(20)
        case.check()
        with case.source.transaction(commit=False) as producer:
            case.send(40, producer=producer, fate="never")
        case.check()  # at the end, although no line came after the last marker


def query(case, *words: str) -> list[dict]:
    """What a query answers."""
    command = [sys.executable, "-m", "stream_processors.cli", "query", *words, "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=case.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.faults
def test_lines_that_retention_removed_before_they_were_read_are_counted(case_factory):
    case = case_factory()
    case.send(300)
    with case.worker() as worker:
        case.wait_until_seen(300)
        assert worker.terminate() == 0
    aged = case.send(600)[:400]
    case.delete_records({0: 700})
    case.source.applied -= set(aged)
    with case.worker():
        case.check(expired=400)
    (source,) = query(case, "sources")
    assert (source["expired"], source["lines"]) == (400, 500)


@pytest.mark.parametrize(
    "running", [False, pytest.param(True, marks=pytest.mark.faults)], ids=["no worker", "a worker running"]
)
@pytest.mark.parametrize(
    "lines", [pytest.param(150, marks=pytest.mark.faults), 700], ids=["shorter", "longer"]
)
def test_a_topic_made_anew_is_read_from_its_first_line(case_factory, lines, running):
    case = case_factory(2)
    case.send(400)
    with case.worker() as worker:
        case.wait_until_seen(400)
        if not running:
            assert worker.terminate() == 0
        case.delete_topic()
        case.create_topic(2)
        case.send(lines)
        if running:
            # Places and window parts of the old topic and of the new one may have one name.
            case.check(windows=False, anomalies=False, commits=False)
    if not running:
        with case.worker() as worker:
            case.check(windows=False, anomalies=False, commits=False)
    case.said(worker, "anew|another topic|topic id")


@contextmanager
def altered(server: RealKafka, old: str, new: str) -> Iterator[None]:
    """The broker with another line among its properties."""
    properties = server.directory / "server.properties"
    before = properties.read_text()
    assert old in before
    try:
        server.stop()
        properties.write_text(before.replace(old, new))
        server.start()
        yield
    finally:
        server.stop()
        properties.write_text(before)
        server.start()


@pytest.mark.faults
def test_a_missing_topic_is_waited_for_and_not_made(case_factory, own_kafka):
    case = case_factory()
    case.delete_topic()
    with altered(own_kafka, f"{AUTO_CREATE}false", f"{AUTO_CREATE}true"), case.worker() as worker:
        case.said(worker, "waiting for it")
        time.sleep(10)
        assert case.topic not in case.admin.list_topics(timeout=10).topics, "the worker has made the topic"
        case.create_topic(3)
        case.send(300)
        case.check()


@pytest.mark.faults
def test_a_broker_that_is_killed_and_down_for_a_while_is_waited_for(case_factory, kafka_server):
    case = case_factory(2, pause=SLOW)
    with case.worker() as worker:
        with case.source.flow(per_second=300):
            case.wait_until_seen(300)
            for seconds in (0, 8):
                kafka_server.kill()
                before = len(worker.text().splitlines())
                time.sleep(seconds)
                logged = len(worker.text().splitlines()) - before
                kafka_server.start()
                assert logged <= LOGGED_A_SECOND * seconds + 60, worker.tail()
        case.check()
        assert worker.running, worker.tail()


@pytest.mark.faults
def test_a_broker_that_is_killed_before_the_first_line_is_waited_for(case_factory, kafka_server):
    case = case_factory(2)
    with case.worker() as worker:
        wait_until(worker.assigned, "an assignment", seconds=60, state=worker.tail)
        kafka_server.kill()
        time.sleep(3)
        kafka_server.start()
        case.send(400)
        case.check()
