from __future__ import annotations

import inspect
import logging
import threading
import time

import pytest
import redis
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.redis import RedisSettings, StoreUnreachable, connect, wait_until_reachable
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
