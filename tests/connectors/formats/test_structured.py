"""An object's time, severity and message, wherever loggers put them. All values are made up."""

from __future__ import annotations

import calendar

import pytest

from connectors.formats import parse, parse_object
from connectors.records import ERROR, INFO, UNSTATED, WARN

MOMENT = calendar.timegm((2026, 11, 25, 10, 0, 0))


@pytest.mark.parametrize(
    "event",
    [
        {"t": {"$date": "2026-11-25T10:00:00Z"}},
        {"instant": {"epochSecond": MOMENT, "nanoOfSecond": 1}},
        {"@t": "2026-11-25T10:00:00Z"},
        {"timeMillis": MOMENT * 1000},
        {"__REALTIME_TIMESTAMP": str(MOMENT * 10**6)},
        {"timeUnixNano": str(MOMENT * 10**9)},
        {"meta": {"event_time": "2026-11-25 10:00:00"}},
        {"time": "soon", "ts": float(MOMENT)},
        {"requestReceivedTimestamp": "2026-11-25T10:00:00Z", "stageTimestamp": "2026-11-25T10:00:09Z"},
        {"t": MOMENT + 60, "timestamp": MOMENT},
    ],
)
def test_the_events_time_wherever_it_is_named(event):
    assert parse_object({"user": "eve", **event}).time == MOMENT


@pytest.mark.parametrize("name", ["createdAt", "expirationDate", "receivedTime", "retries"])
def test_other_times_are_not_the_events(name):
    assert parse_object({"user": "eve", name: "2026-11-25T10:00:00Z"}).time is None


def test_a_time_without_zone_is_local():
    assert parse_object({"time": "2026-11-25 11:00:00"}, zone="Europe/Berlin").time == MOMENT


@pytest.mark.parametrize(
    ("event", "severity"),
    [
        ({"level": "error"}, ERROR),
        ({"log": {"level": "Warning"}}, WARN),
        ({"level": 30}, INFO),
        ({"log.level": "ERROR", "process.thread.name": "main"}, ERROR),
        ({"user": "eve"}, UNSTATED),
    ],
)
def test_the_level_is_the_severity(event, severity):
    assert parse_object(event).severity == severity


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"message": "began", "msg": "other"}, "began"),
        ({"msg": "began", "user": "eve"}, "began"),
        ({"event": "began"}, "began"),
        ({"message": {"text": "began"}}, None),
        ({"message": 7}, None),
        ({"message": ""}, None),
        ({"user": {"message": "began"}}, None),
    ],
)
def test_the_message_is_an_own_member_that_is_text(event, message):
    assert parse_object(event).message == message


def test_dotted_names_stay():
    record = parse(b'{"log.level":"INFO","service.name":"shop","message":"began"}')
    assert record.fields == {"log.level": "INFO", "service.name": "shop", "message": "began"}
    assert record.text == "level=INFO name=shop message=began"
