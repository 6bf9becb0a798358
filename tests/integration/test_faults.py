"""Servers that die, workers that are stopped, and other owners of a partition: nothing lost, nothing twice."""

from __future__ import annotations

import re
import time
from contextlib import closing

import pytest
from kafka import KafkaAdminClient
from kafka.structs import TopicPartition

from connectors.findings import Changes
from tests.integration.harness import log_lines, wait_until

SERVERS = {"Redis": "store_server", "Kafka": "kafka_server"}


@pytest.fixture(params=SERVERS)
def server(request):
    """Each of the two servers in turn; one that the user named can't be killed and skips."""
    return request.getfixturevalue(SERVERS[request.param])


@pytest.fixture
def server_name(request) -> str:
    """Redis or Kafka."""
    return request.node.callspec.params["server"]


def test_a_server_that_dies_in_mid_stream_loses_and_repeats_nothing(stream_factory, server):
    stream = stream_factory(2, STREAM__BATCH_LINES="100")
    stream.produce(log_lines(10_000, distinct=150), partitions=2)
    with stream.worker() as worker:
        stream.wait_until_applied(3_000)
        server.kill()
        time.sleep(2)  # long enough for the worker to notice, shorter than its session
        server.start()
        assert stream.applied_sum() < 10_000, "the kill came too late"
        stream.wait_until_done()
        assert worker.running
    stream.assert_each_line_counted_once()


def test_a_worker_waits_for_a_server_that_is_not_up_yet(stream_factory, server, server_name):
    stream = stream_factory()
    stream.produce(log_lines(300, distinct=30))
    server.kill()
    with stream.worker() as worker, stream.worker(STREAM__STARTUP_SECONDS="2") as impatient:
        address = (stream.redis.address, stream.kafka.bootstrap_servers)[server_name == "Kafka"]
        setting = ("redis.url", "kafka.bootstrap_servers")[server_name == "Kafka"]
        assert impatient.wait() == 1
        failed = rf"secencoder: no .* at {address} within 2 s: connection refused \(setting {setting}\)"
        assert re.fullmatch(failed, impatient.text().splitlines()[-1]), impatient.tail()
        assert "Traceback" not in impatient.text()

        def waits() -> list[float]:
            waiting = rf"secencoder: waiting for {server_name}: connection refused; next try in (\d+\.\d) s"
            return [float(seconds) for seconds in re.findall(waiting, worker.text())]

        wait_until(lambda: max(waits(), default=0) > 1, "waits that grow", state=worker.tail)
        server.start()
        stream.wait_until_done()
        assert waits()[0] < 0.2
        assert len(waits()) <= worker.text().count(f"waiting for {server_name}") < 12
    stream.assert_each_line_counted_once()


def test_sigterm_ends_a_worker_in_mid_stream_and_the_next_one_goes_on(stream_factory):
    stream = stream_factory(2, STREAM__BATCH_LINES="100")
    stream.produce(log_lines(8_000, distinct=100), partitions=2)
    with stream.worker() as worker:
        stream.wait_until_applied(2_000)
        assert worker.terminate() == 0
        assert "Traceback" not in worker.text(), worker.tail()
    before = stream.applied()
    assert sum(before.values()) < 8_000, "the signal came too late"
    with stream.worker() as worker:
        stream.wait_until_done()
        assert worker.took_over() == before
    stream.assert_each_line_counted_once()


def test_sigterm_ends_a_worker_whose_server_is_gone(stream_factory, server):
    stream = stream_factory(2, STREAM__BATCH_LINES="100")
    stream.produce(log_lines(6_000, distinct=100), partitions=2)
    with stream.worker() as worker:
        stream.wait_until_applied(1_000)
        server.kill()
        time.sleep(1)
        worker.terminate()
    server.start()
    assert stream.applied_sum() < 6_000, "the signal came too late"
    with stream.worker():
        stream.wait_until_done()
    stream.assert_each_line_counted_once()


def test_a_restarted_worker_takes_up_its_memory(stream_factory):
    """With its memory lost it would warm up again, and the new lines would wait for their scores."""
    stream = stream_factory(STREAM__BATCH_LINES="200")
    stream.produce(log_lines(1_500, distinct=100))
    with stream.worker() as worker:
        stream.wait_until_done()
        assert worker.terminate() == 0
    assert stream.store.stats(stream.topic).warming_up == 0
    stream.produce(log_lines(100, distinct=100, seed=1))
    with stream.worker() as worker:
        stream.wait_until_done()
        ((_, applied, position),) = worker.opened()
        assert applied == 1_500
        assert 0 < position <= applied
    assert stream.store.stats(stream.topic).warming_up == 0
    stream.assert_each_line_counted_once()


def test_a_partition_with_few_lines_warms_up_over_restarts(stream_factory):
    """Lines that wait for the end of the warm-up are kept over a restart, and scored then."""
    stream = stream_factory()
    odd = b"kernel: Out of memory: killed process 812 (java) score 900"
    for seed, waiting in enumerate((200, 400, 0)):
        stream.produce([*log_lines(199, distinct=50, seed=seed), odd if waiting == 400 else b"cron: began"])
        with stream.worker() as worker:
            stream.wait_until_done()
            assert worker.terminate() == 0
        assert stream.store.stats(stream.topic).warming_up == waiting
    assert odd.decode() in {anomaly.text for anomaly in stream.store.anomalies(stream.topic)}
    stream.assert_each_line_counted_once()


