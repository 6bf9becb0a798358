"""The delivery contract: the effect of each line is in the store exactly once, whatever happens to workers."""

from __future__ import annotations

from tests.integration.harness import log_lines

LINES = 50_000
PARTITIONS = 4


def test_each_line_counts_once_although_a_worker_is_killed(stream_factory):
    stream = stream_factory(PARTITIONS)
    with stream.worker() as victim, stream.worker() as survivor:
        everything = set(range(PARTITIONS))
        stream.wait_until(
            lambda: (
                len(victim.assigned()) == len(survivor.assigned()) == PARTITIONS // 2
                and victim.assigned() | survivor.assigned() == everything
            ),
            "two partitions for each worker",
        )
        owned = victim.assigned()
        stream.produce(log_lines(LINES), partitions=PARTITIONS)
        stream.wait_until(
            lambda: all(stream.applied().get(partition, 0) > 0 for partition in owned),
            "something applied of both partitions of the victim",
        )
        assert victim.assigned() == owned, stream.state()
        victim.kill()
        at_kill = stream.applied()
        assert any(at_kill[partition] < LINES // PARTITIONS for partition in owned), "the kill came too late"

        stream.wait_until_done()
        assert survivor.assigned() == everything
        taken = survivor.took_over()
        assert all(taken[partition] >= at_kill[partition] for partition in owned), stream.state()
        assert survivor.terminate() == 0
    assert sum(stream.ends().values()) == LINES
    assert stream.applied() == stream.committed() == stream.ends()
    assert stream.store.stats(stream.topic).lines == LINES
    assert stream.pattern_lines() == LINES
    stream.assert_each_line_counted_once()


def test_the_store_and_not_kafka_says_where_to_go_on(stream_factory):
    """Kafka is behind after a crash before a commit; it is ahead when the store lost its tail."""
    stream = stream_factory(2, STREAM__BATCH_LINES="100")
    stream.produce(log_lines(1_000, distinct=100), partitions=2)
    with stream.worker() as worker:
        stream.wait_until_done()
        stream.produce(log_lines(8_000, distinct=100), partitions=2)
        stream.wait_until_applied(2_000)
        assert worker.terminate() == 0
    before, ends = stream.applied(), stream.ends()
    unfinished = [partition for partition in ends if before[partition] < ends[partition]]
    assert unfinished, "the signal came too late"
    stream.commit({partition: ends[partition] if partition == unfinished[0] else 0 for partition in ends})
    with stream.worker() as worker:
        stream.wait_until_done()
        assert worker.took_over() == before
    stream.assert_each_line_counted_once()


def test_kafka_is_never_ahead_of_the_store(stream_factory):
    """While the store takes no writes, nothing is committed that it does not have."""
    stream = stream_factory(2, STREAM__BATCH_LINES="100")
    stream.produce(log_lines(8_000, distinct=100), partitions=2)
    with stream.worker():
        stream.wait_until_applied(1_000)
        for _ in range(3):
            stream.client.client_pause(2_000, all=False)
            applied, committed = stream.applied(), stream.committed()
            assert sum(applied.values()) < 8_000, "the pause came too late"
            assert all(at <= applied[partition] for partition, at in committed.items()), stream.state()
            stream.client.client_unpause()
            stream.wait_until_applied(sum(applied.values()) + 200)
        stream.wait_until_done()
    stream.assert_each_line_counted_once()
