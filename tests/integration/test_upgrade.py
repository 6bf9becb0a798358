"""From the first version's keys to today's, and what a later version left: read, or set aside with a message."""

from __future__ import annotations

import time

from connectors.redis.layout import LAYOUT
from stream_processors.detection.snapshot import STATE_VERSION, snapshot_metadata
from tests.integration.first_version import LINES, TEXT, snapshot, write_first_version
from tests.integration.harness import log_lines

OF_TODAY = ("applied", "stats", "feed", "anomalies:by_time", "windows", "state:0", "state:1")
"""Keys of the first version that are today's too."""


def test_the_first_versions_keys_are_taken_up_or_set_aside_and_later_ones_are_left_alone(stream_factory):
    stream = stream_factory(2)
    topic, redis, now = stream.topic, stream.client, time.time() - 60
    stream.produce(log_lines(600, distinct=50), partitions=2)
    base = f"{stream.redis.prefix}:{stream.redis.env}"
    write_first_version(redis, base, topic, partitions=2, now=now)
    later = snapshot(version="99", offset=LINES, program="9.9.0")
    redis.set(stream.store.key(topic, "state", 1), later)
    old = set(redis.scan_iter(match=f"{base}:*", count=1_000))

    with stream.worker() as worker:
        stream.wait_until_done()
        assert sorted(worker.opened()) == [(0, LINES, 0), (1, LINES, 0)]
        (said,) = worker.lines_with("keys of layout 1, of an earlier version")
        assert f"{topic}: " in said
        assert "set aside: 2 patterns (removed, their lines stay counted), 2 parts of windows" in said
        anew = f"its memory is learned anew: detector state has version '%s, expected '{STATE_VERSION}'"
        assert len(worker.lines_with(f"{topic}/0: {anew}" % "1'")) == 1
        assert len(worker.lines_with(rf"{topic}/1: {anew}" % r"99' \(made by version 9.9.0\)")) == 1
        stream.assert_each_line_counted_once()
        kept = [(line.partition, line.offset, line.text) for line in stream.store.anomalies(topic, limit=100)]
        assert {(partition, LINES - 1, TEXT) for partition in (0, 1)} <= set(kept)
        for partition in (0, 1):
            state = redis.get(stream.store.key(topic, "state", partition))
            assert snapshot_metadata(state)["version"] == str(STATE_VERSION)
        today = {stream.store.key(topic, *name.split(":")).encode() for name in OF_TODAY}
        stays = {key for key in old - today if redis.ttl(key) == -1}
        assert stays == {f"{base}:sources".encode()}

        owner = stream.store.key(topic, "owner")
        redis.hset(
            owner, mapping={"layout": LAYOUT + 1, "version": "9.9.0"}
        )  # a later version takes the topic
        reason = f"its keys are of layout {LAYOUT + 1}, made by version 9.9.0; this is version"
        worker.wait_for_line(f"{topic}/0: can't be opened: NewerKeys: {topic}: {reason}")
        stream.wait_until(lambda: len(stream.store.troubles(topic)) == 2, "the reason in the store")
        assert all(reason in trouble for trouble in stream.store.troubles(topic).values())
        before = stream.applied()
        stream.produce(log_lines(100, distinct=50, seed=1), partitions=2)
        time.sleep(2)  # at least two more tries
        assert stream.applied() == before
        assert redis.hget(owner, "layout") == str(LAYOUT + 1).encode()

        redis.hset(owner, mapping={"layout": LAYOUT})
        stream.wait_until_done()
        assert "Traceback" not in worker.text(), worker.tail()
    stream.assert_each_line_counted_once()
