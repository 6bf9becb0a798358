"""A store that is not there, is slow, or answers with an error for a while.

| case                             | what it shows                                                             |
| -------------------------------- | ------------------------------------------------------------------------- |
| killed, down, cut connections   | the worker waits and goes on by itself                                     |
| slow, paused                    | a late answer is no other answer: what was done is not done again          |
| takes no writes, for five reasons | a refused step is tried until the cause goes, and the worker does not end  |
| the same as a partition opens   | the worker waits with the partition, and a second one starts meanwhile     |
| NOSCRIPT                        | a script that the server forgot is sent again                              |
| read-only after a failover      | a new connection is made behind the same address, within seconds           |
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import redis

from connectors.redis import RedisSettings, connect
from stream_processors.demo.servers import StoreServer
from tests.faults.case import Case
from tests.faults.proxy import Proxy
from tests.integration.harness import wait_until

SLOW = "0.02"
REFUSED_SECONDS = 4.0
FAILOVER_SECONDS = 40.0


@contextmanager
def proxied(server: StoreServer) -> Iterator[Proxy]:
    """One address in front of the server."""
    proxy = Proxy(server.port)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.mark.faults
def test_a_store_that_is_killed_and_down_for_a_while_is_waited_for(case_factory, store_server):
    case = case_factory(2, pause=SLOW)
    with case.worker() as worker:
        with case.source.flow(per_second=400):
            for seen in (400, 1_200):
                case.wait_until_seen(seen)
                store_server.kill()
                time.sleep(2)
                store_server.start()
        case.check()
        assert worker.running, worker.tail()


@pytest.mark.faults
def test_connections_that_break_at_random_moments_do_nothing_twice(case_factory, store_server):
    with proxied(store_server) as proxy:
        case = case_factory(2, STREAM__BATCH_LINES="20", REDIS__URL=proxy.url)
        with case.worker():
            with case.source.flow(per_second=400):
                case.wait_until_seen(100)
                for at in range(30):
                    proxy.cut()
                    time.sleep(0.05 + at % 7 * 0.03)
            case.check()


@pytest.mark.faults
@pytest.mark.parametrize("delay", [0.2, 3.0], ids=["within the timeout", "over the timeout"])
def test_a_slow_store_does_nothing_twice(case_factory, store_server, delay):
    with proxied(store_server) as proxy:
        case = case_factory(2, REDIS__URL=proxy.url, REDIS__SOCKET_TIMEOUT="2")
        with case.worker():
            with case.source.flow(per_second=300):
                case.wait_until_seen(300)
                proxy.delay = delay
                time.sleep(8)
                proxy.delay = 0.0
            case.check()


@pytest.mark.faults
@pytest.mark.parametrize("what", ["writes", "everything"])
def test_a_paused_store_does_nothing_twice(case_factory, what):
    case = case_factory(2, REDIS__SOCKET_TIMEOUT="1")
    with case.worker():
        with case.source.flow(per_second=300):
            for seen in (200, 800):
                case.wait_until_seen(seen)
                case.client.client_pause(3_000, all=what == "everything")
                time.sleep(3.5)
        case.check()


def out_of_memory(client: redis.Redis) -> None:
    client.config_set("maxmemory", 1)


def too_few_replicas(client: redis.Redis) -> None:
    client.config_set("min-replicas-to-write", 1)


def read_only(client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", 1)


def without_its_master(client: redis.Redis) -> None:
    client.config_set("replica-serve-stale-data", "no")
    client.replicaof("127.0.0.1", 1)


def busy(client: redis.Redis) -> None:
    """Another client's script that does not end."""
    client.config_set("busy-reply-threshold", 50)
    address = client.connection_pool.connection_kwargs
    other = redis.Redis(address["host"], address["port"])

    def run() -> None:
        with suppress(redis.RedisError):
            other.eval("while true do end", 0)

    threading.Thread(target=run, daemon=True).start()
    time.sleep(0.3)


