"""A plain client of the real server, and stores of users who may not do everything."""

from __future__ import annotations

import pytest

from connectors.redis import RedisSettings, RedisStore, connect


@pytest.fixture
def client(redis_settings):
    client = connect(redis_settings)
    yield client
    client.close()


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
