from __future__ import annotations

import asyncio
import logging
import socket

import aiohttp
import pytest
from pydantic import ValidationError

from stream_processors.demo.servers import free_port
from stream_processors.operations import health
from stream_processors.operations.health import Health, HealthSettings
from stream_processors.settings import Settings, known_names


async def passing() -> bool:
    return True


async def failing() -> bool:
    return False


async def raising() -> bool:
    raise ConnectionError("redis://:s3cret@store is down")


def asked(*paths: str, alive=list, ready=None, scrape=None, times: int = 1):
    """(status, body) of every path, asked of a server with these answers."""

    async def ask():
        server = Health(HealthSettings(port=free_port()), alive, ready or {}, scrape)
        await server.start()
        base = f"http://127.0.0.1:{server._settings.port}"
        try:
            async with aiohttp.ClientSession() as session:
                answers = []
                for path in paths * times:
                    async with session.get(base + path) as answer:
                        json = answer.content_type == "application/json"
                        answers.append((answer.status, await (answer.json() if json else answer.text())))
                return answers
        finally:
            await server.stop()
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", server._settings.port)

    return asyncio.run(ask())


def test_a_worker_that_moves_is_healthy():
    assert asked("/healthz") == [(200, {"status": "ok"})]


def test_a_stuck_partition_is_unhealthy_with_its_reason():
    reasons = ["logs/3: 7 behind, not moved for 60 s: NOPERM"]
    assert asked("/healthz", alive=lambda: reasons) == [(503, {"status": "unhealthy", "reasons": reasons})]


def test_a_worker_is_ready_when_every_check_passes():
    ready = {"group": passing, "model": passing, "store": passing}
    assert asked("/readyz", ready=ready) == [(200, {"status": "ok"})]


def test_what_is_missing_is_named_and_errors_are_not_shown():
    ready = {"group": failing, "model": passing, "store": raising}
    assert asked("/readyz", ready=ready) == [(503, {"status": "not ready", "missing": ["group", "store"]})]


def test_a_check_that_hangs_does_not_pass_and_runs_once_however_many_ask(monkeypatch):
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    started = []

    async def hanging() -> bool:
        started.append(1)
        await asyncio.sleep(3_600)
        return True

    answers = asked("/readyz", "/healthz", ready={"store": hanging, "model": passing}, times=3)
    assert answers == [(503, {"status": "not ready", "missing": ["store"]}), (200, {"status": "ok"})] * 3
    assert len(started) == 1


def test_a_check_is_asked_again_by_the_next_probe():
    states = iter([False, True])

    async def recovering() -> bool:
        return next(states)

    assert [status for status, _ in asked("/readyz", ready={"store": recovering}, times=2)] == [503, 200]


def test_there_is_nothing_else_to_ask():
    assert [status for status, _ in asked("/", "/metrics", "/healthz/x", "/healthz?x=1")] == [
        404,
        404,
        404,
        200,
    ]


def test_metrics_are_served_as_prometheus_reads_them():
    async def scrape() -> bytes:
        return b"lines_total 3\n"

    assert asked("/metrics", scrape=scrape) == [(200, "lines_total 3\n")]


def test_a_port_that_is_taken_gives_one_warning_and_no_more(caplog):
    async def start_and_stop(port):
        server = Health(HealthSettings(port=port), list, {})
        await server.start()
        await server.stop()

    with socket.socket() as taken, caplog.at_level(logging.INFO):
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        asyncio.run(start_and_stop(taken.getsockname()[1]))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "health.port" in record.message
    assert "in use" in record.message


def test_port_zero_serves_nothing(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a server was made")

    monkeypatch.setattr("aiohttp.web.AppRunner", refuse)

    async def start_and_stop():
        server = Health(HealthSettings(port=0), list, {})
        await server.start()
        await server.stop()

    asyncio.run(start_and_stop())


def test_the_settings_are_a_section_of_their_own():
    assert Settings().health == HealthSettings(
        host="127.0.0.1", port=8080, stall_seconds=60, exit_seconds=600
    )
    assert {"health.host", "health.port", "health.stall_seconds", "health.exit_seconds"} <= set(known_names())
    assert all(field.description for field in HealthSettings.model_fields.values())


@pytest.mark.parametrize(
    "values", [{"port": 70_000}, {"stall_seconds": 0}, {"exit_seconds": 30}, {"hots": "0.0.0.0"}]
)
def test_settings_that_cannot_work_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        HealthSettings(**values)


def test_a_worker_may_be_told_never_to_end():
    assert HealthSettings(exit_seconds=0).exit_seconds == 0
