"""The same behaviours of both stores; Redis is a real one."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from connectors.records import Anomaly, Changes, Pattern, SourceStats, WindowPart
from connectors.redis import connect
from connectors.store import BUCKET_SECONDS, Fenced, MemoryStore, RedisStore, RetentionSettings

BINARY = bytes(range(256)) * 4
NOW = 1_700_000_000.0


def anomaly(
    offset: int, *, score: float = 0.5, timestamp: float = NOW, partition: int = 0, text: str = "x"
) -> Anomaly:
    return Anomaly(partition, offset, timestamp, score, 0.4, text, "raw", "p1")


def pattern(name: str, *, count: int = 1, seen: float = NOW) -> Pattern:
    return Pattern(name, count, seen, seen, f"example of {name}", BINARY[:64], "m1")


def window(start: int, *, partition: int = 0, count: int = 5) -> WindowPart:
    return WindowPart(
        start, partition, count, BINARY[:16], (1, 2), ("one \x00", "zwei \u00e4\U0001f600"), BINARY[:16]
    )


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
        warming_up=3,
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
        store.anomalies(source),
        store.patterns(source),
        [store.window(source, start) for start in store.windows(source)],
    )


@pytest.fixture
def redis_store(redis_settings):
    """``redis_store(anomalies=3, ...)``: a store over the real server with that retention."""

    def make(**retention) -> RedisStore:
        return RedisStore(
            connect(redis_settings),
            prefix=redis_settings.prefix,
            env=redis_settings.env,
            retention=RetentionSettings(**retention),
        )

    return make


@pytest.fixture(params=["memory", "redis"])
def store(request):
    return MemoryStore() if request.param == "memory" else request.getfixturevalue("redis_store")()


def test_a_source_nobody_wrote_is_empty(store):
    assert everything(store) == (SourceStats("logs"), {}, None, [], [], [])
    assert store.sources() == []
    assert store.window("logs", 60) == []


def test_a_step_changes_everything_at_once(store):
    store.apply(full_step(None, 10))
    stats, applied, state, anomalies, patterns, windows = everything(store)
    assert stats == SourceStats(
        "logs",
        lines=7,
        dead_letters=1,
        parse_errors=2,
        cut=4,
        warming_up=3,
        patterns=1,
        applied={0: 10},
    )
    assert applied == {0: 10}
    assert state == BINARY + b"10"
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
    assert everything(store)[1:] == ({}, None, [], [], [])


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
    store.apply(step(2, 3, patterns=[pattern("p1", count=2, seen=NOW + 1)]))
    first, second = store.patterns("logs")
    assert (first.id, first.count, first.first_seen, first.last_seen) == ("p1", 10, NOW, NOW + 9)
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
    bucket = int(NOW // BUCKET_SECONDS) * BUCKET_SECONDS
    assert client.zcard(store.key("logs", "anomalies", "by_time")) == 3
    assert client.zcard(store.key("logs", "anomalies", "by_score", bucket)) <= 3


def test_everything_that_grows_with_time_expires(redis_store, client):
    store = redis_store(anomaly_hours=2, window_hours=1)
    store.apply(full_step(None, 10))
    bucket = int(NOW // BUCKET_SECONDS) * BUCKET_SECONDS
    for name, seconds in {
        store.key("logs", "line", "0:9"): 7_200,
        store.key("logs", "anomalies", "by_score", bucket): 7_200 + BUCKET_SECONDS,
        store.key("logs", "window", 60, 0): 3_600,
    }.items():
        assert 0 < client.ttl(name) <= seconds
    for name in ("applied", "stats", "patterns"):
        assert client.ttl(store.key("logs", name)) == -1


def test_windows_older_than_their_retention_leave_the_index(redis_store):
    store = redis_store(window_hours=1)
    store.apply(step(None, 1, windows=[window(0)]))
    store.apply(step(1, 2, windows=[window(3_540)]))
    assert store.windows("logs") == [3_540, 0]
    store.apply(step(2, 3, windows=[window(7_200)]))
    assert store.windows("logs") == [7_200]


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


def test_a_step_that_the_server_refuses_is_an_error(redis_store, client):
    import redis

    store = redis_store()
    client.set(store.key("logs", "patterns"), "not a sorted set")
    with pytest.raises(redis.ResponseError):
        store.apply(full_step(None, 10))
