from __future__ import annotations

import contextlib
import inspect
import logging
import sys
import threading
import time
from pathlib import Path

import pytest
import redis
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.records import Changes
from connectors.redis import (
    RedisSettings,
    Server,
    StoreRefused,
    StoreUnreachable,
    connect,
    info_warnings,
    reason,
    store_warnings,
    translated,
    wait_until_reachable,
)
from connectors.store import RedisStore
from stream_processors.demo.servers import StoreServer, free_port

SECRET = "s3cret-of-the-test"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"url": f"http://:{SECRET}@localhost:6379/0"}, "redis.url"),
        ({"url": f"redis://:{SECRET}@localhost:port/0"}, "redis.url"),
        ({"url": f"redis://:{SECRET}@localhost:6379/zero"}, "redis.url"),
        ({"url": f"redis://localhost:6379/0?password={SECRET}"}, "redis.url"),
        ({"url": f"redis://:{SECRET}@[bad:6379/0"}, "redis.url"),
        ({"url": SECRET}, "redis.url"),
        ({"url": f"redis://:{SECRET}@localhost", "password": SECRET}, "redis.password"),
        ({"url": f"redis://bob:{SECRET}@localhost", "username": "alice"}, "redis.username"),
        ({"url": "redis://one:6379", "host": "two"}, "redis.host"),
        ({"port": 6380}, "redis.port"),
        ({"username": "alice"}, "redis.password"),
        ({"ssl_ca": "ca.pem"}, "redis.ssl_ca"),
        ({"tls": True, "ssl_key": "key.pem"}, "redis.ssl_cert"),
        ({"cluster": True, "url": "redis://localhost:6379/3"}, "redis.cluster"),
        ({"env": "has:colon"}, "env"),
        ({"pasword": SECRET}, "pasword"),
        ({"socket_timeout": SECRET}, "socket_timeout"),
    ],
)
def test_settings_that_do_not_fit_together_are_named_and_show_no_secret(values, named):
    with pytest.raises(ValidationError, match=named) as caught:
        RedisSettings(**values)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_every_setting_is_described():
    assert all(field.description for field in RedisSettings.model_fields.values())


def test_the_url_is_taken_apart_and_its_password_is_masked():
    settings = RedisSettings(url=f"rediss://al%40ice:{SECRET}%21@store.example:6380/2")
    assert settings.endpoint == ("store.example", 6380, 2)
    assert settings.address == "store.example:6380"
    assert settings.url == "rediss://al%40ice@store.example:6380/2"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert SECRET not in shown
    kwargs = settings.client_kwargs()
    assert (kwargs["username"], kwargs["password"], kwargs["ssl"]) == ("al@ice", f"{SECRET}!", True)


def test_host_port_and_db_stand_in_for_the_url():
    assert RedisSettings(host="::1", port=7000, db=1).endpoint == ("::1", 7000, 1)
    assert RedisSettings(host="store").endpoint == ("store", 6379, 0)
    assert RedisSettings().endpoint == ("localhost", 6379, 0)
    assert RedisSettings(url="redis://[::1]:7000").endpoint == ("::1", 7000, 0)


@pytest.mark.parametrize("values", [{"url": f"rediss://a:{SECRET}@store:1/2"}, {"host": "store", "port": 7}])
def test_settings_survive_being_written_and_read(values):
    settings = RedisSettings(**values)
    assert RedisSettings(**settings.model_dump()) == settings


@pytest.mark.parametrize("values", [{}, {"tls": True}, {"cluster": True}])
def test_the_library_knows_every_argument(values):
    kwargs = RedisSettings(**values).client_kwargs()
    assert kwargs.keys() <= inspect.signature(redis.Redis).parameters.keys()
    assert kwargs.keys() <= inspect.signature(redis.asyncio.Redis).parameters.keys()


def test_a_tls_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"redis\.ssl_ca: no such file"):
        connect(RedisSettings(tls=True, ssl_ca=tmp_path / "ca.pem"))


def test_an_unreachable_store_gives_one_line_within_its_deadline_and_no_password(caplog):
    caplog.set_level(logging.DEBUG)
    port = free_port()
    retries = []
    began = time.monotonic()
    with pytest.raises(StoreUnreachable) as caught:
        wait_until_reachable(
            RedisSettings(url=f"redis://alice:{SECRET}@127.0.0.1:{port}/0"),
            1.0,
            lambda reason, wait: retries.append((reason, wait)),
        )
    assert time.monotonic() - began < 2
    message = str(caught.value)
    assert f"127.0.0.1:{port}" in message
    assert "redis.url" in message
    assert "refused" in message
    assert "\n" not in message
    assert len(retries) >= 2
    assert SECRET not in message + caplog.text + str(retries)


