from __future__ import annotations

import asyncio
import base64
import inspect
import json
import logging
import time

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError
from kafka.structs import OffsetAndMetadata, TopicPartition
from pydantic import ValidationError

from connectors.kafka import (
    BrokerUnreachable,
    KafkaSettings,
    TopicError,
    beginning_offsets,
    committed,
    end_offsets,
    ensure_topic,
    wait_until_reachable,
)
from connectors.kafka.producer import DeliveryError, LineProducer
from connectors.waiting import Deadline, backoff, retry
from stream_processors.demo.servers import free_port
from tests.servers import PASSWORD, USER

SECRET = "s3cret-of-the-test"
PLAIN = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "alice",
    "sasl_password": SECRET,
}
OAUTH = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token": SECRET}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"bootstrap_servers": "localhost"}, "kafka.bootstrap_servers"),
        ({"bootstrap_servers": "localhost:99999"}, "kafka.bootstrap_servers"),
        ({"bootstrap_servers": "a:1,,b:2"}, "kafka.bootstrap_servers"),
        ({"ssl_cafile": "ca.pem"}, "kafka.ssl_cafile"),
        ({"security_protocol": "SSL", "ssl_keyfile": "key.pem"}, "kafka.ssl_certfile"),
        ({"sasl_username": "alice"}, "kafka.sasl_username"),
        ({"security_protocol": "SASL_SSL"}, "kafka.sasl_mechanism"),
        ({**PLAIN, "sasl_password": None}, "kafka.sasl_password"),
        ({**PLAIN, "sasl_oauth_token": SECRET}, "kafka.sasl_oauth_token"),
        ({**OAUTH, "sasl_oauth_token": None}, "kafka.sasl_oauth_token"),
        ({**OAUTH, "sasl_username": "alice"}, "kafka.sasl_username"),
        ({"bootstrap_server": "localhost:9092"}, "bootstrap_server"),
    ],
)
def test_settings_that_do_not_fit_together_are_named(values, named):
    with pytest.raises(ValidationError, match=named) as caught:
        KafkaSettings(**values)
    assert SECRET not in str(caught.value)


def test_every_setting_is_described():
    assert all(field.description for field in KafkaSettings.model_fields.values())


def test_bootstrap_servers_may_hold_spaces_and_ipv6():
    settings = KafkaSettings(bootstrap_servers="one:9092, [::1]:9093")
    assert settings.bootstrap_servers == "one:9092,[::1]:9093"
    assert settings.addresses() == [("one", 9092), ("::1", 9093)]


@pytest.mark.parametrize("values", [PLAIN, OAUTH])
def test_secrets_are_masked_but_reach_the_client(values):
    settings = KafkaSettings(**values)
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert SECRET not in settings.model_dump_json()
    kwargs = settings.client_kwargs()
    provider = kwargs.get("sasl_oauth_token_provider")
    assert (provider.token() if provider else kwargs["sasl_plain_password"]) == SECRET


@pytest.mark.parametrize("values", [{}, PLAIN, OAUTH, {"api_version": (2, 1)}])
def test_the_libraries_know_every_argument(values):
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    settings = KafkaSettings(**values)
    for client in (KafkaProducer, KafkaConsumer, KafkaAdminClient):
        assert settings.client_kwargs().keys() <= client.DEFAULT_CONFIG.keys()
    for client in (AIOKafkaProducer, AIOKafkaConsumer):
        assert settings.aiokafka_kwargs().keys() <= inspect.signature(client).parameters.keys()


async def _aiokafka_accepts(settings):
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(**settings.aiokafka_kwargs())
    provider = settings.aiokafka_kwargs().get("sasl_oauth_token_provider")
    token = await provider.token() if provider else None
    await consumer.stop()
    return token


@pytest.mark.parametrize(("values", "token"), [({}, None), (PLAIN, None), (OAUTH, SECRET)])
def test_aiokafka_takes_the_arguments(values, token):
    assert asyncio.run(_aiokafka_accepts(KafkaSettings(**values))) == token


