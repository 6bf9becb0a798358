"""What only a store in Redis does; ``tests/connectors/test_store.py`` has what both stores do."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
import redis

from connectors.redis import RedisSettings, RedisStore, connect
from connectors.store import TAKEOVER_SECONDS, Occupied
from stream_processors.demo.servers import StoreServer
from tests.connectors.steps import NOW, full_step, step


def test_every_key_of_a_topic_and_of_its_sources_lives_in_one_cluster_slot(
    redis_store, redis_settings, client
):
    redis_store().apply(full_step(None, 10))
    base = f"{redis_settings.prefix}:{redis_settings.env}:"
    keys = {key.decode() for key in client.scan_iter(match=f"{base}*", count=1_000)} - {f"{base}sources"}
    assert len(keys) >= 9
    assert all(key.startswith((f"{base}{{logs}}:", f"{base}{{logs}}/api:")) for key in keys)


def test_environments_do_not_see_each_other(redis_store, redis_settings):
    redis_store().apply(full_step(None, 10))
    other = RedisStore(
        connect(redis_settings), prefix=redis_settings.prefix, env=f"{redis_settings.env}-other"
    )
    assert other.sources() == []
    assert other.applied("logs") == {}


def test_a_second_client_sees_what_the_first_applied(redis_store):
    redis_store().apply(full_step(None, 10))
    second = redis_store()
    second.apply(full_step(10, 20))
    assert second.stats("logs").lines == 14


def test_the_values_that_other_programs_read_are_whole_numbers(redis_store, client):
    store = redis_store(group="g")
    store.begin("logs", {0: 3, 1: 0})
    store.apply(full_step(3, 10))
    store.restart("logs", 0, expected=10, start=0, topic_id="topic-2")
    for source, name in (("logs", "applied"), ("logs", "stats"), ("logs/api", "stats")):
        values = client.hvals(store.key(source, name))
        assert values
        assert [str(int(value)).encode() for value in values] == values


def test_a_step_is_a_sign_of_life_of_its_consumer_group(redis_store):
    now = [NOW]
    first, second = redis_store(clock=lambda: now[0], group="first"), redis_store(clock=lambda: now[0])
    first.claim("logs", "first", now[0])
    now[0] += TAKEOVER_SECONDS - 1
    first.apply(step(None, 1, model="m1"))
    now[0] += TAKEOVER_SECONDS - 1
    with pytest.raises(Occupied):
        second.claim("logs", "second", now[0])
    stats = second.stats("logs")
    assert (stats.group, stats.model) == ("first", "m1")


def test_a_server_that_forgot_its_scripts_is_told_them_again(redis_store, client):
    store = redis_store()
    store.apply(full_step(None, 10))
    client.script_flush()
    store.apply(full_step(10, 20))
    assert store.stats("logs").lines == 14


def test_a_primary_that_became_a_replica_is_left_for_the_server_that_took_its_place(tmp_path):
    """Both behind one address, as a failover in a cloud or in Kubernetes does it."""
    old, new = StoreServer(tmp_path / "old"), StoreServer(tmp_path / "new")
    with contextlib.ExitStack() as stack:
        for server in (old, new):
            stack.callback(server.stop)
            server.start()
        address = stack.enter_context(Forwarder(old.port))
        store = RedisStore(connect(RedisSettings(host="127.0.0.1", port=address.port)))
        store.apply(step(None, 1, lines=1))
        admin = connect(RedisSettings(url=new.url))
        admin.replicaof("127.0.0.1", old.port)
        while admin.info("replication")["master_link_status"] != "up":
            time.sleep(0.05)
        admin.replicaof("NO", "ONE")
        connect(RedisSettings(url=old.url)).replicaof("127.0.0.1", new.port)
        address.target = new.port
        with pytest.raises(redis.ReadOnlyError):
            store.apply(step(1, 2, lines=1))
        store.apply(step(1, 2, lines=1))
        assert store.stats("logs").lines == 2


class Forwarder:
    """One address in front of whatever port ``target`` is when a connection comes."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Forwarder:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