def all_well(client: redis.Redis) -> None:
    """Undoes every one of them."""
    with suppress(redis.ResponseError):
        client.script_kill()
    client.replicaof("NO", "ONE")
    for name, value in (("maxmemory", 0), ("min-replicas-to-write", 0), ("replica-serve-stale-data", "yes")):
        client.config_set(name, value)


REASONS: dict[str, Callable[[redis.Redis], None]] = {
    "OOM": out_of_memory,
    "NOREPLICAS": too_few_replicas,
    "READONLY": read_only,
    "MASTERDOWN": without_its_master,
    "BUSY": busy,
}


@pytest.mark.parametrize(
    "reason", [name if name == "OOM" else pytest.param(name, marks=pytest.mark.faults) for name in REASONS]
)
def test_a_store_that_refuses_steps_for_a_while_gets_each_of_them_once(case_factory, reason):
    case = case_factory(2, pause=SLOW)
    with case.worker() as worker:
        with case.source.flow(per_second=300):
            case.wait_until_seen(300)
            REASONS[reason](case.client)
            time.sleep(REFUSED_SECONDS)
            all_well(case.client)
        case.check()
        assert worker.running, worker.tail()


@pytest.mark.faults
@pytest.mark.parametrize("reason", REASONS)
def test_a_store_that_refuses_while_partitions_open_is_waited_for(case_factory, reason):
    """Of a worker that runs, and of one that starts meanwhile."""
    case = case_factory(2)
    case.send(400)
    with case.worker() as worker:
        case.wait_until_seen(400)
        REASONS[reason](case.client)
        case.send(400)
        with case.worker() as second:  # its partition is taken from the first one and opened
            time.sleep(3 * REFUSED_SECONDS)
            all_well(case.client)
            case.check()
            assert worker.running, worker.tail()
            assert second.running, second.tail()


@pytest.mark.faults
def test_a_script_that_the_store_forgot_is_sent_again(case_factory):
    case = case_factory(2, pause=SLOW)
    with case.worker():
        with case.source.flow(per_second=300):
            for seen in (100, 400, 700, 1_000):
                case.wait_until_seen(seen)
                case.client.script_flush()
        case.check()


@pytest.mark.faults
@pytest.mark.parametrize("load", [True, False], ids=["under load", "between lines"])
def test_after_a_failover_behind_one_address_the_worker_makes_a_new_connection(
    case_factory, store_server, tmp_path, load
):
    other = StoreServer(tmp_path / "other", aof=True)
    other.start()
    with proxied(store_server) as proxy:
        case = case_factory(2, REDIS__URL=proxy.url)
        try:
            with case.worker() as worker:
                case.send(400)
                case.wait_until_seen(400)
                replicate(store_server, other)
                if load:
                    with case.source.flow(per_second=300):
                        time.sleep(1)
                        fail_over(case, store_server, other, proxy)
                        time.sleep(2)
                else:
                    fail_over(case, store_server, other, proxy)
                    case.send(400)
                # What the replica had not got yet is done again, so Kafka may have been ahead for a moment.
                case.check(seconds=FAILOVER_SECONDS, commits=not load)
                assert worker.running, worker.tail()
        finally:
            other.stop()


def replicate(primary: StoreServer, replica: StoreServer) -> None:
    """Returns once the replica has what the primary has."""
    client = connect(RedisSettings(url=replica.url))
    client.replicaof("127.0.0.1", primary.port)
    wait_until(lambda: client.info("replication")["master_link_status"] == "up", "a replica", seconds=30)
    client.close()


def fail_over(case: Case, primary: StoreServer, replica: StoreServer, proxy: Proxy) -> None:
    """The replica is the primary now, and behind the address; open connections still lead to the old one."""
    old, new = case.client, connect(RedisSettings(url=replica.url))
    new.replicaof("NO", "ONE")
    proxy.target = replica.port
    old.replicaof("127.0.0.1", replica.port)
    case.use(replica.url)
    new.close()
