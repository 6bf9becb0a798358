"""``secencoder query lag`` against a real broker and a real store."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from connectors.findings import Changes
from connectors.kafka.producer import LineProducer
from connectors.redis import RedisStore, connect
from stream_processors.cli.query import query

pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.fixture
def store(redis_settings) -> RedisStore:
    return RedisStore(connect(redis_settings), prefix=redis_settings.prefix, env=redis_settings.env)


@pytest.fixture
def lag(kafka_settings, redis_settings):
    """``lag("--source", "logs")`` asks the command."""

    def ask(*arguments: str) -> Result:
        servers = ["--bootstrap-servers", kafka_settings.bootstrap_servers, "--redis-url", redis_settings.url]
        return CliRunner().invoke(
            query, ["lag", *servers, "--set", f"redis.env={redis_settings.env}", *arguments]
        )

    return ask


def fill(settings, topic: str, lines: int) -> None:
    with LineProducer(settings, topic) as producer:
        for number in range(lines):
            producer.send(b"line", key=b"%d" % number)


def test_partitions_and_topics_that_were_never_applied_are_shown(lag, store, kafka_settings, topic_factory):
    known, new = topic_factory(2), topic_factory(1)
    fill(kafka_settings, known, 40)
    fill(kafka_settings, new, 7)
    store.apply(Changes(known, 0, None, 3))

    answer = lag("--set", f"stream.topics={known},{new}", "--json")
    assert answer.exit_code == 0, answer.output
    rows = {(row["source"], row["partition"]): row for row in json.loads(answer.stdout)}
    assert rows.keys() == {(known, 0), (known, 1), (new, 0)}
    assert [rows[known, n]["applied"] for n in (0, 1)] == [3, None]
    assert rows[known, 0]["lag"] + rows[known, 1]["lag"] == 40 - 3
    assert (rows[new, 0]["applied"], rows[new, 0]["lag"]) == (None, 7)

    (line,) = [line for line in lag("--source", new).stdout.splitlines() if line.startswith(new)]
    assert line.split() == [new, "0", "never", "-", "0", "7", "7"]


def test_the_partitions_furthest_behind_are_shown_when_there_are_too_many(lag, store, topic_factory):
    topic = topic_factory(4)
    for partition, ahead in enumerate((5, 2, 9, 0)):
        if ahead:
            store.apply(Changes(topic, partition, None, ahead))
    answer = lag("--source", topic, "--limit", "2")
    assert "2 of 4 partitions" in answer.stdout
    shown = [line.split() for line in answer.stdout.splitlines() if line.startswith(topic)]
    assert [(row[1], row[2], row[-1]) for row in shown] == [("1", "2", "-2"), ("3", "never", "0")]


def test_a_topic_that_is_missing_hides_no_other(lag, kafka_settings, topic_factory):
    topic = topic_factory(1)
    fill(kafka_settings, topic, 3)
    answer = lag("--set", f"stream.topics={topic},nowhere", "--json")
    assert answer.exit_code == 0
    assert [(row["source"], row["lag"]) for row in json.loads(answer.stdout)] == [(topic, 3)]
    assert "'nowhere' does not exist" in answer.stderr
    with pytest.raises(Exception, match="'nowhere' does not exist"):
        raise lag("--source", "nowhere").exception
