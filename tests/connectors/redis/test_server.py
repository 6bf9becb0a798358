"""What a server says about itself."""

from __future__ import annotations

import pytest

from connectors.redis import RedisSettings, Server, connect, info_warnings, store_warnings
from stream_processors.demo.servers import StoreServer

HEALTHY = {"aof_enabled": 1, "maxmemory_policy": "noeviction", "maxmemory": 0, "used_memory": 5}

VALKEY = Server("Valkey 9.1.2", (9, 1, 2))


@pytest.mark.parametrize(
    ("info", "server", "told"),
    [
        ({}, VALKEY, None),
        ({}, Server("Redis 7.4.1", (7, 4, 1)), None),
        ({"aof_enabled": 0}, VALKEY, "append-only"),
        ({"maxmemory_policy": "volatile-lru"}, VALKEY, "maxmemory-policy is volatile-lru"),
        ({"maxmemory": 5}, VALKEY, "reached its maxmemory of 5 bytes"),
        ({"maxmemory": 6}, VALKEY, None),
        ({}, Server("Redis 7.0.15", (7, 0, 15)), "Redis 7.0.15"),
    ],
)
def test_a_server_that_may_lose_what_it_keeps_is_warned_of(info, server, told):
    warnings = info_warnings(HEALTHY | info, server)
    assert len(warnings) == (told is not None)
    assert told is None or told in warnings[0]


def test_the_warnings_of_a_real_server_are_one_line_each_and_never_an_error(tmp_path):
    server = StoreServer(tmp_path)
    client = connect(RedisSettings(url=server.url))
    try:
        server.start()
        client.config_set("maxmemory-policy", "allkeys-lru")
        warnings = store_warnings(client)
        assert ["append-only" in warnings[0], "allkeys-lru" in warnings[1]] == [True, True]
        assert len(warnings) == 2
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")
        assert store_warnings(client) == []
        client.config_set("maxmemory", 1)
        assert len(store_warnings(client)) == 1
        client.config_set("maxmemory", 0)
        client.acl_setuser(
            "alice", enabled=True, passwords=["+right"], categories=["+@all"], commands=["-info"], keys=["*"]
        )
        limited = connect(RedisSettings(url=server.url.replace("//", "//alice:right@")))
        assert len(store_warnings(limited)) == 1
        limited.close()
    finally:
        server.kill()
    assert len(store_warnings(client)) == 1