@pytest.mark.parametrize("setting", ["ssl_cafile", "ssl_certfile"])
def test_a_tls_file_that_is_missing_or_not_pem_is_named(setting, tmp_path):
    path = tmp_path / "file.pem"
    settings = KafkaSettings(security_protocol="SSL", **{setting: path})
    with pytest.raises(ValueError, match=rf"kafka\.{setting}: no such file"):
        settings.client_kwargs()
    path.write_text("not a certificate")
    with pytest.raises(ValueError, match=rf"kafka\.{setting}: "):
        settings.aiokafka_kwargs()


def test_tls_verifies_host_names():
    context = KafkaSettings(security_protocol="SSL").ssl_context()
    assert context.check_hostname
    assert KafkaSettings().ssl_context() is None


def test_backoff_doubles_up_to_its_maximum_within_the_jitter():
    waits = backoff(initial=1, maximum=4, jitter=0.1)
    for nominal in (1, 2, 4, 4):
        assert nominal * 0.9 <= next(waits) <= nominal * 1.1
    with pytest.raises(ValueError, match="initial"):
        next(backoff(initial=0))


def test_a_deadline_runs_out():
    deadline = Deadline(0.02)
    assert not deadline.expired
    time.sleep(0.03)
    assert deadline.expired
    assert deadline.remaining == 0


def test_no_wait_begins_that_would_end_after_the_deadline():
    attempts = []
    began = time.monotonic()
    assert retry(lambda left: attempts.append(left) or "down", Deadline(0.4), None) == "down"
    assert time.monotonic() - began < 0.45
    assert len(attempts) == 3  # at once, after 0.1 s, after 0.2 s more
    assert retry(lambda left: "down", Deadline(0), None) == "down"
    assert retry(lambda left: None, Deadline(0), None) is None


def test_an_unreachable_broker_gives_one_line_within_its_deadline():
    address = f"127.0.0.1:{free_port()}"
    retries = []
    began = time.monotonic()
    with pytest.raises(BrokerUnreachable) as caught:
        wait_until_reachable(
            KafkaSettings(bootstrap_servers=address), 1.0, lambda reason, wait: retries.append((reason, wait))
        )
    assert time.monotonic() - began < 2
    message = str(caught.value)
    assert address in message
    assert "kafka.bootstrap_servers" in message
    assert "refused" in message
    assert "\n" not in message
    assert len(retries) >= 2
    assert retries[1][1] > retries[0][1]


def test_a_server_that_does_not_speak_kafka_is_told_from_one_that_is_down():
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(BrokerUnreachable, match="security_protocol"):
            wait_until_reachable(settings, 0.5)


def read_all(settings: KafkaSettings, topic: str, count: int) -> list:
    consumer = KafkaConsumer(
        **settings.client_kwargs(), auto_offset_reset="earliest", enable_auto_commit=False
    )
    # Assigned, not subscribed: a subscription without a group may miss the topic's metadata for minutes.
    consumer.assign([TopicPartition(topic, partition) for partition in end_offsets(settings, topic)])
    messages, deadline = [], Deadline(30)
    while len(messages) < count and not deadline.expired:
        for batch in consumer.poll(timeout_ms=200).values():
            messages += batch
    consumer.close()
    return messages


def check_round_trip(settings: KafkaSettings, topic: str) -> None:
    lines = [b"line %d \xff" % number for number in range(300)]
    with LineProducer(settings, topic) as producer:
        for line in lines:
            producer.send(line, key=b"host-1", timestamp_ms=1_700_000_000_000)
        producer.flush()
        assert (producer.sent, producer.delivered, producer.failed) == (300, 300, 0)
    messages = read_all(settings, topic, len(lines))
    assert [message.value for message in messages] == lines  # one key, so one partition: order is kept
    assert {(message.key, message.timestamp) for message in messages} == {(b"host-1", 1_700_000_000_000)}
    assert sum(end_offsets(settings, topic).values()) == len(lines)


