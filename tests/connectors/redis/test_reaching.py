"""Waiting for a store to answer."""

from __future__ import annotations

import contextlib
import logging
import threading
import time

import pytest
import redis

from connectors.redis import (
    RedisSettings,
    StoreUnreachable,
    connect,
    wait_until_reachable,
)
from stream_processors.demo.servers import StoreServer, free_port
from tests.integration.harness import wait_until

SECRET = "s3cret-of-the-test"


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

        def busy() -> bool:
            try:
                return not admin.ping()
            except redis.ResponseError as error:
                return "BUSY" in str(error)

        thread = threading.Thread(target=block)
        thread.start()
        wait_until(busy, "the script to block")
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
