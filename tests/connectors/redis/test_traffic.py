from __future__ import annotations

import threading

import pytest
import redis

from connectors.redis import RedisSettings, RedisStore, connect
from connectors.redis.traffic import Traffic
from stream_processors.demo.servers import free_port

BIG = b"x" * 200_000


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


def test_bytes_and_round_trips_are_those_of_the_server(redis_settings, traffic):
    client = connect(redis_settings, traffic)
    key = f"{redis_settings.prefix}:{redis_settings.env}:big"
    client.ping()
    before = vars(traffic).copy()
    client.set(key, BIG)
    assert traffic.sent - before["sent"] == pytest.approx(len(BIG), abs=200)
    assert client.get(key) == BIG
    assert traffic.received - before["received"] == pytest.approx(len(BIG), abs=200)
    assert traffic.round_trips - before["round_trips"] == 2, "in however many pieces an answer comes"
    pipeline = client.pipeline(transaction=False)
    for _ in range(50):
        pipeline.get("nothing")
    pipeline.execute()
    assert traffic.round_trips - before["round_trips"] == 3


def test_threads_and_new_connections_are_counted_alike(redis_settings, traffic):
    client = connect(redis_settings, traffic)

    def ask() -> None:
        for _ in range(50):
            client.ping()
        client.connection_pool.disconnect(inuse_connections=False)
        client.ping()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert traffic.round_trips == 4 * 51
    assert traffic.sent == 4 * 51 * len(b"*1\r\n$4\r\nPING\r\n")
    assert traffic.received == 4 * 51 * len(b"+PONG\r\n")


def test_calls_of_the_store_that_fail_are_counted(traffic):
    settings = RedisSettings(host="127.0.0.1", port=free_port())
    store = RedisStore(connect(settings, traffic), traffic=traffic)
    for _ in range(2):
        with pytest.raises(redis.ConnectionError):
            store.sources()
    assert (traffic.errors, traffic.round_trips) == (2, 0)
