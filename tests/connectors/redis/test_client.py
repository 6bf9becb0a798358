"""What an error of a command means for the next one."""

from __future__ import annotations

import time

import pytest
import redis

from connectors.redis import RedisSettings, connect, reason, translated
from stream_processors.demo.servers import free_port


def test_commands_are_not_repeated_behind_the_callers_back():
    client = connect(RedisSettings(host="127.0.0.1", port=free_port()))
    began = time.monotonic()
    with pytest.raises(redis.ConnectionError):
        client.incr("counter")
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    "error", [redis.ReadOnlyError("x"), redis.exceptions.MasterDownError("x"), redis.BusyLoadingError("x")]
)
def test_an_answer_that_another_server_would_not_give_closes_the_connection(redis_settings, error):
    client = connect(redis_settings)
    before = client.client_id()
    with pytest.raises(type(error)), translated(client):
        raise error
    assert client.client_id() != before
    with pytest.raises(redis.ResponseError), translated(client):
        client.execute_command("NOTHING")
    again = client.client_id()
    assert client.client_id() == again


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (redis.TimeoutError("Timeout\nreading from socket"), "timed out"),
        (redis.ResponseError("a\n b."), "a b"),
        (redis.ConnectionError(), "ConnectionError"),
    ],
)
def test_an_error_is_told_in_one_line(error, line):
    assert reason(error) == line