def test_the_setting_that_was_used_is_the_one_that_is_named():
    with pytest.raises(StoreUnreachable, match=r"redis\.host"):
        wait_until_reachable(RedisSettings(host="127.0.0.1", port=free_port()), 0.1)


def test_a_silent_server_does_not_outlast_the_deadline():
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(StoreUnreachable, match="timed out"):
            wait_until_reachable(RedisSettings(host="127.0.0.1", port=silent.getsockname()[1]), 0.5)
        assert time.monotonic() - began < 2


def test_a_real_store_is_reached_and_answers_in_bytes(redis_settings):
    wait_until_reachable(redis_settings, 5)
    client = connect(redis_settings)
    key = f"{redis_settings.prefix}:{redis_settings.env}:key"
    client.hset(key, mapping={"field": b"\xff\x00"})
    assert client.hgetall(key) == {b"field": b"\xff\x00"}
    client.close()


def test_refused_credentials_are_told_at_once_and_not_shown(tmp_path):
    server = StoreServer(tmp_path)
    try:
        server.start()
        admin = connect(RedisSettings(url=server.url))
        admin.acl_setuser("alice", enabled=True, passwords=["+right"], categories=["+@all"], keys=["*"])
        good = RedisSettings(url=f"redis://alice:right@127.0.0.1:{server.port}/0")
        wait_until_reachable(good, 2)
        bad = RedisSettings(url=f"redis://alice:{SECRET}@127.0.0.1:{server.port}/0")
        began = time.monotonic()
        with pytest.raises(StoreUnreachable, match=r"refused the credentials.*redis\.password") as caught:
            wait_until_reachable(bad, 20)
        assert time.monotonic() - began < 5
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
    finally:
        server.stop()


def test_a_store_that_comes_up_late_is_waited_for(tmp_path):
    server = StoreServer(tmp_path)
    starter = threading.Timer(0.5, server.start)
    starter.start()
    try:
        wait_until_reachable(RedisSettings(url=server.url), 15)
    finally:
        starter.join()
        server.stop()


def test_commands_are_not_repeated_behind_the_callers_back():
    client = connect(RedisSettings(host="127.0.0.1", port=free_port()))
    began = time.monotonic()
    with pytest.raises(redis.ConnectionError):
        client.incr("counter")
    assert time.monotonic() - began < 0.5


def test_inputs_stay_hidden_inside_a_larger_settings_object():
    class Whole(BaseModel):
        model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        redis: RedisSettings

    with pytest.raises(ValidationError) as caught:
        Whole(redis={"url": f"ftp://:{SECRET}@localhost"})
    assert SECRET not in str(caught.value)


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


def test_a_busy_or_loading_server_is_waited_for(tmp_path):
    server = StoreServer(tmp_path)
    reasons = []
    try:
        server.start()
        settings = RedisSettings(url=server.url)
        blocker, admin = connect(settings.model_copy(update={"socket_timeout": 30})), connect(settings)
        admin.config_set("busy-reply-threshold", 50)

        def block() -> None:
            with contextlib.suppress(redis.RedisError):
                blocker.eval("while true do end", 0)

        thread = threading.Thread(target=block)
        thread.start()
        waited = threading.Event()
        ended = threading.Timer(1.5, lambda: (waited.set(), admin.script_kill()))
        ended.start()
        wait_until_reachable(settings, 20, lambda reason, _: reasons.append(reason))
        assert waited.is_set() or not reasons
        assert any("BUSY" in reason for reason in reasons)
        thread.join()
        ended.join()
    finally:
        server.stop()


