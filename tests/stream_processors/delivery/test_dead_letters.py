"""A dead letter is sent until the topic has it; ``tests/connectors/sinks`` has what it says."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from mode import Service

from connectors.kafka import KafkaSettings
from connectors.records import Line, Record
from connectors.sinks.dead_letters import DeadLetterTopic
from stream_processors.delivery.dead_letters import DeadLetters
from stream_processors.delivery.retrying import Retrying
from stream_processors.detection.reading import Failed

AT = TopicPartition("logs", 3)
RECORD = Record(text="", format="raw")


def failed(key: bytes | None, value: bytes | None, headers: tuple = ()) -> Failed:
    line = Line(offset=17, timestamp=0.0, record=RECORD, key=key, value=value, headers=headers)
    return Failed(line, ZeroDivisionError("in detection"))


class LimitedProducer:
    """Takes messages up to a size, after it was away for some tries."""

    def __init__(self, limit: int, away: int = 0) -> None:
        self.limit, self.away = limit, away
        self.sent: list[tuple] = []

    async def send_and_wait(self, topic, *, key, value, headers) -> None:
        if self.away:
            self.away -= 1
            raise KafkaConnectionError
        assert key is not None or value is not None, "aiokafka takes no message without both"
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(v) for name, v in headers)
        if size > self.limit:
            raise MessageSizeTooLargeError
        self.sent.append((topic, key, value, headers))


def letters(limit: int, failure: Failed, away: int = 0) -> list[tuple]:
    """What a topic with that limit gets."""

    async def case() -> list[tuple]:
        topic = DeadLetterTopic(KafkaSettings(), "dead")
        topic._producer = producer = LimitedProducer(limit, away)
        dead_letters = DeadLetters(topic, model="m@1#ab", retrying=Retrying(Service()))
        await dead_letters.send(failure, AT)
        return producer.sent

    return asyncio.run(case())


def test_a_line_is_sent_once_though_the_broker_was_away():
    ((topic, key, value, sent),) = letters(1 << 20, failed(b"host-1", b"poison"), away=2)
    assert (topic, key, value) == ("dead", b"host-1", b"poison")
    added = dict(sent)
    assert (added["__streams.errors.topic"], added["__streams.errors.offset"]) == (b"logs", b"17")
    assert added["secencoder.model"] == b"m@1#ab"


@pytest.mark.parametrize(
    ("failure", "left"),
    [
        (failed(b"host-1", b"x" * 5_000, (("agent", b"vector"),)), (b"host-1", b"")),
        (failed(b"k" * 5_000, b"poison"), (None, b"")),
        (failed(b"host-1", b"poison", (("trace", b"h" * 5_000),)), (None, b"")),
        (failed(b"k" * 5_000, None), (None, b"")),
    ],
    ids=["value", "key", "headers", "key of a tombstone"],
)
def test_what_is_over_the_topics_limit_is_left_out_and_said(failure, left):
    ((_, key, value, sent),) = letters(2_000, failure)
    assert (key, value) == left
    added = dict(sent)
    assert added["__streams.errors.offset"] == b"17"
    assert int(added["secencoder.value.bytes"]) == len(failure.line.value or b"")


def test_a_topic_that_takes_hardly_anything_gets_the_place_at_least():
    failure = failed(b"k" * 5_000, b"poison")
    failure = Failed(failure.line, RuntimeError("e" * 100_000))
    ((_, _, _, sent),) = letters(1_500, failure)
    added = dict(sent)
    assert added["__streams.errors.topic"] == b"logs"
    assert added["__streams.errors.offset"] == b"17"


def test_a_topic_that_takes_nothing_fails_the_batch_and_is_named():
    with pytest.raises(ValueError, match=r"logs/3@17: topic dead takes no message"):
        letters(10, failed(b"k", b"v"))
