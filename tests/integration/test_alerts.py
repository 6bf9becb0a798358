"""Alerts end to end, with real workers and servers: at least once, in order, whoever is down or dies."""

from __future__ import annotations

import json
import uuid

from connectors import kafka
from tests.connectors.sinks.schemas import ecs_errors, ocsf_errors
from tests.integration.harness import Stream, read_topic
from tests.integration.webhook import SECRET, TOKEN, webhook

USUAL = [f"sshd: session of user{n % 5} {verb}" for n in range(150) for verb in ("opened", "closed")]
ODD = [
    "kernel: out of memory, killed process 4711",
    "sudo: mallory is not in the sudoers file",
    "sshd: root login from 198.51.100.7 with an unknown key",
    "mount: /dev/sdz1 is encrypted by someone else",
    "cron: someone replaced the table of jobs at night",
    "auditd: logging was switched off",
]


def lines(*odd: str) -> list[bytes]:
    """Odd lines among usual ones."""
    places = range(0, len(USUAL), len(USUAL) // (len(odd) + 1))
    found = list(USUAL)
    for place, line in zip(places[:0:-1], odd, strict=False):
        found.insert(place, line)
    return [line.encode() for line in found]


def told(stream: Stream) -> list[str]:
    """Ids of all that was ever told, in order."""
    return [entry.key(stream.topic) for entry in stream.store.outbox(stream.topic, limit=10_000)]


def test_alerts_reach_topic_and_webhook_although_both_are_down_and_the_worker_dies(
    stream_factory, kafka_settings
):
    out = f"test-{uuid.uuid4().hex[:12]}"
    stream = stream_factory(
        2,
        ALERTS__TOPIC=out,
        ALERTS__WEBHOOK_HEADER=f"X-Token: {TOKEN}",
        DETECTION__WARMUP="100",
        DETECTION__ALERT_BUDGET="top 2 %",
    )
    stream.produce([line.encode() for line in USUAL] + lines(*ODD[:3]), partitions=2)
    with webhook() as hook:
        hook.status = 503
        with stream.worker(ALERTS__WEBHOOK_URL=hook.url, ALERTS__WEBHOOK_FORMAT="ocsf") as victim:
            stream.wait_until(lambda: len(told(stream)) > 2 and hook.keys(503), "a webhook that was down")
            stream.wait_until_done()  # it waits for no sink
            hook.status = None
            stream.wait_until(lambda: hook.hanging, "a request without an answer")
            victim.kill()
        first = told(stream)[0]
        assert {*hook.keys(503), *hook.hanging} == {first}, "what comes after it waits for it"
        assert stream.store.sent(stream.topic) == {}

        kafka.ensure_topic(kafka_settings, out, 3)
        hook.let_go()
        hook.status = 200
        stream.produce(lines(*ODD[3:]), partitions=2)
        with stream.worker(
            ALERTS__WEBHOOK_URL=hook.url, ALERTS__WEBHOOK_FORMAT="ecs", ALERTS__TOPIC_FORMAT="json"
        ):
            stream.wait_until_done()
            last = stream.store.outbox(stream.topic, limit=10_000)[-1].position
            stream.wait_until(
                lambda: stream.store.sent(stream.topic) == {"topic": last, "webhook": last}, "all sent"
            )
    ids = told(stream)
    messages = read_topic(kafka_settings, out)
    assert [message.key for message in messages] == [stream.topic.encode()] * len(messages)
    assert list(dict.fromkeys(dict(m.headers)["secencoder.id"].decode() for m in messages)) == ids
    assert [json.loads(message.value)["id"] for message in messages] == ids
    assert list(dict.fromkeys(hook.keys(200))) == ids
    assert {(request.path, request.token) for request in hook.requests} == {(f"/hooks/{SECRET}", TOKEN)}

    for request in hook.requests:
        wrong = ecs_errors(request.document) if request.status == 200 else ocsf_errors(request.document)
        assert wrong == []
        named = (
            request.document["event"]["id"] if request.status == 200 else request.document["metadata"]["uid"]
        )
        assert named == request.key
    alerts = stream.store.alerts(stream.topic, limit=1_000)
    assert len({*ODD} & {alert.best.text for alert in alerts}) >= 4
    flagged = stream.store.anomalies(stream.topic, limit=10_000)
    assert sum(alert.total for alert in alerts) == len(flagged), "each flagged line is in one alert, once"
    stream.assert_each_line_counted_once()
    for worker in stream.workers:
        assert SECRET not in worker.text()
        assert TOKEN not in worker.text()
