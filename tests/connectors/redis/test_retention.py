"""What a server forgets, and when."""

from __future__ import annotations

from dataclasses import replace

from connectors.findings import Merge
from connectors.redis.keys import BUCKET_SECONDS, bucket
from tests.connectors.steps import NOW, anomaly, full_step, step, template, window

WEEK = 7 * 86_400


def test_over_the_limit_the_templates_unused_for_longest_are_forgotten_but_their_lines_counted(
    redis_store, client
):
    store = redis_store(templates=2)
    for number, name in enumerate(["old", "kept", "new", "kept"]):
        changes = step(number or None, number + 1, lines=5)
        changes.templates = [template(name, count=5, seen=NOW + number, pattern="old")]
        store.apply(changes)
    templates = {found.id: found.count for found in store.templates("logs")}
    stats = store.stats("logs")
    assert templates == {"kept": 10, "new": 5}
    assert (stats.templates, stats.patterns, stats.forgotten_template_lines) == (2, 1, 5)
    assert sum(templates.values()) + stats.forgotten_template_lines == stats.lines
    assert {found.id for found in store.stored("logs", 0, 0).known.templates} == {"kept", "new"}
    left = {key.decode() for key in client.scan_iter(match=store.key("logs", "*"), count=1_000)}
    sizes = {
        name: client.hlen(store.key("logs", name))
        if name == "decisions"
        else client.zcard(store.key("logs", name))
        for name in ("templates", "decisions", "log")
    }
    assert sizes == {"templates": 2, "decisions": 2, "log": 2}
    assert not [key for key in left if key.endswith(":old")]
    store.apply(step(4, 5, lines=1, templates=[template("old")]))
    assert {found.id: found.pattern for found in store.templates("logs")} == {"kept": "old", "new": "old"}


def test_no_more_merges_are_remembered_than_templates_and_none_comes_apart(redis_store):
    store = redis_store(templates=3)
    names = [f"t{number}" for number in range(6)]
    for number, name in enumerate(names):
        changes = step(number or None, number + 1, templates=[template(name, seen=NOW + number)])
        changes.merges = [Merge(name, names[max(0, number - 1)], NOW, "the same")]
        store.apply(changes)
    assert [merge.pattern for merge in store.merges("logs")] == ["t5", "t4", "t3"]
    assert [(found.id, found.members) for found in store.patterns("logs")] == [("t0", ("t3", "t4", "t5"))]


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
        store.key("logs", "line", "0:9:0"): 7_200,
        store.key("logs", "anomalies", "by_score", bucket(NOW)): 7_200 + BUCKET_SECONDS,
        store.key("logs", "window", 60, 0, 7): 3_600,
    }.items():
        assert 0 < client.ttl(name) <= seconds
    for name in ("applied", "stats", "templates", "decisions", "log", "merged", "merges"):
        assert client.ttl(store.key("logs", name)) == -1


def test_the_live_feed_is_bounded(redis_store, client):
    store = redis_store(feed=100)
    store.apply(step(None, 1, anomalies=[anomaly(n) for n in range(2_000)]))
    assert 100 <= client.xlen(store.key("logs", "feed")) < 500


def test_what_an_earlier_version_ranked_in_the_future_is_pulled_back_to_now(redis_store, client):
    store = redis_store(clock=lambda: NOW)
    store.apply(step(None, 3, anomalies=[anomaly(1), anomaly(2, score=0.9)]))
    far = NOW + 1e6
    client.zadd(store.key("logs", "anomalies", "by_time"), {"0:2": far})
    client.zrem(store.key("logs", "anomalies", "by_score", bucket(NOW)), "0:2")
    client.zadd(store.key("logs", "anomalies", "by_score", bucket(far)), {"0:2": 0.9})
    store.apply(step(3, 4))
    assert client.zscore(store.key("logs", "anomalies", "by_time"), "0:2") == NOW
    assert not client.exists(store.key("logs", "anomalies", "by_score", bucket(far)))
    assert [a.offset for a in store.anomalies("logs")] == [2, 1]


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


def test_the_longest_retention_is_one_that_a_server_takes(redis_store):
    most = 10_000_000
    store = redis_store(
        anomaly_hours=87_600, window_hours=87_600, anomalies=most, windows=most, feed=most, templates=most
    )
    store.apply(full_step(None, 10))
    shortest = redis_store(anomaly_hours=1e-9, window_hours=1e-9)
    shortest.apply(full_step(10, 20))
    assert store.anomalies("logs")[0].offset in (9, 19)


def test_over_the_limit_the_source_unused_for_longest_is_forgotten_but_its_lines_counted(redis_store, client):
    now = [NOW]
    store = redis_store(sources=2, clock=lambda: now[0], group="g")
    for number, name in enumerate(["old", "kept", "new", "kept"]):
        now[0] = NOW + number
        changes = replace(full_step(number or None, number + 1), parts={})
        changes.part(name).lines = 5
        for field in ("anomalies", "templates", "merges", "windows", "snapshot", "warming_up"):
            setattr(changes.part(name), field, getattr(changes, field))
        store.apply(changes)
    assert store.sources() == ["logs", "logs/kept", "logs/new"]
    stats = store.stats("logs")
    assert stats.forgotten_source_lines == 5
    assert sum(store.stats(name).lines for name in store.sources()) + 5 == stats.lines + 4 * 5
    assert set(store.stored("logs", 0, 9).sources) == {"kept", "new"}
    left = {key.decode() for key in client.scan_iter(match=store.key("logs/old", "*"), count=1_000)}
    assert all(client.ttl(key) > 0 for key in left), "what is left expires by itself"
    kinds = {key.removeprefix(store.key("logs/old", "")).split(":")[0] for key in left}
    assert kinds == {"line", "window", "anomalies", "day"}
    again = step(4, 5)
    again.part("old").lines = 2
    store.apply(again)
    assert (store.stats("logs/old").lines, store.anomalies("logs/old")) == (2, [])