class ClusterNode(StoreServer):
    """A server that is a node of a cluster, at first of one that has no slots."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        program = directory / "node"
        program.write_text(f'#!/bin/sh\nexec "{self.binary}" "$@" --cluster-enabled yes\n')
        program.chmod(0o755)
        self.binary = program

    def _wait_until_ready(self, *_: object) -> None:
        for _ in range(200):
            with contextlib.suppress(redis.ConnectionError):
                if connect(RedisSettings(url=self.url)).ping():
                    return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())


@pytest.fixture
def nodes(tmp_path):
    """Two nodes that know each other; the second one has all slots."""
    servers = [ClusterNode(tmp_path / str(number)) for number in range(2)]
    try:
        for server in servers:
            server.start()
        empty, full = (connect(RedisSettings(url=server.url)) for server in servers)
        full.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        empty.execute_command("CLUSTER", "MEET", "127.0.0.1", servers[1].port)
        for client in (empty, full):
            settle(client)
        yield servers
    finally:
        for server in servers:
            server.stop()


def settle(client: redis.Redis) -> None:
    """Returns once a node says that its cluster works."""
    for _ in range(200):
        if client.cluster("info")["cluster_state"] == "ok":
            return
        time.sleep(0.05)
    raise AssertionError("the cluster did not settle")


def test_a_cluster_that_is_not_known_as_one_is_told_by_the_setting(nodes):
    settings = RedisSettings(url=nodes[0].url)
    with pytest.raises(StoreRefused, match=r"cluster.*redis\.cluster"):
        wait_until_reachable(settings, 20)
    store = RedisStore(connect(settings))
    for call in (
        store.sources,
        lambda: store.stats("logs"),
        lambda: store.apply(Changes("logs", 0, None, 1)),
    ):
        with pytest.raises(StoreRefused, match=r"redis\.cluster"):
            call()


def test_a_query_to_a_cluster_that_is_not_known_as_one_ends_with_one_line(
    nodes, no_settings, monkeypatch, capsys
):
    from stream_processors.cli import main

    arguments = ["query", "sources", "--redis-url", nodes[0].url]
    monkeypatch.setattr(sys, "argv", ["secencoder", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr().err
    assert (stop.value.code, len(told.splitlines())) == (1, 1)
    assert "redis.cluster" in told


def test_a_server_that_is_no_cluster_is_told_by_the_setting(redis_settings):
    host, port, _ = redis_settings.endpoint
    settings = RedisSettings(host=host, port=port, cluster=True)
    with pytest.raises(StoreRefused, match=rf"{port} .*redis\.cluster"):
        wait_until_reachable(settings, 20)
    with pytest.raises(StoreRefused, match=r"redis\.cluster"):
        RedisStore(connect(settings)).sources()


def test_a_cluster_keeps_what_a_single_server_keeps(nodes):
    settings = RedisSettings(host="127.0.0.1", port=nodes[0].port, cluster=True)
    wait_until_reachable(settings, 20)
    store = RedisStore(connect(settings), group="g")
    store.check("logs")
    store.claim("logs", "g", time.time())
    store.begin("logs", {0: 5})
    store.apply(Changes("logs", 0, 5, 9, lines=4))
    store.restart("logs", 0, expected=9, start=0, topic_id="t")
    stats = store.stats("logs")
    assert (stats.lines, stats.applied, store.sources()) == (4, {0: 0}, ["logs"])
    assert store.stored("logs", 0, 3).topic_id == "t"
    assert isinstance(store_warnings(connect(settings)), list)


def test_a_cluster_that_is_down_at_the_start_is_waited_for(tmp_path):
    node = ClusterNode(tmp_path)
    settings = RedisSettings(host="127.0.0.1", port=node.port, cluster=True, socket_timeout=2)
    store, reasons = RedisStore(connect(settings)), []
    with pytest.raises(redis.ConnectionError):
        store.sources()

    def rise() -> None:
        node.start()
        while len(reasons) < 3:  # up, but it serves no slot
            time.sleep(0.05)
        connect(RedisSettings(url=node.url)).execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)

    thread = threading.Thread(target=rise)
    thread.start()
    try:
        wait_until_reachable(settings, 30, lambda reason, _: reasons.append(reason))
        assert store.sources() == []
        store.apply(Changes("logs", 0, None, 1, lines=1))
        node.kill()
        with pytest.raises(redis.RedisError):
            store.sources()
        node.start()
        settle(connect(RedisSettings(url=node.url)))
        wait_until_reachable(settings, 30)
        store.apply(Changes("other", 0, None, 1, lines=1))
    finally:
        thread.join()
        node.stop()
    assert all("\n" not in reason for reason in reasons)


def test_a_cluster_that_refuses_the_credentials_is_told_at_once(nodes):
    settings = RedisSettings(url=f"redis://bob:{SECRET}@127.0.0.1:{nodes[0].port}/0", cluster=True)
    with pytest.raises(StoreUnreachable, match="refused the credentials") as caught:
        wait_until_reachable(settings, 20)
    assert SECRET not in str(caught.value)


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
