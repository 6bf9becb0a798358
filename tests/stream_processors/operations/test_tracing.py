from __future__ import annotations

import asyncio
import sys
import time
from types import SimpleNamespace

import pytest

from connectors.config import SettingsError
from stream_processors.operations import tracing as operations_tracing
from stream_processors.operations.stages import StageClock
from stream_processors.operations.tracing import TelemetrySettings, Tracing, make_tracing

pytest.importorskip("opentelemetry.sdk", reason="needs the extra otel")

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.collector import attributes, collector

AT = SimpleNamespace(topic="logs", partition=3)
MESSAGES = [SimpleNamespace(offset=offset, value=b"secret line") for offset in range(40, 44)]


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def traced(tracing: Tracing, *, error: Exception | None = None) -> dict[str, float]:
    """A batch as the handler takes it; the seconds that its stages were said to take."""
    seconds: dict[str, float] = {}
    clock = StageClock(lambda name, took: seconds.update({name: took}), tracing)
    fetched = time.time_ns() - 2_000_000, time.time_ns() - 1_000_000

    def work() -> None:
        with clock("read") as note:
            note(lines=7, end=None)

    async def handle() -> None:
        with clock.batch(AT, MESSAGES, 44, fetched):
            await asyncio.to_thread(work)
            try:
                with clock("apply"):
                    if error is not None:
                        raise error
            except ValueError:
                pass
        with clock("commit"):  # of no batch
            pass
        await tracing.stop()

    asyncio.run(handle())
    return seconds


def test_a_batch_is_a_span_around_its_stages_in_whatever_thread(kept):
    seconds = traced(Tracing(kept, version="1", model="m"))
    spans = {span.name: span for span in kept.get_finished_spans()}
    assert set(spans) == {"batch", "fetch", "read", "apply"}
    assert {name: span.parent.span_id for name, span in spans.items() if name != "batch"} == dict.fromkeys(
        ("fetch", "read", "apply"), spans["batch"].context.span_id
    )
    place = {"messaging.destination.name": "logs", "messaging.destination.partition.id": "3"}
    assert dict(spans["batch"].attributes) == {
        **place,
        "messaging.batch.message_count": 4,
        "messaging.kafka.offset": 40,
        "secencoder.end": 44,
        "secencoder.bytes": 44,
    }
    assert dict(spans["read"].attributes) == {**place, "secencoder.lines": 7}
    assert spans["fetch"].end_time - spans["fetch"].start_time == pytest.approx(1_000_000, rel=0.5)
    assert spans["batch"].start_time == spans["fetch"].start_time
    assert set(seconds) == {"fetch", "read", "apply", "commit"}
    assert seconds["fetch"] == pytest.approx(0.001, rel=0.5)


def test_a_failure_is_named_by_its_class_and_quotes_no_line(kept):
    traced(Tracing(kept, version="1", model="m"), error=ValueError("secret line"))
    spans = {span.name: span for span in kept.get_finished_spans()}
    assert (spans["apply"].status.status_code.name, spans["apply"].status.description) == (
        "ERROR",
        "ValueError",
    )
    assert "secret" not in "".join(span.to_json() for span in spans.values())


def test_spans_reach_a_collector():
    with collector() as found:
        tracing = make_tracing(TelemetrySettings(endpoint=found.url), version="1.2", model="tiny@3")
        traced(tracing)
    names = {span.name: span for span in found.spans}
    assert set(names) == {"batch", "fetch", "read", "apply"}
    assert attributes(names["read"])["secencoder.lines"] == 7
    about = found.resources[0]
    assert (about["service.name"], about["service.version"]) == ("secencoder", "1.2")


def test_a_collector_that_refuses_or_is_gone_holds_nothing_up(monkeypatch):
    monkeypatch.setattr(operations_tracing, "EXPORT_SECONDS", 1.0)
    with collector() as found:
        found.status = 503
        tracing = make_tracing(TelemetrySettings(endpoint=found.url), version="1", model="m")
        assert "read" in traced(tracing), "and its end does not wait for ever"
        assert found.requests
    assert "read" in traced(make_tracing(TelemetrySettings(endpoint=found.url), version="1", model="m"))


def test_without_the_extra_the_setting_says_what_to_install(monkeypatch):
    assert make_tracing(TelemetrySettings(), version="1", model="m") is None
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match=r"^telemetry\.endpoint: .*secencoder-streams\[otel\]"):
        make_tracing(TelemetrySettings(endpoint="http://192.0.2.1:4318"), version="1", model="m")
