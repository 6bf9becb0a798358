"""The check of a server tries all that the store does, and leaves nothing behind."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.findings import Merge
from connectors.redis.keys import BUCKET_SECONDS
from connectors.store import StoreRefused
from tests.connectors.steps import NOW, anomaly, everything, full_step, template, window


def commands_run(client) -> set[str]:
    """What the server ran since its statistics were reset, without what this client and the reset ask for."""
    ours = {"config|resetstat", "info", "client|setinfo"}
    return {name.removeprefix("cmdstat_") for name in client.info("commandstats")} - ours


def test_the_check_tries_every_command_that_the_store_uses(redis_store, client):
    store = redis_store(templates=1, anomalies=1, windows=1, sources=1, group="g")
    client.config_resetstat()
    store.claim("logs", "g", NOW)
    store.begin("logs", {0: 0})
    for end in range(1, 4):
        more = {
            "anomalies": [anomaly(end, timestamp=NOW + end * BUCKET_SECONDS)],
            "templates": [template(f"t{end}", seen=NOW + end)],
            "merges": [Merge(f"t{end}", "t0", NOW, "the same")],
            "windows": [window(end * 60)],
        }
        changes = replace(full_step(end - 1, end), waiting_from=None if end == 2 else 0, **more)
        changes.part(f"s{end}").forget = True
        store.apply(changes)
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
        "xrange",
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
    text = (Path(__file__).parents[3] / "docs" / "redis.md").read_text()
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
