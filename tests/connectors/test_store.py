"""The same behaviours of both stores; Redis is a real one."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from pydantic import ValidationError

from connectors.records import Anomaly, Changes, Pattern, SourceStats, WindowPart
from connectors.redis import RedisSettings, connect
from connectors.store import (
    BUCKET_SECONDS,
    TAKEOVER_SECONDS,
    Fenced,
    MemoryStore,
    Occupied,
    RedisStore,
    RetentionSettings,
    Stored,
    StoreRefused,
    bucket,
)
from stream_processors.demo.servers import StoreServer

BINARY = bytes(range(256)) * 4
NOW = 1_700_000_000.0


def anomaly(
    offset: int, *, score: float = 0.5, timestamp: float = NOW, partition: int = 0, text: str = "x"
) -> Anomaly:
    return Anomaly(partition, offset, timestamp, score, 0.4, text, "raw", "p1", model="m1")


def pattern(name: str, *, count: int = 1, seen: float = NOW) -> Pattern:
    return Pattern(name, count, seen, seen, f"example of {name}", BINARY[:64], "m1")


def window(
    start: int, *, partition: int = 0, count: int = 5, opened: int = 7, model: str = "m1"
) -> WindowPart:
    texts = ("one \x00", "zwei \u00e4\U0001f600")
    return WindowPart(start, partition, count, BINARY[:16], (1, 2), texts, BINARY[:16], opened, model)


def step(expected: int | None, end: int, *, source: str = "logs", partition: int = 0, **changes) -> Changes:
    return Changes(source, partition, expected=expected, end=end, **changes)


def full_step(expected: int | None, end: int) -> Changes:
    """A batch that changes everything a batch can change."""
    return step(
        expected,
        end,
        lines=7,
        dead_letters=1,
        parse_errors=2,
        cut=4,
        expired=5,
        warming_up=3,
        waiting_from=end - 3,
        topic_id="topic-1",
        model="m1",
        anomalies=[anomaly(end - 1)],
        patterns=[pattern("p1", count=7)],
        windows=[window(60)],
        snapshot=BINARY + str(end).encode(),
    )


def everything(store, source: str = "logs") -> tuple:
    """All that the store answers about a source."""
    return (
        store.stats(source),
        store.applied(source),
        store.state(source, 0),
        store.stored(source, 0, 9),
        store.anomalies(source),
        store.patterns(source),
        [store.window(source, start) for start in store.windows(source)],
    )


@pytest.fixture
def redis_store(redis_settings):
    """``redis_store(anomalies=3, ...)``: a store over the real server with that retention."""

    def make(clock=time.time, group="", **retention) -> RedisStore:
        return RedisStore(
            connect(redis_settings),
            prefix=redis_settings.prefix,
            env=redis_settings.env,
            retention=RetentionSettings(**retention),
            clock=clock,
            group=group,
        )

    return make


@pytest.fixture(params=["memory", "redis"])
def store(request):
    return MemoryStore() if request.param == "memory" else request.getfixturevalue("redis_store")()


def test_a_source_nobody_wrote_is_empty(store):
    assert everything(store) == (SourceStats("logs"), {}, None, Stored(), [], [], [])
    assert store.sources() == []
    assert store.window("logs", 60) == []


def test_a_step_changes_everything_at_once(store):
    store.apply(full_step(None, 10))
    stats, applied, state, stored, anomalies, patterns, windows = everything(store)
    assert stats == SourceStats(
        "logs",
        lines=7,
        dead_letters=1,
        parse_errors=2,
        cut=4,
        warming_up=3,
        patterns=1,
        expired=5,
        model="m1",
        applied={0: 10},
    )
    assert applied == {0: 10}
    assert state == BINARY + b"10"
    assert stored == Stored(10, "topic-1", BINARY + b"10", 7, (window(60),))
    assert anomalies == [anomaly(9)]
    assert patterns == [pattern("p1", count=7)]
    assert windows == [[window(60)]]
    assert store.sources() == ["logs"]


def test_the_next_step_goes_on_from_the_applied_offset(store):
    store.apply(full_step(None, 10))
    store.apply(full_step(10, 25))
    stats = store.stats("logs")
    counted = (stats.lines, stats.dead_letters, stats.parse_errors, stats.cut)
    assert (counted, stats.applied) == ((14, 2, 4, 8), {0: 25})
    assert store.state("logs", 0) == BINARY + b"25"


@pytest.mark.parametrize("expected", [None, 0, 9, 11, 100])
def test_a_step_from_another_offset_is_fenced_and_changes_nothing(store, expected):
    store.apply(full_step(None, 10))
    before = everything(store)
    with pytest.raises(Fenced, match="logs/0: applied offset is 10, expected") as caught:
        store.apply(full_step(expected, 20))
    assert caught.value.found == 10
    assert everything(store) == before


def test_a_step_from_an_offset_the_store_has_lost_is_fenced(store):
    with pytest.raises(Fenced, match="applied offset is None, expected 10") as caught:
        store.apply(full_step(10, 20))
    assert caught.value.found is None
    assert everything(store)[1:] == ({}, None, Stored(), [], [], [])


def test_a_replayed_step_counts_once(store):
    store.apply(full_step(None, 10))
    before = everything(store)
    with pytest.raises(Fenced):
        store.apply(full_step(None, 10))
    assert everything(store) == before


def test_offset_zero_is_not_no_offset(store):
    store.apply(step(None, 0))
    with pytest.raises(Fenced):
        store.apply(step(None, 5))
    store.apply(step(0, 5))
    assert store.applied("logs") == {0: 5}


def test_of_two_writers_with_the_same_expected_offset_exactly_one_wins(store, monkeypatch):
    monkeypatch.setattr(
        store, "applied", lambda source, real=store.applied: (real(source), time.sleep(0.001))[0]
    )
    for start in range(20):
        expected, ready, outcomes = start or None, threading.Barrier(2), []

        def write(mark: bytes, start=start, expected=expected, ready=ready, outcomes=outcomes) -> None:
            ready.wait()
            try:
                store.apply(step(expected, start + 1, lines=1, snapshot=mark))
                outcomes.append(mark)
            except Fenced:
                outcomes.append(None)

        writers = [threading.Thread(target=write, args=(mark,)) for mark in (b"a", b"b")]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert outcomes.count(None) == 1
        assert store.state("logs", 0) in outcomes
    assert store.stats("logs").lines == 20


def test_two_partitions_do_not_disturb_each_other(store):
    store.apply(step(None, 10, lines=10, warming_up=10, snapshot=b"zero", windows=[window(60, count=10)]))
    store.apply(
        step(
            None,
            3,
            partition=1,
            lines=3,
            warming_up=3,
            snapshot=b"one",
            windows=[window(60, partition=1, count=3)],
        )
    )
    store.apply(step(10, 20, lines=10, snapshot=b"zero again"))
    assert store.applied("logs") == {0: 20, 1: 3}
    assert (store.state("logs", 0), store.state("logs", 1)) == (b"zero again", b"one")
    assert [(part.partition, part.count) for part in store.window("logs", 60)] == [(0, 10), (1, 3)]
    assert (store.stats("logs").lines, store.stats("logs").warming_up) == (23, 3)


def test_two_sources_do_not_disturb_each_other(store):
    store.apply(full_step(None, 10))
    before = everything(store)
    store.apply(replace(full_step(None, 99), source="other:source*{x}"))
    assert everything(store) == before
    assert store.sources() == ["logs", "other:source*{x}"]
    assert store.stats("other:source*{x}").lines == 7


def test_pattern_counts_add_up_and_the_founder_stays(store):
    store.apply(step(None, 1, patterns=[pattern("p1", count=3, seen=NOW), pattern("p2", count=4, seen=NOW)]))
    later = replace(pattern("p1", count=5, seen=NOW + 9), example="another", vector=BINARY[64:128])
    store.apply(step(1, 2, patterns=[later]))
    store.apply(step(2, 3, patterns=[pattern("p1", count=2, seen=NOW - 1.5)]))
    first, second = store.patterns("logs")
    assert (first.id, first.count, first.first_seen, first.last_seen) == ("p1", 10, NOW - 1.5, NOW + 9)
    assert (first.example, first.vector, first.model) == ("example of p1", BINARY[:64], "m1")
    assert (second.id, second.count) == ("p2", 4)
    assert store.patterns("logs", limit=1) == [first]


def test_anomalies_come_by_score_or_by_time(store):
    flagged = [
        anomaly(1, score=0.5, timestamp=NOW),
        anomaly(2, score=0.9, timestamp=NOW - 3 * BUCKET_SECONDS),
        anomaly(3, score=0.7, timestamp=NOW + 2 * BUCKET_SECONDS),
        anomaly(4, score=0.6, timestamp=NOW + 1),
    ]
    store.apply(step(None, 5, anomalies=flagged))
    assert [a.offset for a in store.anomalies("logs")] == [2, 3, 4, 1]
    assert [a.offset for a in store.anomalies("logs", limit=2)] == [2, 3]
    assert [a.offset for a in store.anomalies("logs", order="time")] == [3, 4, 1, 2]
    assert [a.offset for a in store.anomalies("logs", order="time", limit=1)] == [3]


def test_an_anomaly_without_a_time_does_not_hide_the_others(store):
    far = [anomaly(1, timestamp=0.0, score=0.6), anomaly(2, score=0.8), anomaly(3, timestamp=4e9, score=0.7)]
    store.apply(step(None, 4, anomalies=far))
    assert [a.offset for a in store.anomalies("logs")] == [2, 3, 1]


def test_an_anomaly_comes_back_as_it_was(store):
    odd = anomaly(1, score=0.1 + 0.2, timestamp=NOW + 0.123456, text="\x00 \ufffd \U0001f600 \n 'quoted'")
    long = replace(anomaly(2, score=0.2), cut=True)
    store.apply(step(None, 3, anomalies=[odd, long]))
    assert store.anomalies("logs") == [odd, long]


def test_windows_come_latest_first_and_a_part_is_replaced(store):
    store.apply(step(None, 1, windows=[window(0), window(120), window(60)]))
    store.apply(step(1, 2, windows=[window(120, count=99)]))
    assert store.windows("logs") == [120, 60, 0]
    assert store.window("logs", 120) == [window(120, count=99)]
    assert store.window("logs", 60) == [window(60)]
    assert store.window("logs", 30) == []


def test_a_step_without_a_snapshot_keeps_the_last_one(store):
    store.apply(step(None, 1, snapshot=BINARY))
    store.apply(step(1, 2))
    assert store.state("logs", 0) == BINARY


def test_a_step_of_many_changes_is_one_step(store):
    flagged = [anomaly(n, score=n / 2_000) for n in range(2_000)]
    known = [pattern(f"p{n}") for n in range(1_000)]
    store.apply(step(None, 2_000, lines=2_000, anomalies=flagged, patterns=known))
    assert len(store.anomalies("logs", limit=5_000)) == 2_000
    assert store.stats("logs").patterns == 1_000


def test_lines_that_wait_are_told_until_none_waits(store):
    store.apply(step(None, 10, waiting_from=4))
    assert store.stored("logs", 0, 1).waiting_from == 4
    store.apply(step(10, 20, waiting_from=0))
    assert store.stored("logs", 0, 1).waiting_from == 0
    store.apply(step(20, 30))
    assert store.stored("logs", 0, 1).waiting_from is None


def test_starts_are_pinned_only_while_nothing_of_the_source_was_applied(store):
    store.begin("logs", {0: 500, 2: 0})
    assert store.applied("logs") == {0: 500, 2: 0}
    assert store.sources() == ["logs"]
    store.begin("logs", {0: 900, 1: 900})
    assert store.applied("logs") == {0: 500, 2: 0}
    store.apply(step(500, 510, lines=10))
    assert store.applied("logs") == {0: 510, 2: 0}
    store.begin("other", {})
    assert store.applied("other") == {}


def test_a_partition_made_anew_begins_anew_and_keeps_what_was_found(store):
    store.apply(full_step(None, 10))
    store.apply(step(None, 5, partition=1, warming_up=2, waiting_from=3, snapshot=b"one", topic_id="topic-1"))
    store.restart("logs", 0, expected=10, start=2, topic_id="topic-2")
    assert store.stored("logs", 0, 0) == Stored(2, "topic-2")
    assert store.stored("logs", 1, 0) == Stored(5, "topic-1", b"one", 3)
    stats = store.stats("logs")
    assert (stats.lines, stats.warming_up, stats.applied) == (7, 2, {0: 2, 1: 5})
    assert store.anomalies("logs") == [anomaly(9)]
    store.apply(step(2, 4, lines=2))
    assert store.applied("logs") == {0: 4, 1: 5}
    store.restart("logs", 0, expected=4, start=0, topic_id=None)
    assert store.stored("logs", 0, 0) == Stored(0, None)


@pytest.mark.parametrize("expected", [None, 9])
def test_a_partition_is_not_restarted_from_another_offset(store, expected):
    store.apply(full_step(None, 10))
    before = everything(store)
    with pytest.raises(Fenced, match=f"logs/0: applied offset is 10, expected {expected}"):
        store.restart("logs", 0, expected=expected, start=0, topic_id="topic-2")
    assert everything(store) == before


def test_a_second_consumer_group_is_refused_until_the_first_gave_no_sign_for_long(store):
    store.claim("logs", "first", NOW)
    store.claim("logs", "first", NOW + 5)
    with pytest.raises(Occupied, match=r"logs: .*'first'.* 95 s ago.*redis\.env") as caught:
        store.claim("logs", "second", NOW + 100)
    assert "\n" not in str(caught.value)
    store.claim("other", "second", NOW + 100)
    assert store.stats("logs").group == "first"
    store.claim("logs", "second", NOW + 5 + TAKEOVER_SECONDS)
    assert store.stats("logs").group == "second"


def test_a_window_that_is_opened_again_is_another_part(store):
    again = window(60, opened=900, count=2)
    store.apply(step(None, 1, windows=[window(60), window(60, partition=1)]))
    store.apply(step(1, 2, windows=[again]))
    assert store.window("logs", 60) == [window(60), again, window(60, partition=1)]
    assert store.windows("logs") == [60]


def test_a_window_without_lines_is_left_out(store):
    store.apply(step(None, 1, windows=[window(60), window(120, count=0)]))
    assert store.windows("logs") == [60]
    assert store.window("logs", 120) == []
    assert store.stored("logs", 0, 1).windows == (window(60),)


def test_what_another_model_left_is_left_out_when_a_model_is_asked_for(store):
    other = replace(pattern("p2", count=9), model="m2")
    parts = [window(60), window(120, model="m2"), window(60, model="m2", opened=8)]
    store.apply(step(None, 1, patterns=[pattern("p1"), other], windows=parts))
    assert [found.id for found in store.patterns("logs", model="m1")] == ["p1"]
    assert [found.id for found in store.patterns("logs")] == ["p2", "p1"]
    assert store.windows("logs", model="m1") == [60]
    assert store.windows("logs", model="m2", limit=1) == [120]
    assert store.window("logs", 60, model="m1") == [window(60)]


def test_a_partition_goes_on_with_its_own_latest_windows(store):
    mine = [window(start) for start in (60, 120, 180)]
    again = window(180, opened=8)
    others = [window(start, partition=1) for start in range(0, 6_000, 60)]
    store.apply(step(None, 1, windows=[*mine, *others]))
    store.apply(step(1, 2, windows=[again]))
    assert store.stored("logs", 0, 2).windows == (mine[1], mine[2], again)
    assert store.stored("logs", 0, 99).windows == (*mine, again)
    assert store.stored("logs", 0, 0).windows == ()


def test_a_line_without_a_time_counts_as_seen_now_and_none_as_seen_later(store):
    flagged = [anomaly(1, timestamp=NOW), anomaly(2, timestamp=0.0)]
    store.apply(step(None, 3, anomalies=flagged))
    assert [a.offset for a in store.anomalies("logs", order="time")] == [2, 1]
    assert store.anomalies("logs", order="time")[0].timestamp == 0.0
    began = time.time()
    store.apply(step(3, 4, patterns=[pattern("p1", seen=began + 1e6)]))
    assert began <= store.patterns("logs")[0].last_seen <= time.time()


def test_a_line_that_is_flagged_again_is_one_anomaly(store):
    store.apply(step(None, 2, anomalies=[anomaly(1, score=0.9, timestamp=NOW)]))
    later = anomaly(1, score=0.5, timestamp=NOW + 5 * BUCKET_SECONDS)
    store.apply(step(2, 3, anomalies=[later, anomaly(2, score=0.7)]))
    assert store.anomalies("logs") == [anomaly(2, score=0.7), later]
    assert store.anomalies("logs", order="time") == [later, anomaly(2, score=0.7)]


# What only a server does: forget.


@pytest.fixture
def client(redis_settings):
    client = connect(redis_settings)
    yield client
    client.close()


def test_over_the_limit_the_patterns_unused_for_longest_are_forgotten_but_their_lines_counted(
    redis_store, client
):
    store = redis_store(patterns=2)
    for number, name in enumerate(["old", "kept", "new", "kept"]):
        store.apply(
            step(number or None, number + 1, lines=5, patterns=[pattern(name, count=5, seen=NOW + number)])
        )
    patterns = {found.id: found.count for found in store.patterns("logs")}
    stats = store.stats("logs")
    assert patterns == {"kept": 10, "new": 5}
    assert (stats.patterns, stats.forgotten_pattern_lines) == (2, 5)
    assert sum(patterns.values()) + stats.forgotten_pattern_lines == stats.lines
    assert not client.exists(store.key("logs", "pattern", "old"))


def test_only_the_most_recent_anomalies_are_kept(redis_store, client):
    store = redis_store(anomalies=3)
    for n in range(6):
        store.apply(step(n or None, n + 1, anomalies=[anomaly(n, timestamp=NOW + n, score=1 - n / 10)]))
    assert [a.offset for a in store.anomalies("logs", order="time")] == [5, 4, 3]
    assert client.zcard(store.key("logs", "anomalies", "by_time")) == 3
    assert client.zcard(store.key("logs", "anomalies", "by_score", bucket(NOW))) <= 3


def test_everything_that_grows_with_time_expires(redis_store, client):
    store = redis_store(anomaly_hours=2, window_hours=1)
    store.apply(full_step(None, 10))
    for name, seconds in {
        store.key("logs", "line", "0:9"): 7_200,
        store.key("logs", "anomalies", "by_score", bucket(NOW)): 7_200 + BUCKET_SECONDS,
        store.key("logs", "window", 60, 0, 7): 3_600,
    }.items():
        assert 0 < client.ttl(name) <= seconds
    for name in ("applied", "stats", "patterns"):
        assert client.ttl(store.key("logs", name)) == -1


def test_an_expired_anomaly_is_left_out(redis_store, client):
    store = redis_store()
    store.apply(step(None, 3, anomalies=[anomaly(1), anomaly(2)]))
    client.delete(store.key("logs", "line", "0:1"))
    assert [a.offset for a in store.anomalies("logs")] == [2]
    assert [a.offset for a in store.anomalies("logs", order="time")] == [2]


def test_what_was_kept_before_lines_were_flagged_as_cut_is_read_as_not_cut(redis_store, client):
    store = redis_store()
    store.apply(full_step(None, 10))
    client.hdel(store.key("logs", "line", "0:9"), "cut")
    client.hdel(store.key("logs", "stats"), "cut")
    assert store.anomalies("logs") == [anomaly(9)]
    assert store.stats("logs").cut == 0
    store.apply(full_step(10, 20))
    assert store.stats("logs").cut == 4


def test_the_live_feed_is_bounded(redis_store, client):
    store = redis_store(feed=100)
    store.apply(step(None, 1, anomalies=[anomaly(n) for n in range(2_000)]))
    assert 100 <= client.xlen(store.key("logs", "feed")) < 500


def test_every_key_of_a_source_lives_in_one_cluster_slot(redis_store, redis_settings, client):
    redis_store().apply(full_step(None, 10))
    base = f"{redis_settings.prefix}:{redis_settings.env}:"
    keys = {key.decode() for key in client.scan_iter(match=f"{base}*", count=1_000)} - {f"{base}sources"}
    assert len(keys) >= 9
    assert all(key.startswith(f"{base}{{logs}}:") for key in keys)


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


def test_more_alerts_within_an_hour_than_are_kept_still_give_as_many_as_are_asked_for(redis_store, client):
    store = redis_store(anomalies=20)
    for n in range(60):  # the early ones, which go, have the highest scores
        store.apply(step(n or None, n + 1, anomalies=[anomaly(n, timestamp=NOW + n, score=1 - n / 100)]))
    assert [a.offset for a in store.anomalies("logs", limit=20)] == list(range(40, 60))
    assert client.zcard(store.key("logs", "anomalies", "by_score", bucket(NOW))) == 20


def test_anomalies_that_are_gone_are_passed_over_until_enough_are_found(redis_store, client):
    store = redis_store()
    store.apply(
        step(None, 300, anomalies=[anomaly(n, score=n / 1_000, timestamp=NOW + n) for n in range(300)])
    )
    before = NOW - BUCKET_SECONDS
    store.apply(step(300, 301, anomalies=[anomaly(300, score=0, timestamp=before)]))
    client.delete(*(store.key("logs", "line", f"0:{n}") for n in range(50, 300)))
    # Earlier versions left members in a bucket when they trimmed, and a topic made anew ranks an offset again.
    client.zadd(
        store.key("logs", "anomalies", "by_score", bucket(NOW)), {f"0:{n}": 5 for n in range(900, 950)}
    )
    client.zadd(store.key("logs", "anomalies", "by_score", bucket(before)), {"0:49": 9, "0:48": 8})
    newest = list(range(49, 29, -1))
    assert [a.offset for a in store.anomalies("logs", limit=20)] == newest
    assert [a.offset for a in store.anomalies("logs", limit=20, order="time")] == newest


def test_what_an_earlier_version_ranked_in_the_future_is_pulled_back_to_now(redis_store, client):
    store = redis_store(clock=lambda: NOW)
    store.apply(step(None, 3, anomalies=[anomaly(1), anomaly(2, score=0.9)], patterns=[pattern("p1")]))
    far = NOW + 1e6
    client.zadd(store.key("logs", "anomalies", "by_time"), {"0:2": far})
    client.zrem(store.key("logs", "anomalies", "by_score", bucket(NOW)), "0:2")
    client.zadd(store.key("logs", "anomalies", "by_score", bucket(far)), {"0:2": 0.9})
    client.zadd(store.key("logs", "patterns"), {"p1": far})
    store.apply(step(3, 4))
    assert client.zscore(store.key("logs", "anomalies", "by_time"), "0:2") == NOW
    assert client.zscore(store.key("logs", "patterns"), "p1") == NOW
    assert not client.exists(store.key("logs", "anomalies", "by_score", bucket(far)))
    assert [a.offset for a in store.anomalies("logs")] == [2, 1]


WEEK = 7 * 86_400


def test_windows_of_a_replay_and_of_the_future_stay_as_long_as_they_live(redis_store, client):
    store = redis_store(clock=lambda: NOW)
    past, future = int(NOW) - WEEK, int(NOW) + WEEK
    store.apply(step(None, 1, windows=[window(past), window(past + 60)]))
    store.apply(step(1, 2, windows=[window(future)]))
    store.apply(step(2, 3, windows=[window(int(NOW))]))
    assert store.windows("logs") == [future, int(NOW), past + 60, past]
    client.delete(
        store.key("logs", "window", past, 0, 7), store.key("logs", "window", future, 0, 7)
    )  # as if expired
    assert store.windows("logs") == [int(NOW), past + 60]
    store.apply(step(3, 4))
    assert client.zrange(store.key("logs", "windows"), 0, -1) == [
        f"{start}:0:7".encode() for start in (past + 60, int(NOW))
    ]


def test_no_more_window_parts_are_kept_than_the_retention_says(redis_store, client):
    store = redis_store(windows=3)
    store.apply(step(None, 1, windows=[window(start) for start in (300, 60, 120, 180, 240)]))
    assert store.windows("logs") == [300, 240, 180]
    assert not client.exists(store.key("logs", "window", 60, 0, 7))
    assert client.zcard(store.key("logs", "windows")) == 3


def test_windows_of_earlier_versions_are_passed_over(redis_store, client):
    store = redis_store()
    store.apply(step(None, 1, windows=[window(60)]))
    client.zadd(store.key("logs", "windows"), {"120:0": 120, "60:0": 60})
    client.hset(store.key("logs", "window", 120, 0), mapping={"count": 5})
    assert store.windows("logs") == [60]
    assert store.window("logs", 120) == []
    assert store.stored("logs", 0, 5).windows == (window(60),)


def test_what_earlier_versions_kept_names_no_model(redis_store, client):
    store = redis_store()
    store.apply(full_step(None, 10))
    client.hdel(store.key("logs", "line", "0:9"), "model")
    client.hdel(store.key("logs", "pattern", "p1"), "model")
    client.hdel(store.key("logs", "window", 60, 0, 7), "model")
    assert store.anomalies("logs")[0].model == ""
    assert store.patterns("logs")[0].model == ""
    assert store.window("logs", 60)[0].model == ""


def test_the_values_that_other_programs_read_are_whole_numbers(redis_store, client):
    store = redis_store(group="g")
    store.begin("logs", {0: 3, 1: 0})
    store.apply(full_step(3, 10))
    store.restart("logs", 0, expected=10, start=0, topic_id="topic-2")
    for name in ("applied", "stats"):
        values = client.hvals(store.key("logs", name))
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


# A step that the server refuses half way.


BROKEN = (
    ("patterns",),
    ("pattern", "p1"),
    ("windows",),
    ("window", 60, 0, 7),
    ("line", "0:9"),
    ("anomalies", "by_time"),
    ("anomalies", "by_score", bucket(NOW)),
    ("feed",),
    ("state", 0),
    ("owner",),
    ("topic_ids",),
    ("stats",),
)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda name: ":".join(map(str, name)))
def test_a_step_that_was_refused_half_way_counts_once_when_it_is_tried_again(redis_store, client, broken):
    store, clean = redis_store(group="g"), redis_store(group="g")
    clean.apply(replace(full_step(None, 10), source="clean"))
    key = store.key("logs", *broken)
    client.geoadd(key, (1, 1, "of another type")) if broken == ("state", 0) else client.set(key, "a string")
    for _ in range(3):
        with pytest.raises(StoreRefused, match="WRONGTYPE") as caught:
            store.apply(full_step(None, 10))
        assert key in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not client.exists(store.key("logs", "applied"))
    client.delete(key)
    client.delete(store.key("logs", "feed"))  # an empty stream stays
    assert list(client.scan_iter(match=store.key("logs", "*"), count=1_000)) == []
    store.apply(full_step(None, 10))
    assert replace(store.stats("logs"), source="clean") == clean.stats("clean")
    assert everything(store)[1:] == everything(clean, "clean")[1:]
    assert client.xlen(store.key("logs", "feed")) == 1


def test_what_a_refused_step_trimmed_comes_back(redis_store, client):
    store = redis_store(patterns=2, anomalies=2)
    known = [pattern(f"p{n}", count=3, seen=NOW + n) for n in range(2)]
    store.apply(step(None, 2, lines=6, patterns=known, anomalies=[anomaly(0), anomaly(1)]))
    before = everything(store)
    more = step(
        2,
        4,
        lines=6,
        patterns=[pattern("p2", count=3, seen=NOW + 9)],
        anomalies=[anomaly(2, timestamp=NOW + 1)],
    )
    client.set(store.key("logs", "windows"), "of another type")  # looked at after the others were trimmed
    with pytest.raises(StoreRefused, match="windows"):
        store.apply(more)
    client.delete(store.key("logs", "windows"))
    assert everything(store) == before
    store.apply(more)
    assert {p.id for p in store.patterns("logs")} == {"p1", "p2"}
    stats = store.stats("logs")
    assert (stats.lines, stats.forgotten_pattern_lines) == (12, 3)
    assert [a.offset for a in store.anomalies("logs", order="time")] == [2, 1]


@pytest.fixture
def limited(redis_settings, client):
    """``limited("-xadd")``: a store of an ACL user who may do everything but that."""
    users = []

    def make(*rules: str, **options) -> RedisStore:
        name = f"user-{len(users)}-{redis_settings.env}"
        users.append(name)
        client.execute_command("ACL", "SETUSER", name, "on", ">pass", "~*", "&*", "+@all", *rules)
        host, port, db = redis_settings.endpoint
        settings = RedisSettings(url=f"redis://{name}:pass@{host}:{port}/{db}")
        return RedisStore(connect(settings), prefix=redis_settings.prefix, env=redis_settings.env, **options)

    yield make
    for name in users:
        client.execute_command("ACL", "DELUSER", name)


def test_a_user_without_a_permission_loses_nothing(redis_store, limited):
    denied, store = limited("-xadd"), redis_store()
    with pytest.raises(StoreRefused, match=r"refused XADD on se:.*feed: (ERR|NOPERM|.*permission)"):
        denied.apply(full_step(None, 10))
    assert everything(store) == everything(MemoryStore())
    store.apply(full_step(None, 10))
    assert store.stats("logs").lines == 7
    assert store.patterns("logs") == [pattern("p1", count=7)]


def test_a_refused_step_leaves_what_it_had_changed_as_it_was(redis_store, client):
    store = redis_store(group="g", clock=lambda: NOW)
    store.apply(full_step(None, 10))
    before = everything(store)
    feed = store.key("logs", "feed")
    client.rename(feed, "aside")
    client.set(feed, "of another type")
    later = anomaly(9, timestamp=NOW - 3 * BUCKET_SECONDS)
    with pytest.raises(StoreRefused, match="XADD"):
        store.apply(
            replace(
                full_step(10, 30),
                patterns=[pattern("p1", count=9, seen=NOW - 9), pattern("p2")],
                windows=[window(60, count=99), window(120)],
                waiting_from=None,
                topic_id="topic-2",
                model="m2",
                anomalies=[later],
            )
        )
    client.rename("aside", feed)
    assert everything(store) == before


def commands_run(client) -> set[str]:
    """What the server ran since its statistics were reset, without what this client and the reset ask for."""
    ours = {"config|resetstat", "info", "client|setinfo"}
    return {name.removeprefix("cmdstat_") for name in client.info("commandstats")} - ours


def test_the_check_tries_every_command_that_the_store_uses(redis_store, client):
    store = redis_store(patterns=1, anomalies=1, windows=1, group="g")
    client.config_resetstat()
    store.claim("logs", "g", NOW)
    store.begin("logs", {0: 0})
    for end in range(1, 4):
        more = {
            "anomalies": [anomaly(end, timestamp=NOW + end * BUCKET_SECONDS)],
            "patterns": [pattern(f"p{end}", seen=NOW + end)],
            "windows": [window(end * 60)],
        }
        store.apply(replace(full_step(end - 1, end), waiting_from=None if end == 2 else 0, **more))
    client.set(store.key("logs", "windows"), "of another type")
    with pytest.raises(StoreRefused):
        store.apply(full_step(3, 10))
    client.delete(store.key("logs", "windows"))
    store.apply(full_step(3, 10))
    everything(store)
    store.anomalies("logs", order="time")
    store.restart("logs", 0, expected=10, start=0, topic_id=None)
    used = commands_run(client)
    client.config_resetstat()
    store.check("logs")
    tried = commands_run(client)
    assert len(used) > 20
    assert used <= tried
    assert "eval" in tried


def test_a_check_leaves_nothing_behind(redis_store, redis_settings, client):
    store = redis_store()
    store.apply(full_step(None, 10))
    before = set(client.scan_iter(match=f"*{redis_settings.env}*", count=1_000)), everything(store)
    store.check("logs")
    assert (set(client.scan_iter(match=f"*{redis_settings.env}*", count=1_000)), everything(store)) == before


@pytest.mark.parametrize(
    "command",
    [
        "xadd",
        "xdel",
        "hincrby",
        "hmget",
        "hset",
        "hdel",
        "zadd",
        "zrem",
        "zrangebyscore",
        "expire",
        "set",
        "del",
        "eval",
        "evalsha",
        "sadd",
        "smembers",
        "hgetall",
        "zrevrange",
        "zscore",
        "exists",
        "get",
        "hlen",
        "zcard",
    ],
)
def test_a_permission_that_is_missing_is_named_before_anything_is_read(
    limited, client, redis_settings, command
):
    denied = limited(f"-{command}")
    with pytest.raises(StoreRefused, match=rf"(?i)^the store \(\w+ \d+\.\d.*\) .*{command}") as caught:
        denied.check("logs")
    assert "\n" not in str(caught.value)
    if command != "del":
        assert not list(client.scan_iter(match=f"*{redis_settings.env}*", count=1_000))


def test_the_permissions_that_the_documentation_lists_are_enough(limited, redis_settings):
    text = (Path(__file__).parents[2] / "docs" / "redis.md").read_text()
    (listed,) = re.findall(r"```\n(\+evalsha.*?)```", text, flags=re.DOTALL)
    keys = f"~{redis_settings.prefix}:{redis_settings.env}:*"
    store = limited("resetkeys", keys, "-@all", *listed.split())
    store.check("logs")
    store.apply(full_step(None, 10))
    for one in listed.split():
        if one not in ("+ping", "+info"):  # one less is one too few
            with pytest.raises(StoreRefused):
                limited("-@all", *(other for other in listed.split() if other != one)).check("logs")


def test_a_check_does_without_info(limited):
    limited("-info").check("logs")
    with pytest.raises(StoreRefused, match=r"INFO is not permitted.*XADD"):
        limited("-info", "-xadd").check("logs")


def test_keys_that_a_user_may_not_touch_are_told(limited, redis_settings):
    mine = f"~{redis_settings.prefix}:{redis_settings.env}:*"
    limited("resetkeys", mine).check("logs")
    with pytest.raises(StoreRefused, match=r"(?i)access"):
        limited("resetkeys", "~other:*").check("logs")


def test_a_server_before_6_2_is_told_by_its_version(redis_store, client, monkeypatch):
    store = redis_store()
    monkeypatch.setattr(store._redis, "info", lambda *_: {"redis_version": "6.0.16"})
    with pytest.raises(StoreRefused, match=r"Redis 6\.0\.16; Redis >= 6\.2 or Valkey"):
        store.check("logs")


def test_a_server_that_forgot_its_scripts_is_told_them_again(redis_store, client):
    store = redis_store()
    store.apply(full_step(None, 10))
    client.script_flush()
    store.apply(full_step(10, 20))
    assert store.stats("logs").lines == 14


@pytest.mark.parametrize(
    ("name", "value"),
    [("anomaly_hours", 1e13), ("window_hours", 1e13), ("anomalies", 1e12), ("feed", 1e12), ("windows", 0)],
)
def test_a_retention_that_no_server_can_keep_is_refused_by_name(name, value):
    with pytest.raises(ValidationError, match=name):
        RetentionSettings(**{name: value})


def test_the_longest_retention_is_one_that_a_server_takes(redis_store):
    most = 10_000_000
    store = redis_store(
        anomaly_hours=87_600, window_hours=87_600, anomalies=most, windows=most, feed=most, patterns=most
    )
    store.apply(full_step(None, 10))
    shortest = redis_store(anomaly_hours=1e-9, window_hours=1e-9)
    shortest.apply(full_step(10, 20))
    assert store.anomalies("logs")[0].offset in (9, 19)


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