def test_lines_make_the_round_trip_through_the_embedded_broker(embedded_kafka):
    assert ensure_topic(embedded_kafka, "lines", 2) == ensure_topic(embedded_kafka, "lines", 2)
    check_round_trip(embedded_kafka, "lines")


def test_lines_make_the_round_trip_through_a_real_broker(kafka_settings, topic_factory):
    wait_until_reachable(kafka_settings, 5)
    check_round_trip(kafka_settings, topic_factory(3))


def test_a_topic_that_exists_is_left_as_it_is(kafka_settings, topic_factory):
    topic = topic_factory(2, retention_ms=3_600_000, compression_type="lz4")
    assert ensure_topic(kafka_settings, topic, 5) == 2
    assert end_offsets(kafka_settings, topic) == {0: 0, 1: 0}


def test_a_topic_that_cannot_be_made_is_named_with_the_reason(kafka_settings):
    with pytest.raises(TopicError, match=r"topic 'no spaces' .*invalid"):
        ensure_topic(kafka_settings, "no spaces", 1)
    with pytest.raises(TopicError, match=r"'other' .*[Uu]nknown topic config name: made\.up"):
        ensure_topic(kafka_settings, "other", 1, made_up=1)


def test_an_unknown_topic_is_an_error_and_is_not_created(kafka_settings):
    for _ in range(2):
        with pytest.raises(TopicError, match="'nowhere' does not exist"):
            end_offsets(kafka_settings, "nowhere")


def test_the_end_is_what_a_reader_of_committed_messages_reaches(kafka_settings, topic_factory):
    topic = topic_factory()
    producer = KafkaProducer(**kafka_settings.client_kwargs(), transactional_id=topic)
    producer.init_transactions()
    producer.begin_transaction()
    for _ in range(5):
        producer.send(topic, b"line")
    producer.flush()
    assert end_offsets(kafka_settings, topic) == {0: 0}
    producer.commit_transaction()
    assert end_offsets(kafka_settings, topic) == {0: 6}  # with the marker of its end
    producer.close()


def test_the_beginning_is_the_first_message_that_is_kept(kafka_settings, topic_factory):
    topic = topic_factory(2)
    with LineProducer(kafka_settings, topic) as producer:
        for number in range(20):
            producer.send(b"line", key=b"%d" % number)
    ends = end_offsets(kafka_settings, topic)
    admin = KafkaAdminClient(**kafka_settings.client_kwargs())
    admin.delete_records({TopicPartition(topic, 1): ends[1] - 1})
    admin.close()
    assert beginning_offsets(kafka_settings, topic) == {0: 0, 1: ends[1] - 1}
    assert end_offsets(kafka_settings, topic) == ends


def test_committed_offsets_are_read_without_joining_the_group(kafka_settings, topic_factory):
    topic = topic_factory(2)
    assert committed(kafka_settings, f"group-{topic}", topic) == {}
    consumer = KafkaConsumer(
        **kafka_settings.client_kwargs(), group_id=f"group-{topic}", enable_auto_commit=False
    )
    consumer.assign([TopicPartition(topic, 1)])
    consumer.commit({TopicPartition(topic, 1): OffsetAndMetadata(7, "", -1)})
    assert committed(kafka_settings, f"group-{topic}", topic) == {1: 7}
    consumer.close()


def test_a_refused_message_fails_the_flush_and_the_others_arrive(kafka_settings, topic_factory):
    topic = topic_factory(1, max_message_bytes=1000)
    with LineProducer(kafka_settings, topic, linger_ms=0, delivery_timeout_seconds=20) as producer:
        producer.send(b"small")
        producer.flush()
        producer.send(b"x" * 5000)
        with pytest.raises(DeliveryError, match=rf"1 of 2 messages .*'{topic}'.*") as caught:
            producer.flush()
        assert caught.value.failed == 1
        assert "TooLarge" in type(caught.value.__cause__).__name__
        producer.send(b"small again")
        producer.flush()  # a failure is raised once
        assert (producer.delivered, producer.failed) == (2, 1)
    assert end_offsets(kafka_settings, topic) == {0: 2}


