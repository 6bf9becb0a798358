"""``secencoder replay`` beside a live environment, on real servers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone

import pytest
from aiokafka import TopicPartition
from click.testing import CliRunner
from kafka import KafkaProducer

from connectors import kafka
from connectors.alerts import Verdict
from connectors.findings import Changes
from connectors.records import Line
from connectors.redis import RedisStore, connect
from connectors.redis.environments import Environment
from connectors.sinks.dead_letters import forms
from stream_processors.cli import cli
from tests.faults.worker import MARKS
from tests.integration.harness import ROOT, Stream, log_lines, wait_until

COMMAND = (sys.executable, "-m", "tests.faults.worker", "replay", "--json")
"""Without a model: it starts quicker."""
HOUR = 3_600
SECONDS = 120.0


class Replays:
    """Replays of a stream, each a process, and what they leave."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.envs: set[str] = set()

    @contextmanager
    def started(self, *arguments: str, **options: str) -> Iterator[subprocess.Popen[str]]:
        environment = self.stream.environment(STREAM__BATCH_LINES="50", **options) | {"FAULTS_PAUSE": "0.02"}
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def run(self, *arguments: str, **options: str) -> tuple[dict, str]:
        with self.started(*arguments, **options) as process:
            return self.ended(process)

    def ended(self, process: subprocess.Popen[str]) -> tuple[dict, str]:
        output, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, errors
        return json.loads(output), errors

    def store(self, env: str) -> RedisStore:
        self.envs.add(env)
        return RedisStore(self.stream.client, prefix="se", env=env)

    def live(self) -> dict[bytes, bytes]:
        """Everything that is kept of the live environment."""
        keys = self.stream.client.scan_iter(match=f"se:{self.stream.redis.env}:*")
        return {key: self.stream.client.dump(key) for key in keys}


@pytest.fixture
def replays(stream_factory) -> Iterator[Replays]:
    made = Replays(stream_factory(partitions=2))
    yield made
    client = connect(made.stream.redis)
    for env in made.envs:
        Environment(client, prefix="se", env=env).remove()
    client.close()


def secencoder(*arguments: str, **options: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, arguments, env=options)
    error = str(done.exception) if done.exception and not isinstance(done.exception, SystemExit) else ""
    return done.exit_code, done.stdout + error


def test_a_replay_stops_and_goes_on_reads_what_it_is_to_and_leaves_the_live_ones_alone(replays, no_settings):
    stream, now = replays.stream, time.time()
    produce(stream, log_lines(400), now - 48 * HOUR)
    produce(stream, log_lines(1_200, seed=1), now - 2 * HOUR)
    produce(stream, log_lines(100, seed=2), now)
    stream.store.claim(stream.topic, stream.group, now)
    stream.store.apply(Changes(stream.topic, 0, expected=None, end=850, lines=850))
    stream.store.mark(stream.topic, Verdict("0" * 16, "benign", now))
    stream.commit({0: 850})
    before = replays.live(), stream.committed()

    since, until = (moment(now - hours * HOUR) for hours in (3, 1))
    env = f"replay-{since.replace(':', '-').replace('+', '-')}"
    line = ("--from-timestamp", since, "--to", until)
    store = replays.store(env)
    with replays.started(*line) as process:
        wait_until(lambda: sum(store.applied(stream.topic).values()) >= 500, "some lines")
        process.send_signal(signal.SIGINT)
        assert not replays.ended(process)[0]["done"]
    assert store.stats(stream.topic).lines < 1_200, "the signal came too late"
    facts, _ = replays.run(*line)
    assert (facts["env"], facts["done"], facts["failed"]) == (env, True, 0)
    stats = store.stats(stream.topic)
    assert (stats.lines, stats.applied, stats.warming_up) == (1_200, {0: 800, 1: 800}, 0)
    assert sum(one.count for one in store.templates(stream.topic)) == 1_200
    assert store.feedback(stream.topic).verdicts.keys() == {"0" * 16}
    assert (replays.live(), stream.committed()) == before

    servers = {"SECENCODER_REDIS__URL": stream.redis.url, "SECENCODER_REDIS__ENV": stream.redis.env}
    servers["SECENCODER_KAFKA__BOOTSTRAP_SERVERS"] = stream.kafka.bootstrap_servers
    code, text = secencoder("query", "diff", "--env", env, "--json", **servers)
    (found,) = json.loads(text)
    assert (code, [side["lines"] for side in found["sides"]]) == (0, [850, 1_200])
    code, text = secencoder("query", "diff", "--env", stream.redis.env, "--env", env, **servers)
    assert (code, f"Patterns in {env} only: " in text) == (0, True)
    refused = secencoder("replay", *line, "--env", stream.redis.env, **servers)
    assert "is the live environment" in refused[1]
    assert "holds a replay of other lines" in secencoder("replay", "--from-dlq", "--env", env, **servers)[1]
    assert "a replay" not in secencoder("replay", "--delete", env, **servers)[1]
    assert list(stream.client.scan_iter(match=f"se:{env}:*")) == []
    assert "is the live environment" in secencoder("replay", "--delete", stream.redis.env, **servers)[1]
    assert (replays.live(), stream.committed()) == before


def test_dead_letters_are_read_as_lines_of_their_topics_and_what_fails_again_is_reported(replays):
    stream = replays.stream
    letters = f"{stream.topic}.dead-letter"
    kafka.ensure_topic(stream.kafka, letters, 1)
    bad = MARKS["parser"].encode()
    lines = [*log_lines(60), *[bad] * 21, *log_lines(60, seed=1)]
    with closing(KafkaProducer(**stream.kafka.client_kwargs(), acks="all")) as producer:
        for offset, value in enumerate(lines):
            at = TopicPartition(stream.topic if offset % 3 else "gone", offset % 5)
            line = Line(offset, 0.0, None, value=value, headers=(("team", b"web"),))
            key, text, headers = next(forms(line, RuntimeError("it broke"), at, "m@1"))
            producer.send(letters, value=text, key=key, headers=headers)
        producer.send(letters, value=b"of another program")
        producer.flush()
    env = f"letters-{stream.topic}"
    store = replays.store(env)
    facts, errors = replays.run("--from-dlq", "--env", env)
    assert (facts["done"], facts["failed"]) == (True, 21)
    assert errors.count("a broken parser") == 20, "the first of them are named"
    assert "1 messages are left out" in errors
    assert store.sources() == ["gone", stream.topic]
    lines_of = {name: store.stats(name).lines for name in store.sources()}
    assert lines_of == {"gone": 40, stream.topic: 80}
    assert store.stats("gone").dead_letters + store.stats(stream.topic).dead_letters == 21
    assert kafka.end_offsets(stream.kafka, letters) == {0: len(lines) + 1}


def produce(stream: Stream, values: list[bytes], timestamp: float) -> None:
    """Half into each partition, with one time."""
    with closing(KafkaProducer(**stream.kafka.client_kwargs(), acks="all", linger_ms=20)) as producer:
        for at, value in enumerate(values):
            producer.send(stream.topic, value=value, partition=at % 2, timestamp_ms=int(timestamp * 1_000))
        producer.flush()


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