def test_a_worker_that_was_away_for_longer_than_the_retention_reads_all_that_is_left(stream_factory):
    """Also with ``start = latest``, which is about new groups only."""
    stream = stream_factory(STREAM__START="latest")
    stream.produce(log_lines(50))
    with stream.worker() as worker:
        worker.wait_for_line("applied offset 50,")
        assert worker.terminate() == 0  # before its first step: the start is fixed nevertheless
    stream.produce(log_lines(700, distinct=50))
    with stream.worker() as worker:
        stream.wait_until(lambda: stream.applied() == {0: 750}, "the lines after the start")
        assert worker.terminate() == 0
    assert stream.store.stats(stream.topic).lines == 700
    stream.produce(log_lines(1_000, distinct=50))
    with closing(KafkaAdminClient(**stream.kafka.client_kwargs())) as admin:
        admin.delete_records({TopicPartition(stream.topic, 0): 1_250})
    with stream.worker():
        stream.wait_until_done()
    stats = stream.store.stats(stream.topic)
    assert stats.lines == stream.pattern_lines() == 700 + 500
    assert stats.expired == 1_250 - 750


def test_a_topic_that_ends_before_the_applied_offset_is_read_from_its_beginning(stream_factory):
    """As an older version leaves it, which knew no topic ids."""
    stream = stream_factory()
    stream.produce(log_lines(20))
    stream.store.apply(Changes(stream.topic, 0, expected=None, end=100))
    with stream.worker() as worker:
        worker.wait_for_line("the topic was made anew")
        stream.produce(log_lines(100))
        stream.wait_until_done()
    stream.assert_each_line_counted_once()


def test_a_group_that_was_stopped_leaves_its_place_to_another_at_once(stream_factory):
    stream = stream_factory()
    stream.produce(log_lines(100, distinct=30))
    with stream.worker() as worker:
        stream.wait_until_done()
        assert worker.terminate() == 0
    stream.produce(log_lines(100, distinct=30))
    stream.group += "-renamed"
    with stream.worker():
        stream.wait_until_done()
    assert stream.store.stats(stream.topic).group == stream.group
    stream.assert_each_line_counted_once()


def test_a_worker_that_another_one_overtook_writes_nothing_and_goes_on_from_the_store(stream_factory):
    stream = stream_factory()
    stream.produce(log_lines(1_000, distinct=50))
    with stream.worker() as worker:
        stream.wait_until_done()
        other_owner = Changes(stream.topic, 0, expected=1_000, end=1_300, lines=300)
        stream.store.apply(other_owner)
        stream.produce(log_lines(700, distinct=50, seed=1))
        stream.wait_until_done()
        assert [applied for _, applied, _ in worker.opened()] == [None, 1_300]
        assert "applied offset is 1300, expected 1000" in worker.text()
    assert stream.store.stats(stream.topic).lines == 1_700
    assert stream.pattern_lines() == 1_700 - other_owner.lines


@pytest.mark.parametrize("running", [True, False], ids=["under a running worker", "between two workers"])
@pytest.mark.parametrize("left", ["older", "nothing"])
def test_a_store_that_lost_its_tail_gets_it_again(stream_factory, left, running):
    stream = stream_factory(2)
    stream.produce(log_lines(1_600, distinct=50), partitions=2)
    with stream.worker() as worker:
        stream.wait_until_done()
        kept = {key: stream.client.dump(key) for key in keys(stream)} if left == "older" else {}
        stream.produce(log_lines(2_000, distinct=50, seed=1), partitions=2)
        stream.wait_until_done()
        if not running:
            assert worker.terminate() == 0
        with stream.client.pipeline(transaction=True) as transaction:
            transaction.delete(*keys(stream))
            for key, value in kept.items():
                transaction.restore(key, 0, value)
            transaction.execute()
        stream.produce(log_lines(100, distinct=50, seed=2), partitions=2)
        if running:
            stream.wait_until_done()
    if not running:
        with stream.worker():
            stream.wait_until_done()
    assert stream.store.sources() == [stream.topic]
    stream.assert_each_line_counted_once()


def keys(stream) -> list[bytes]:
    """All of the stream's keys in the store."""
    return list(stream.client.scan_iter(match=f"{stream.redis.prefix}:{stream.redis.env}:*", count=1_000))


def test_an_applied_offset_set_back_by_hand_leaves_no_gap(stream_factory):
    """The snapshot is then ahead of the applied offset; reading from it would skip the lines between."""
    stream = stream_factory()
    stream.produce(log_lines(1_500, distinct=50))
    with stream.worker() as worker:
        stream.wait_until_done()
        assert worker.terminate() == 0
    stream.client.hset(stream.store.key(stream.topic, "applied"), 0, 300)
    with stream.worker():
        stream.wait_until_done()
    assert stream.store.stats(stream.topic).lines == 1_500 + 1_200
