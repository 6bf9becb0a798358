"""Every case gets a store of its own, which it may fill, empty, break and kill, and a topic on the run's broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connectors.redis import RedisSettings
from tests import servers
from tests.faults.case import Case


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/faults/" in str(item.path):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def store_server(tmp_path) -> Iterator[object]:
    """A Redis or Valkey with AOF for one case."""
    try:
        server = servers.find_store(tmp_path / "store")
    except servers.Unavailable as reason:
        pytest.skip(f"no store to test against: {reason}")
    if isinstance(server, servers.NamedServer):
        pytest.skip(f"a fault test alters its server; unset {server.variable} to let one be started")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_settings(store_server) -> RedisSettings:
    """Settings that point to the case's store; it goes with all that is in it."""
    return RedisSettings(url=store_server.url, prefix="se", env="faults")


@pytest.fixture
def case_factory(kafka_settings, redis_settings, topic_factory, tmp_path) -> Iterator[Callable[..., Case]]:
    """``case_factory(partitions=1, config=None, **options)``: options are settings of its workers."""
    made: list[Case] = []

    def make(partitions: int = 1, config: dict[str, object] | None = None, **options: str) -> Case:
        topic = topic_factory(partitions, **(config or {}))
        made.append(Case(kafka_settings, redis_settings, topic, tmp_path, options, partitions=partitions))
        return made[-1]

    yield make
    for case in made:
        case.close()
