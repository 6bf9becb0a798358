"""Loggers that write JSON themselves: ECS and Logback's LogstashEncoder."""

import pytest

from connectors.envelopes.schema import TRACE_LENGTH, TRACE_LINES
from connectors.records import ERROR, HOST, LEVEL, LOGGER, SERVICE, THREAD, WARN
from tests.connectors.envelopes.messages import is_plain, read_one

STAMP = "2026-11-25T10:00:00.250Z"
TRACE = "java.io.IOException: closed\n" + "\n".join(
    f"\tat com.example.Cart.put(Cart.java:{n})" for n in range(50)
)


def ecs(**others):
    return {
        "@timestamp": STAMP,
        "log.level": "ERROR",
        "message": "could not put item 4411",
        "ecs.version": "1.2.0",
        "service.name": "cart",
        "event.dataset": "cart",
        "process.thread.name": "http-nio-7",
        "log.logger": "com.example.Cart",
        "trace.id": "0123456789abcdef",
        **others,
    }


def logback(**others):
    return {
        "@timestamp": STAMP,
        "@version": "1",
        "message": "could not put item 4411",
        "logger_name": "com.example.Cart",
        "thread_name": "http-nio-7",
        "level": "ERROR",
        "level_value": 40000,
        **others,
    }


def test_an_ecs_loggers_message_is_the_line():
    record = read_one(ecs())
    assert record.envelope == "ecs"
    assert record.text == "could not put item 4411"
    assert record.fields == {
        SERVICE: "cart",
        LOGGER: "com.example.Cart",
        THREAD: "http-nio-7",
        LEVEL: "ERROR",
        "event.dataset": "cart",
    }
    assert (record.time, record.severity) == (1_795_600_800.25, ERROR)


def test_an_ecs_logger_that_nests():
    record = read_one(
        {
            "@timestamp": STAMP,
            "log.level": "warning",
            "message": "slow",
            "ecs": {"version": "1.6.0"},
            "log": {"logger": "shop.cart", "original": "slow", "origin": {"file": {"line": 7}}},
            "process": {"name": "MainProcess", "pid": 7, "thread": {"id": 1, "name": "MainThread"}},
            "user": {"name": "bo"},
        }
    )
    assert record.text == "slow"
    assert record.fields[LOGGER] == "shop.cart"
    assert record.fields[THREAD] == "MainThread"
    assert record.fields["user.name"] == "bo"
    assert "slow" not in record.fields.values()
    assert record.severity == WARN


def test_the_logger_is_a_signature_without_the_version():
    message = ecs()
    del message["ecs.version"]
    assert read_one(message).envelope == "ecs"


def test_what_the_application_added_is_columns():
    assert read_one(ecs(order="o-7", labels={"tenant": "a"})).fields["labels.tenant"] == "a"
    assert read_one(logback(order="o-7", mdc={"tenant": "a"})).fields["order"] == "o-7"


@pytest.mark.parametrize("message", [ecs(**{"error.stack_trace": TRACE}), logback(stack_trace=TRACE)])
def test_a_stack_trace_is_below_the_message_and_bounded(message):
    record = read_one(message)
    assert record.text.startswith("could not put item 4411\njava.io.IOException: closed\n\tat com.example")
    assert record.text.count("\n") <= TRACE_LINES
    assert len(record.text) <= TRACE_LENGTH + 100
    assert TRACE in str(record.shipper).encode().decode("unicode_escape")


def test_an_error_without_a_trace_is_named():
    record = read_one(ecs(**{"error.type": "java.io.IOException", "error.message": "closed"}))
    assert record.text == "could not put item 4411\njava.io.IOException: closed"
    assert record.fields["error.type"] == "java.io.IOException"


def test_logbacks_message_is_the_line():
    record = read_one(logback(HOSTNAME="web-1", caller_line_number=7, tags=["AUDIT"]))
    assert record.envelope == "logback"
    assert record.text == "could not put item 4411"
    assert record.fields == {LOGGER: "com.example.Cart", LEVEL: "ERROR", THREAD: "http-nio-7", HOST: "web-1"}
    assert (record.time, record.severity) == (1_795_600_800.25, ERROR)


@pytest.mark.parametrize(
    "lookalike",
    [
        {"@timestamp": STAMP, "message": "x", "ecs.version": "1.2.0"},
        {"@timestamp": STAMP, "message": "x", "log.level": "info"},
        {"@timestamp": STAMP, "message": "x", "log.level": 3, "log.logger": "a"},
        {"@timestamp": STAMP, "message": "x", "ecs": 2, "log": "a.log"},
        {"message": "x", "log.level": "info", "log.logger": "a"},
        {"message": "x", "logger_name": "a", "level": "INFO"},
        {"message": "x", "logger_name": "a", "level": 3, "level_value": 3},
        {"@timestamp": STAMP, "message": "x", "logger": "a", "level": "INFO", "thread": "main"},
    ],
)
def test_an_applications_own_object_keeps_its_members(lookalike):
    assert is_plain(lookalike)
