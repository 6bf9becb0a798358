"""What is read of a source that was forgotten in part, or written by an earlier version."""

from __future__ import annotations

from connectors.redis.keys import BUCKET_SECONDS, bucket
from tests.connectors.steps import NOW, anomaly, full_step, step, template, window


def test_an_expired_anomaly_is_left_out(redis_store, client):
    store = redis_store()
    store.apply(step(None, 3, anomalies=[anomaly(1), anomaly(2)]))
    client.delete(store.key("logs", "line", "0:1:0"))
    assert [a.offset for a in store.anomalies("logs")] == [2]
    assert [a.offset for a in store.anomalies("logs", order="time")] == [2]


def test_what_was_kept_before_lines_were_flagged_as_cut_is_read_as_not_cut(redis_store, client):
    store = redis_store()
    store.apply(full_step(None, 10))
    client.hdel(store.key("logs", "line", "0:9:0"), "cut")
    client.hdel(store.key("logs", "stats"), "cut")
    assert store.anomalies("logs") == [anomaly(9)]
    assert store.stats("logs").cut == 0
    store.apply(full_step(10, 20))
    assert store.stats("logs").cut == 4


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
    client.delete(*(store.key("logs", "line", f"0:{n}:0") for n in range(50, 300)))
    # Earlier versions left members in a bucket when they trimmed, and a topic made anew ranks an offset again.
    client.zadd(
        store.key("logs", "anomalies", "by_score", bucket(NOW)), {f"0:{n}:0": 5 for n in range(900, 950)}
    )
    client.zadd(store.key("logs", "anomalies", "by_score", bucket(before)), {"0:49": 9, "0:48": 8})
    newest = list(range(49, 29, -1))
    assert [a.offset for a in store.anomalies("logs", limit=20)] == newest
    assert [a.offset for a in store.anomalies("logs", limit=20, order="time")] == newest


def test_windows_of_earlier_versions_are_passed_over(redis_store, client):
    store = redis_store()
    store.apply(step(None, 1, windows=[window(60)]))
    client.zadd(store.key("logs", "windows"), {"120:0": 120, "60:0": 60})
    client.hset(store.key("logs", "window", 120, 0), mapping={"count": 5})
    assert store.windows("logs") == [60]
    assert store.window("logs", 120) == []
    assert store.stored("logs", 0, 5).windows == (window(60),)


def as_older_versions_kept_it(client, store, member: str = "0:9:0", **fields) -> None:
    """Puts a flagged line and a window in place of today's as hashes of fields."""
    line, part = store.key("logs", "line", "0:9:0"), store.key("logs", "window", 60, 0, 7)
    client.delete(line)
    known = {"partition": 0, "offset": 9, "timestamp": NOW, "score": 0.5, "threshold": 0.4}
    known |= {"text": "x", "format": "raw", "pattern": "p1"}
    client.hset(store.key("logs", "line", member), mapping=known | fields)
    client.delete(part)
    lines = '[[1, 2], ["one", "two"]]'
    client.hset(part, mapping={"count": 5, "total": b"t" * 16, "lines": lines, "vectors": b"v" * 16})


def test_what_was_kept_of_messages_of_one_line_by_their_offset_alone_is_still_read(redis_store, client):
    store = redis_store()
    store.apply(full_step(None, 10))
    as_older_versions_kept_it(client, store, "0:9", model="m1")
    for name in (("by_time",), ("by_score", bucket(NOW))):
        key = store.key("logs", "anomalies", *name)
        client.zadd(key, {"0:9": client.zscore(key, "0:9:0")})
        client.zrem(key, "0:9:0")
    assert store.anomalies("logs") == store.anomalies("logs", order="time") == [anomaly(9)]
    found = store.window("logs", 60)[0]
    assert (found.places, found.texts, found.vectors) == (((1, 0), (2, 0)), ("one", "two"), b"v" * 16)


def test_what_earlier_versions_kept_names_no_model(redis_store, client):
    store = redis_store()
    store.apply(full_step(None, 10))
    as_older_versions_kept_it(client, store)
    assert store.anomalies("logs")[0].model == ""
    assert store.window("logs", 60)[0].model == ""


def test_what_an_earlier_version_counted_under_patterns_of_its_own_is_counted_as_forgotten(
    redis_store, client
):
    store = redis_store()
    store.begin("logs", {0: 0})
    client.hset(store.key("logs", "stats"), mapping={"lines": 19, "forgotten_pattern_lines": 4})
    for name, count in (("p1", 10), ("p2", 5)):
        client.zadd(store.key("logs", "patterns"), {name: NOW})
        client.hset(store.key("logs", "pattern", name), mapping={"count": count, "first_seen": NOW})
    store.apply(step(0, 3, lines=3, templates=[template("t1", count=3)]))
    stats = store.stats("logs")
    assert (stats.lines, stats.forgotten_template_lines) == (22, 19)
    assert [(found.id, found.count) for found in store.patterns("logs")] == [("t1", 3)]
    assert not client.keys(store.key("logs", "pattern*"))
