from __future__ import annotations

import asyncio

import pytest

from connectors.memory import MemoryStore
from connectors.sinks.alerts import SinkDown, SinkRefused, TopicSink, WebhookSink, make_sinks
from connectors.sinks.settings import SinkSettings
from stream_processors.alerts.dispatcher import Dispatcher
from tests.connectors.steps import NOW, step
from tests.connectors.test_alerts import change, line


class Hearing:
    """A sink that notes what it gets; ``fail``: what it raises for the next entries."""

    def __init__(self, name: str) -> None:
        self.name, self.heard, self.fail = name, [], []

    async def send(self, source, told) -> None:
        if self.fail and (error := self.fail.pop(0)) is not None:
            raise error
        self.heard.append((source, told.alert.pattern))

    async def stop(self) -> None:
        pass


@pytest.fixture
def store():
    return MemoryStore(clock=lambda: NOW)


def tell(store, *patterns: str, source: str = "logs") -> None:
    expected = store.applied(source).get(0)
    alerts = [change(line(place, pattern=pattern)) for place, pattern in enumerate(patterns)]
    store.apply(step(expected, (expected or 0) + 1, source=source, alerts=alerts))


def dispatcher(store, sink, clock=None, owned=("logs",)) -> Dispatcher:
    return Dispatcher(store, sink, lambda: owned, clock or (lambda: 0.0))


def test_every_sink_gets_every_alert_once_and_in_order(store):
    one, other = Hearing("topic"), Hearing("webhook")
    tell(store, *(f"p{n}" for n in range(250)))
    sending = [dispatcher(store, sink) for sink in (one, other)]
    assert [asyncio.run(to.round()) for to in sending] == [250, 250]
    tell(store, "p250")
    assert [asyncio.run(to.round()) for to in sending] == [1, 1]
    assert one.heard == other.heard == [("logs", f"p{n}") for n in range(251)]
    assert asyncio.run(dispatcher(store, one).round()) == 0, "another worker goes on from the position"


def test_a_sink_that_is_down_is_left_alone_and_misses_nothing(store):
    now, down = [0.0], Hearing("webhook")
    tell(store, "a", "b", "c")
    down.fail = [None, SinkDown("webhook answers 503"), SinkDown("webhook answers 503")]
    sending = dispatcher(store, down, clock=lambda: now[0])
    asyncio.run(sending.round())
    assert down.heard == [("logs", "a")]
    asyncio.run(sending.round())
    assert len(down.fail) == 1, "it is not asked again at once"
    for _ in range(3):
        now[0] += 100
        asyncio.run(sending.round())
    assert down.heard == [("logs", "a"), ("logs", "b"), ("logs", "c")]


def test_what_a_sink_refuses_for_good_is_passed_over_and_said(store, caplog):
    sink = Hearing("webhook")
    sink.fail = [SinkRefused("webhook answers 400")]
    tell(store, "a", "b")
    asyncio.run(dispatcher(store, sink).round())
    assert sink.heard == [("logs", "b")]
    assert "alert a.1 is not sent: webhook answers 400" in caplog.text


def test_it_knows_what_it_sent_and_how_long_it_has_been_trying(store):
    now, owned, down = [0.0], ["logs"], Hearing("webhook")
    tell(store, "a", "b")
    tell(store, "c", source="logs/web")
    at = [told.position for source in ("logs", "logs/web") for told in store.outbox(source)]
    down.fail = [None, SinkRefused("400"), SinkDown("503"), SinkDown("503"), None]
    sending = dispatcher(store, down, clock=lambda: now[0], owned=owned)
    asyncio.run(sending.round())
    assert (sending.name, sending.sent, sending.refused, sending.failures) == ("webhook", 1, 1, 1)
    assert (sending.positions, sending.waiting_seconds) == ({"logs": at[1]}, 0)
    for seconds, waiting in ((40, 40), (60, 0)):
        now[0] += seconds
        asyncio.run(sending.round())
        assert sending.waiting_seconds == waiting
    assert (sending.sent, sending.failures, sending.positions) == (2, 2, {"logs": max(at)})
    owned.clear()
    asyncio.run(sending.round())
    assert sending.positions == {}


def test_topics_of_others_are_left_to_them(store):
    sink = Hearing("topic")
    tell(store, "a")
    tell(store, "b", source="mine")
    asyncio.run(dispatcher(store, sink, owned=("mine",)).round())
    assert sink.heard == [("mine", "b")]


def test_a_worker_that_lost_the_topic_stops_at_the_entry_that_it_had_in_hand(store):
    late = Hearing("topic")
    tell(store, "a", "b", "c")
    first = store.outbox("logs")[0].position

    async def send(source, told) -> None:
        late.heard.append(told.alert.pattern)
        store.acknowledge("logs", "topic", 0, first)  # the new owner was quicker

    late.send = send
    asyncio.run(dispatcher(store, late).round())
    assert late.heard == ["a"]
    assert store.sent("logs") == {"topic": first}


def test_a_webhook_gets_the_document_its_key_and_the_header(store):
    from aiohttp import web

    heard, answers = [], [503, 200, 404]

    async def take(request: web.Request) -> web.Response:
        heard.append((await request.json(), request.headers["Idempotency-Key"], request.headers["X-Token"]))
        return web.Response(status=answers.pop(0))

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/hook", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        settings = SinkSettings(
            webhook_url=f"http://127.0.0.1:{port}/hook",
            webhook_format="ocsf",
            webhook_header="X-Token: geheim",
        )
        (sink,) = make_sinks(settings, None)
        tell(store, "a")
        (entry,) = store.outbox("logs")
        with pytest.raises(SinkDown, match="answers 503"):
            await sink.send("logs", entry)
        await sink.send("logs", entry)
        with pytest.raises(SinkRefused, match="answers 404"):
            await sink.send("logs", entry)
        await runner.cleanup()
        with pytest.raises(SinkDown) as caught:
            await sink.send("logs", entry)
        assert "geheim" not in str(caught.value)
        await sink.stop()

    asyncio.run(run())
    assert len({key for _, key, _ in heard}) == 1
    assert all(token == "geheim" and document["class_uid"] == 2004 for document, _, token in heard)
    assert WebhookSink.name == "webhook"


def test_a_topic_gets_the_documents_of_a_source_in_order(store, embedded_kafka):
    from kafka import KafkaConsumer

    from connectors.kafka import ensure_topic

    ensure_topic(embedded_kafka, "found", partitions=1)
    tell(store, "a", "b")

    async def run() -> None:
        sink = TopicSink(embedded_kafka, "found", "ecs")
        await dispatcher(store, sink).round()
        await sink.stop()

    asyncio.run(run())
    consumer = KafkaConsumer("found", auto_offset_reset="earliest", **embedded_kafka.client_kwargs())
    found = [next(consumer) for _ in range(2)]
    consumer.close()
    assert [message.key for message in found] == [b"logs", b"logs"]
    assert [b'"alert":"a.1"' in message.value for message in found] == [True, False]
    assert b'"kind":"alert"' in found[0].value
    assert found[0].headers[0][0] == "secencoder.id"