def test_a_missing_topic_fails_in_bounded_time(kafka_settings):
    with (
        pytest.raises(DeliveryError, match="'missing'") as caught,
        LineProducer(kafka_settings, "missing", delivery_timeout_seconds=1) as producer,
    ):
        producer.send(b"line")
    assert isinstance(caught.value.__cause__, KafkaTimeoutError)


def test_send_waits_while_too_much_is_unacknowledged(kafka_settings, topic_factory, monkeypatch):
    monkeypatch.setattr("connectors.kafka.producer.MAX_OUTSTANDING_BYTES", 20_000)
    with LineProducer(kafka_settings, topic_factory()) as producer:
        for _ in range(500):
            producer.send(b"x" * 1000)
            assert producer.sent - producer.delivered <= 22
    assert producer.delivered == 500


def test_lines_survive_a_broker_that_is_killed_and_restarted(kafka_server, kafka_settings, topic_factory):
    topic = topic_factory()
    with LineProducer(kafka_settings, topic) as producer:
        for number in range(100):
            producer.send(b"before %d" % number)
        producer.flush()
        kafka_server.kill()
        for number in range(100):
            producer.send(b"during %d" % number)
        kafka_server.restart()
        producer.flush()
    values = [message.value for message in read_all(kafka_settings, topic, 200)]
    assert values == [b"before %d" % n for n in range(100)] + [b"during %d" % n for n in range(100)]


def unsigned_token() -> str:
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": USER, "iat": now, "exp": now + 600})
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."
    )


@pytest.fixture(params=["PLAIN", "SCRAM-SHA-256", "OAUTHBEARER"])
def secure_settings(request, kafka_server, kafka_settings) -> KafkaSettings:
    if not kafka_server.secure_bootstrap:
        pytest.skip("the named broker's secure listener is not known")
    login = {"sasl_username": USER, "sasl_password": PASSWORD}
    return KafkaSettings(
        bootstrap_servers=kafka_server.secure_bootstrap,
        security_protocol="SASL_SSL",
        ssl_cafile=kafka_server.certificate,
        sasl_mechanism=request.param,
        **({"sasl_oauth_token": unsigned_token()} if request.param == "OAUTHBEARER" else login),
    )


def test_tls_and_sasl_work_against_a_real_broker(secure_settings, topic_factory):
    check_round_trip(secure_settings, topic_factory())


async def _read_one(settings: KafkaSettings, topic: str) -> bytes:
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(topic, **settings.aiokafka_kwargs(), auto_offset_reset="earliest")
    async with consumer:
        message = await asyncio.wait_for(consumer.getone(), 20)
    return message.value


def test_tls_and_sasl_work_with_aiokafka_and_no_log_shows_the_login(secure_settings, topic_factory, caplog):
    caplog.set_level(logging.DEBUG)
    topic = topic_factory()
    with LineProducer(secure_settings, topic) as producer:
        producer.send(b"line")
    assert asyncio.run(_read_one(secure_settings, topic)) == b"line"
    for secret in (secure_settings.sasl_password, secure_settings.sasl_oauth_token):
        assert secret is None or secret.get_secret_value() not in caplog.text


def test_a_wrong_password_names_the_settings_and_is_not_shown(kafka_server, kafka_settings, caplog):
    caplog.set_level(logging.DEBUG)
    if not kafka_server.secure_bootstrap:
        pytest.skip("the named broker's secure listener is not known")
    settings = KafkaSettings(
        **{**PLAIN, "sasl_username": USER},
        bootstrap_servers=kafka_server.secure_bootstrap,
        ssl_cafile=kafka_server.certificate,
    )
    with pytest.raises(BrokerUnreachable, match=r"kafka\.sasl_mechanism and its credentials") as caught:
        wait_until_reachable(settings, 2)
    assert SECRET not in str(caught.value) + caplog.text
