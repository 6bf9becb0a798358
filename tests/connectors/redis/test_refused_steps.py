"""A step that the server refuses half way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.days import DAY
from connectors.findings import Merge
from connectors.memory import MemoryStore
from connectors.redis.keys import BUCKET_SECONDS, bucket
from connectors.store import StoreRefused
from tests.connectors.steps import (
    MINUTE,
    NOW,
    SLOTS,
    anomaly,
    everything,
    full_step,
    known,
    of_topic,
    step,
    template,
    window,
)

BROKEN = (
    ("templates",),
    ("template", "t2"),
    ("decisions",),
    ("log",),
    ("merged",),
    ("merges",),
    ("windows",),
    ("window", 60, 0, 7),
    ("line", "0:9:0"),
    ("anomalies", "by_time"),
    ("anomalies", "by_score", bucket(NOW)),
    ("feed",),
    ("day", int(NOW // DAY)),
    ("state", 0),
    ("/api", "state", 0),
    ("/api", "stats"),
    ("/api", "line", "0:8:5"),
    ("/api", "template", "t1"),
    ("/api", "day", int(NOW // DAY)),
    ("/api", "decisions"),
    ("sources",),
    ("owner",),
    ("topic_ids",),
    ("stats",),
)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda name: ":".join(map(str, name)))
def test_a_step_that_was_refused_half_way_counts_once_when_it_is_tried_again(redis_store, client, broken):
    store, clean = (redis_store(group="g", clock=lambda: NOW) for _ in range(2))
    clean.apply(of_topic(full_step(None, 10), "clean"))
    inside, name = (broken[0], broken[1:]) if broken[0].startswith("/") else ("", broken)
    key = store.key(f"logs{inside}", *name)
    client.geoadd(key, (1, 1, "of another type")) if name == ("state", 0) else client.set(key, "a string")
    for _ in range(3):
        with pytest.raises(StoreRefused, match="WRONGTYPE") as caught:
            store.apply(full_step(None, 10))
        assert key in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not client.exists(store.key("logs", "applied"))
    client.delete(key)
    client.delete(store.key("logs", "feed"), store.key("logs/api", "feed"))  # an empty stream stays
    assert list(client.scan_iter(match=store.key("logs", "*"), count=1_000)) == []
    assert list(client.scan_iter(match=store.key("logs/api", "*"), count=1_000)) == []
    store.apply(full_step(None, 10))
    assert replace(store.stats("logs"), source="clean") == clean.stats("clean")
    assert replace(store.stats("logs/api"), source="clean/api") == clean.stats("clean/api")
    assert everything(store)[1:-1] == everything(clean, "clean")[1:-1]
    assert store.days("logs", int(NOW // DAY)) == clean.days("clean", int(NOW // DAY))
    (found,), (expected,) = (everything(clean, name)[-1].values() for name in ("logs", "clean"))
    assert found[1:] == expected[1:]
    assert client.xlen(store.key("logs", "feed")) == client.xlen(store.key("logs/api", "feed")) == 1


def test_what_a_refused_step_trimmed_comes_back(redis_store, client):
    store = redis_store(templates=2, anomalies=2)
    first = step(None, 2, lines=6, anomalies=[anomaly(0), anomaly(1)])
    first.templates = [template(f"t{n}", count=3, seen=NOW + n) for n in range(2)]
    first.merges = [Merge("t1", "t0", NOW, "the same")]
    store.apply(first)
    before = everything(store)
    more = step(
        2,
        4,
        lines=7,
        anomalies=[anomaly(2, timestamp=NOW + 1)],
        templates=[
            replace(template("t2", count=3, seen=NOW - 9), last_seen=NOW + 9),
            known("t0", seen=NOW + 5),
        ],
        merges=[Merge(one, two, NOW, "the same") for one, two in (("t2", "t1"), ("x", "y"))],
    )
    client.set(store.key("logs", "sources"), "of another type")  # looked at after the others were trimmed
    with pytest.raises(StoreRefused, match="sources"):
        store.apply(more)
    client.delete(store.key("logs", "sources"))
    assert everything(store) == before
    store.apply(more)
    assert {(found.id, found.pattern) for found in store.templates("logs")} == {("t0", "t2"), ("t2", "t2")}
    assert [merge.pattern for merge in store.merges("logs")] == ["x", "t0"], "the oldest merge is gone"
    stats = store.stats("logs")
    assert (stats.lines, stats.forgotten_template_lines) == (13, 3)
    assert [a.offset for a in store.anomalies("logs", order="time")] == [2, 1]


def test_a_user_without_a_permission_loses_nothing(redis_store, limited):
    denied, store = limited("-xadd"), redis_store()
    with pytest.raises(StoreRefused, match=r"refused XADD on se:.*feed: (ERR|NOPERM|.*permission)"):
        denied.apply(full_step(None, 10))
    assert everything(store) == everything(MemoryStore())
    store.apply(full_step(None, 10))
    assert store.stats("logs").lines == 7
    assert [found.count for found in store.templates("logs")] == [5, 2]


def test_a_refused_step_leaves_what_it_had_changed_as_it_was(redis_store, client):
    store = redis_store(group="g", clock=lambda: NOW)
    store.apply(full_step(None, 10))
    before = everything(store)
    feed = store.key("logs", "feed")
    client.rename(feed, "aside")
    client.set(feed, "of another type")
    later = anomaly(9, timestamp=NOW - 3 * BUCKET_SECONDS)
    refused = replace(
        full_step(10, 30),
        templates=[
            template("t1", count=9, seen=NOW - 9, model="m2", minutes=((MINUTE - 60, 9),)),
            known("t2", seen=NOW, minutes=((MINUTE, 1), (MINUTE - 24 * 60, 1)), parameters=SLOTS),
            template("t0", seen=NOW - 10),
        ],
        merges=[Merge("t1", "t0", NOW, "the same")],
        windows=[window(60, count=99), window(120)],
        waiting_from=None,
        topic_id="topic-2",
        model="m2",
        anomalies=[later],
    )
    refused.parts["api"].snapshot, refused.parts["api"].forget = None, True
    refused.parts["api"].anomalies = []
    refused.parts["web"] = replace(refused.parts["api"], source="logs/web", anomalies=[later])
    web = store.key("logs/web", "feed")
    client.set(web, "of another type")
    with pytest.raises(StoreRefused, match="logs}/web:feed"):
        store.apply(replace(refused, anomalies=[]))
    assert store.stored("logs", 0, 9) == before[3]
    client.delete(web)
    with pytest.raises(StoreRefused, match="XADD"):
        store.apply(refused)
    client.rename("aside", feed)
    assert everything(store) == before


def test_sources_that_a_refused_step_forgot_come_back(redis_store, client):
    store = redis_store(sources=1, clock=lambda: NOW)
    store.apply(full_step(None, 10))
    before = everything(store), store.stored("logs", 0, 9)
    other = step(10, 20)
    other.part("web").lines = 10
    client.zadd(store.key("logs", "sources"), {"bad": NOW})
    client.set(store.key("logs/bad", "stats"), "of another type")  # looked at after the first was forgotten
    with pytest.raises(StoreRefused, match="logs}/bad:stats"):
        store.apply(other)
    client.zrem(store.key("logs", "sources"), "bad")
    assert (everything(store), store.stored("logs", 0, 9)) == before
    store.apply(other)
    assert store.sources() == ["logs", "logs/web"]
