"""``secencoder learn --from-topic`` on a real broker: what it learned is no news to a worker that begins."""

from __future__ import annotations

import sys
import time

import pytest

from connectors.kafka import sampling
from connectors.records import Message
from stream_processors.cli import main
from stream_processors.demo.servers import free_port
from tests.integration.harness import Stream
from tests.integration.test_alerts import ODD, USUAL


@pytest.fixture
def learn(monkeypatch, capsys):
    """``learn(stream, "--lines", 5)`` runs the command in this process; exit code, stdout and stderr."""

    def run(stream: Stream, *arguments: object) -> tuple[int, str, str]:
        for name, value in stream.environment().items():
            monkeypatch.setenv(name, value)
        words = ["secencoder", "learn", "--from-topic", "--source", stream.topic, *arguments]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return (code, *capsys.readouterr())

    return run


def test_a_worker_does_not_alert_on_what_was_learned_from_its_topic(stream_factory, learn):
    stream = stream_factory(2, DETECTION__ALERT_BUDGET="top 1 %")
    known = [line.encode() for line in [*USUAL, *ODD[:3] * 10]]
    stream.produce(known, partitions=2)
    code, said, errors = learn(stream)
    assert (code, errors) == (0, "")
    assert said.startswith(f"{stream.topic}: learned ")
    assert said.endswith(f" templates from {len(known)} lines\n")

    stream.produce([line.encode() for line in [*USUAL[:20], ODD[5]]], partitions=2)
    with stream.worker():
        stream.wait_until_done()
    stats = stream.store.stats(stream.topic)
    assert (stats.lines, stats.warming_up, stats.warmups) == (len(known) + 21, 0, {})
    flagged = {anomaly.text for anomaly in stream.store.anomalies(stream.topic, limit=1_000)}
    assert ODD[5] in flagged
    assert not flagged & {*ODD[:3]}
    assert not any(worker.lines_with("set aside|is of another") for worker in stream.workers)


def test_what_can_not_be_learned_is_one_line_and_leaves_nothing(stream_factory, learn, monkeypatch):
    stream = stream_factory(2)
    stream.produce([line.encode() for line in USUAL[:40]], partitions=2)
    few = f"secencoder: {stream.topic}: 10 lines are too few to learn from, it takes 32\n"
    assert learn(stream, "--lines", 10) == (2, "", few)
    none = f"secencoder: {stream.topic}: there are no messages to learn from\n"
    assert learn(stream, "--since", "2100-01-01") == (2, "", none)
    code, _, said = learn(stream, "--source", "nowhere")
    assert (code, said.count("\n"), "'nowhere' does not exist" in said) == (2, 1, True)
    code, _, said = learn(stream, "--source", f"{stream.topic}/api")
    assert (code, said.count("\n"), "stream.source" in said) == (2, 1, True)
    code, _, said = learn(stream, "--bootstrap-servers", f"127.0.0.1:{free_port()}")
    assert (code, "no Kafka broker at 127.0.0.1" in said, "Traceback" in said) == (1, True, False)

    def stopped(settings, stretches):
        yield Message(0, 0.0, b"a line")
        raise KeyboardInterrupt

    monkeypatch.setattr(sampling, "messages", stopped)
    assert learn(stream)[0] == 130
    assert stream.store.seeds(stream.topic) == {}


def test_the_latest_messages_of_all_partitions_come_by_time(kafka_settings, topic_factory):
    from kafka import KafkaProducer

    topic, now = topic_factory(3), int(time.time()) - 1_000
    producer = KafkaProducer(**kafka_settings.client_kwargs())
    for number in range(60):
        partition = 0 if number < 50 else 1
        value = None if number == 45 else str(number).encode()
        producer.send(topic, value, key=b"k", partition=partition, timestamp_ms=(now + number % 50) * 1_000)
    producer.flush()
    producer.close()

    def read(most: int, since: float = 0.0) -> list[tuple[int, int]]:
        found = sampling.messages(kafka_settings, sampling.latest(kafka_settings, topic, most, since))
        return [(int(message.timestamp) - now, int(message.value)) for message in found]

    every = [n for n in range(60) if n != 45]
    assert read(100) == sorted((n % 50, n) for n in every)
    assert read(30) == sorted((n % 50, n) for n in every if n >= 30), "what a partition lacks, others have"
    assert read(6) == sorted((n % 50, n) for n in (47, 48, 49, 57, 58, 59))
    assert read(100, since=now + 8) == sorted((n % 50, n) for n in every if n % 50 >= 8)
