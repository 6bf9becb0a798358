"""Environments as a whole: the plan by which a replay's is known, and how one is removed."""

from __future__ import annotations

from typing import Any

import redis

from connectors.redis.client import translated
from connectors.redis.keys import Keys
from connectors.replays import Plan

ALIVE_SECONDS = 60.0
"""An environment whose workers gave a sign so short a time ago is in use; they give one every few seconds."""
PAGE = 1_000
"""Keys that are looked for, and removed, at a time."""


class Environment:
    """All that has one ``redis.env``. Any method raises redis.RedisError and StoreRefused."""

    def __init__(self, client: redis.Redis | redis.RedisCluster, *, prefix: str, env: str) -> None:
        self._redis: Any = client
        self._keys = Keys(prefix, env)

    @property
    def _plan_key(self) -> str:
        return f"{self._keys.prefix}:{self._keys.env}:replay"

    def plan(self) -> Plan | None:
        """The replay that fills it; None where a live worker does, or nobody. Raises ValueError for another form."""
        with translated(self._redis):
            kept = self._redis.get(self._plan_key)
        return None if kept is None else Plan.from_json(kept)

    def keep(self, plan: Plan) -> None:
        """Makes it a replay's."""
        with translated(self._redis):
            self._redis.set(self._plan_key, plan.to_json())

    def topics(self) -> list[str]:
        """Topics that have anything in it."""
        with translated(self._redis):
            return sorted(name.decode() for name in self._redis.smembers(self._keys.sources))

    def last_sign(self) -> float:
        """When a worker that feeds it was last seen, seconds since the epoch; 0 for one that stopped."""
        with translated(self._redis):
            seen = [self._redis.hget(self._keys.key(topic, "owner"), "seen") for topic in self.topics()]
        return max((float(at) for at in seen if at), default=0.0)

    def remove(self) -> int:
        """Removes every key of it, a page at a time; returns how many. Its plan goes last: it can be tried again."""
        count = 0
        with translated(self._redis):
            page: list[bytes] = []
            for key in self._redis.scan_iter(match=f"{self._keys.prefix}:{self._keys.env}:*", count=PAGE):
                if key.decode() not in (self._plan_key, self._keys.sources):
                    page.append(key)
                if len(page) == PAGE:
                    count += self._unlink(page)
                    page = []
            return (
                count
                + self._unlink(page)
                + self._unlink([self._keys.sources.encode()])
                + self._unlink([self._plan_key.encode()])
            )

    def _unlink(self, keys: list[bytes]) -> int:
        """One command a key: in a cluster they are on several nodes."""
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.unlink(key)
        return sum(pipeline.execute()) if keys else 0
