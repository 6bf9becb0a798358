"""Every test here gets a stream: servers, a topic and a consumer group nobody else uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.harness import Stream


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/integration/" in str(item.path):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def stream_factory(
    kafka_settings, redis_settings, topic_factory, tmp_path
) -> Iterator[Callable[..., Stream]]:
    """``stream_factory(partitions=1, config=None, **options)``: options are settings of its workers."""
    made: list[Stream] = []

    def make(partitions: int = 1, config: dict[str, object] | None = None, **options: str) -> Stream:
        topic = topic_factory(partitions, **(config or {}))
        made.append(Stream(kafka_settings, redis_settings, topic, tmp_path, options))
        return made[-1]

    yield make
    for stream in made:
        stream.client.close()
