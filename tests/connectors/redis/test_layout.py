"""Keys of another version: earlier ones are taken up and told once, later ones are left alone."""

from __future__ import annotations

import pytest

from connectors.redis.layout import LAYOUT
from connectors.store import NewerKeys, Occupied
from connectors.version import version
from tests.connectors.steps import NOW, full_step


def test_a_new_topic_has_todays_layout_and_nothing_is_said(redis_store, client):
    store = redis_store()
    assert store.claim("logs", "g", NOW) is None
    store.apply(full_step(None, 10))
    assert store.claim("logs", "g", NOW) is None
    owner = client.hgetall(store.key("logs", "owner"))
    assert (owner[b"layout"], owner[b"version"]) == (str(LAYOUT).encode(), version().encode())


def test_keys_without_a_layout_are_taken_up_and_said_once(redis_store, client):
    store = redis_store()
    store.apply(full_step(None, 10))
    client.zadd(store.key("logs", "patterns"), {"aa": NOW, "bb": NOW})
    client.zadd(store.key("logs", "windows"), {"60:0": 60})
    said = store.claim("logs", "g", NOW)
    assert said is not None
    assert said.startswith(f"keys of layout 1, of an earlier version, are taken up as layout {LAYOUT}: ")
    assert said.endswith(
        "set aside: 2 patterns (removed, their lines stay counted), 1 parts of windows (they expire)"
    )
    assert redis_store().claim("logs", "g", NOW) is None
    assert store.applied("logs") == {0: 10}


@pytest.mark.parametrize("layout", [str(LAYOUT + 1), "2026.1", "unheard of"])
def test_keys_of_a_later_layout_are_refused_and_left_as_they_are(redis_store, client, layout):
    store = redis_store()
    store.apply(full_step(None, 10))
    owner = store.key("logs", "owner")
    client.hset(owner, mapping={"layout": layout, "version": "9.9.0"})
    before = client.hgetall(owner)
    with pytest.raises(
        NewerKeys, match=f"^logs: its keys are of layout {layout}, made by version 9.9.0; this"
    ):
        store.claim("logs", "g", NOW)
    assert client.hgetall(owner) == before


def test_another_group_is_told_first(redis_store, client):
    store = redis_store()
    store.claim("logs", "first", NOW)
    client.hset(store.key("logs", "owner"), "layout", LAYOUT + 1)
    with pytest.raises(Occupied):
        store.claim("logs", "second", NOW)
