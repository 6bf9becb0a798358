"""Fixtures that several tests share, real servers among them. Nothing heavy is imported before a test asks for one."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import servers

if TYPE_CHECKING:
    from connectors.kafka import KafkaSettings
    from connectors.redis import RedisSettings
    from encoder_core import Bundle
    from stream_processors.demo.servers import StoreServer
    from tests.fakes import TrigramEmbedder

UNUSED = "none was asked for"
USED = {"broker": UNUSED, "store": UNUSED}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that ends up on the real broker carries the marker ``kafka``."""
    for item in items:
        if "kafka_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that runs a part of the tests says which servers it used."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["used"] = USED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    """Takes what a process said that ran a part of the tests."""
    used = getattr(node, "workeroutput", {}).get("used", {})
    USED.update({kind: what for kind, what in used.items() if what != UNUSED})


def pytest_terminal_summary(terminalreporter) -> None:
    for kind, what in USED.items():
        terminalreporter.write_line(f"{kind}: {what}")


def _skip(kind: str, reason: Exception) -> None:
    USED[kind] = f"skipped: {reason}"
    pytest.skip(f"no {kind} to test against: {reason}")


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory) -> Iterator[servers.RealKafka | servers.NamedServer]:
    """A real Kafka broker for the whole run. Fault tests may kill() and restart() it."""
    try:
        server = servers.find_kafka(tmp_path_factory.mktemp("kafka"))
    except servers.Unavailable as reason:
        _skip("broker", reason)
    USED["broker"] = server.description
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def store_server(tmp_path_factory) -> Iterator[StoreServer | servers.NamedServer]:
    """A real Redis or Valkey with AOF for the whole run. Fault tests may kill() and restart() it."""
    try:
        server = servers.find_store(tmp_path_factory.mktemp("store"))
    except servers.Unavailable as reason:
        _skip("store", reason)
    try:
        server.start()
        origin = getattr(server, "description", f"with AOF at {server.url}")
        USED["store"] = servers.describe_store(server.url, origin)
        yield server
    finally:
        server.stop()


@pytest.fixture
def kafka_settings(kafka_server) -> KafkaSettings:
    """Settings that point to the real broker, which is running even if an earlier test left it dead."""
    from connectors.kafka import KafkaSettings

    kafka_server.start()
    return KafkaSettings(bootstrap_servers=kafka_server.bootstrap)


@pytest.fixture
def redis_settings(store_server) -> Iterator[RedisSettings]:
    """Settings that point to the real store with an ``env`` of their own; its keys are removed afterwards."""
    from connectors.redis import RedisSettings, connect

    store_server.start()
    settings = RedisSettings(url=store_server.url, prefix="se", env=f"test-{uuid.uuid4().hex[:12]}")
    yield settings
    if store_server.running:
        client = connect(settings)
        keys = list(client.scan_iter(match=f"{settings.prefix}:{settings.env}:*", count=1000))
        for start in range(0, len(keys), 500):
            client.unlink(*keys[start : start + 500])
        client.close()


@pytest.fixture
def topic_factory(kafka_settings) -> Callable[..., str]:
    """``topic_factory(partitions=1, **config)`` makes a topic nobody else uses and returns its name."""
    from connectors.kafka import ensure_topic

    def make(partitions: int = 1, **config: object) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        assert ensure_topic(kafka_settings, name, partitions, **config) == partitions
        return name

    return make


@pytest.fixture
def embedded_kafka() -> Iterator[KafkaSettings]:
    """Settings of the broker in this process, for fast tests; never for fault tests."""
    pytest.importorskip("confluent_kafka")
    from connectors.kafka import KafkaSettings
    from stream_processors.demo.servers import embedded_broker

    with embedded_broker() as bootstrap:
        yield KafkaSettings(bootstrap_servers=bootstrap, api_version=(2, 1))


@pytest.fixture
def embedder() -> TrigramEmbedder:
    """Anything that encodes, without a model: hashed character trigrams."""
    from tests.fakes import TrigramEmbedder

    return TrigramEmbedder()


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle that ships with the package, verified once. Read-only."""
    from encoder_core import Bundle, default_bundle_path

    return Bundle.load(default_bundle_path())


@pytest.fixture
def bundle_copy(tmp_path) -> Path:
    """A copy of the shipped bundle to alter, without what a worker never reads."""
    from encoder_core import default_bundle_path
    from encoder_core.bundle import write_manifest

    folder = tmp_path / "bundle"
    unread = shutil.ignore_patterns("model.safetensors", "model.onnx")
    shutil.copytree(default_bundle_path(), folder, ignore=unread)
    write_manifest(folder, {"name": "copy", "version": "test"})
    return folder


@pytest.fixture
def student_bundle(bundle, bundle_copy) -> Path:
    """A bundle in the shipped one's space that says it was distilled from it, as a cascade needs one."""
    from encoder_core.bundle import write_manifest

    write_manifest(bundle_copy, {"name": "student", "version": "test", "teacher": {"sha256": bundle.sha256}})
    return bundle_copy


@pytest.fixture
def no_settings(monkeypatch) -> None:
    """An environment without settings of ours."""
    for name in list(os.environ):
        if name.startswith("SECENCODER_") and not name.startswith("SECENCODER_TEST_"):
            monkeypatch.delenv(name)
