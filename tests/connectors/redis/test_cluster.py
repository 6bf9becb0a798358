"""A cluster, and what is none; the nodes are real ones."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path

import pytest
import redis

from connectors.findings import Changes
from connectors.redis import (
    RedisSettings,
    RedisStore,
    StoreUnreachable,
    connect,
    store_warnings,
    wait_until_reachable,
)
from connectors.redis.environments import Environment
from connectors.redis.traffic import Traffic
from connectors.replays import Plan, Span
from connectors.store import StoreRefused
from stream_processors.demo.servers import StoreServer

SECRET = "s3cret-of-the-test"


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
    traffic = Traffic()
    store = RedisStore(connect(settings, traffic), group="g", traffic=traffic)
    store.check("logs")
    assert traffic.round_trips > 10
    assert traffic.sent > 1_000
    assert traffic.received > 100
    store.claim("logs", "g", time.time())
    store.begin("logs", {0: 5})
    store.apply(Changes("logs", 0, 5, 9, lines=4))
    store.restart("logs", 0, expected=9, start=0, topic_id="t")
    stats = store.stats("logs")
    assert (stats.lines, stats.applied, store.sources()) == (4, {0: 0}, ["logs"])
    assert store.stored("logs", 0, 3).topic_id == "t"
    place = Environment(connect(settings), prefix="se", env="default-again")
    place.keep(Plan("from 7d", {"logs": {0: Span(5, 9)}}))
    again = RedisStore(connect(settings), env="default-again")
    for topic in ("logs", "web", "mail"):
        again.apply(Changes(topic, 0, None, 9, lines=4))
    assert (place.plan().messages, place.topics()) == (4, ["logs", "mail", "web"])
    assert place.remove() > 6
    assert (place.plan(), place.topics(), again.stats("web").lines) == (None, [], 0)
    assert store.stats("logs").lines == 4
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
