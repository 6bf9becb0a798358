"""A store over the real server."""

from __future__ import annotations

import time

import pytest

from connectors.redis import RedisStore, connect
from connectors.store import RetentionSettings


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
