"""What a dead letter says, and what is left of it for a topic that takes little."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from connectors.kafka import KafkaSettings
from connectors.records import Line, Record
from connectors.sinks.dead_letters import (
    DETAIL_BYTES,
    DeadLetterTopic,
    Message,
    TooLarge,
    error_headers,
    forms,
)

AT = TopicPartition("logs", 3)
ERROR = ZeroDivisionError("in detection")


def line(key: bytes | None, value: bytes | None, headers: tuple = ()) -> Line:
    record = Record(text="", format="raw")
    return Line(offset=17, timestamp=0.0, record=record, key=key, value=value, headers=headers)


def size(message: Message) -> int:
    key, value, headers = message
    return len(key or b"") + len(value or b"") + sum(len(name) + len(header) for name, header in headers)


def test_a_line_goes_as_it_came_with_what_went_wrong():
    headers = (("agent", b"vector"), ("agent", None))
    key, value, sent = next(forms(line(b"host-1", b"poison", headers), ERROR, AT, "m@1#ab"))
    assert (key, value) == (b"host-1", b"poison")
    assert sent[:2] == [("agent", b"vector"), ("agent", b"")]
    added = dict(sent[2:])
    assert added["__streams.errors.exception"] == b"builtins.ZeroDivisionError"
    assert added["__streams.errors.message"] == b"in detection"
    assert (added["__streams.errors.topic"], added["__streams.errors.partition"]) == (b"logs", b"3")
    assert added["__streams.errors.offset"] == b"17"
    assert added["secencoder.model"] == b"m@1#ab"


def test_each_form_leaves_out_more_and_says_how_much():
    whole = line(b"k" * 5_000, b"v" * 6_000, (("trace", b"h" * 7_000),))
    messages = list(forms(whole, RuntimeError("e" * 100_000), AT, "m"))
    sizes = [size(message) for message in messages]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 2_000
    left_out = {name: value for name, value in messages[-1][2] if name.startswith("secencoder.")}
    assert left_out == {
        "secencoder.model": b"m",
        "secencoder.index": b"0",
        "secencoder.value.bytes": b"6000",
        "secencoder.key.bytes": b"5000",
        "secencoder.headers.bytes": b"7005",
    }


def test_details_of_an_error_are_bounded():
    headers = error_headers(line(None, b"x"), RuntimeError("e" * 1_000_000), AT, "m")
    assert all(len(value) <= DETAIL_BYTES for _, value in headers)


def answer(message: Message, error: Exception | None = None) -> tuple:
    """What a producer is given to send, which answers with ``error``."""
    given = []

    async def send_and_wait(topic, *, key, value, headers) -> None:
        given.append((topic, key, value))
        if error is not None:
            raise error

    topic = DeadLetterTopic(KafkaSettings(), "dead")
    topic._producer = SimpleNamespace(send_and_wait=send_and_wait)
    asyncio.run(topic.send(message))
    return given[0]


def test_a_line_without_key_and_value_is_sent_with_an_empty_value():
    assert answer((None, None, [])) == ("dead", None, b"")
    assert answer((b"k", None, [])) == ("dead", b"k", None)


@pytest.mark.parametrize(
    ("error", "raised"),
    [(MessageSizeTooLargeError(), TooLarge), (KafkaConnectionError(), KafkaConnectionError)],
)
def test_a_message_over_the_limit_is_told_apart_from_a_failure_to_try_again(error, raised):
    with pytest.raises(raised):
        answer((None, b"x", []), error)
