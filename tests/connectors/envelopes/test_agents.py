"""Whatever the types of its members, an agent's message gives a record, and the event stays as it was."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.envelopes import registry
from connectors.envelopes.envelope import Inner
from tests.connectors.envelopes.messages import read_one

AGENTS = (
    "docker",
    "winlogbeat",
    "winevtlog",
    "filebeat",
    "vector",
    "journald",
    "fluentbit",
    "fluentd",
    "ecs",
    "logback",
    "logstash",
)
NAMES = (
    *(
        "@timestamp",
        "@metadata",
        "@version",
        "agent",
        "beat",
        "ecs",
        "ecs.version",
        "host",
        "log",
        "log.level",
    ),
    *(
        "log.logger",
        "message",
        "MESSAGE",
        "event",
        "winlog",
        "event_id",
        "log_name",
        "source_type",
        "timestamp",
    ),
    *(
        "kubernetes",
        "container",
        "stream",
        "time",
        "date",
        "docker",
        "ident",
        "pid",
        "pri",
        "logger_name",
        "level",
    ),
    *(
        "level_value",
        "stack_trace",
        "error",
        "process",
        "user",
        "source",
        "syslog",
        "json",
        "file",
        "appname",
    ),
    *(
        "severity",
        "severity_number",
        "resources",
        "scope",
        "PRIORITY",
        "SYSLOG_IDENTIFIER",
        "__REALTIME_TIMESTAMP",
    ),
    *("keywords", "event_data", "computer_name", "logtag", "exception", "hostname", "procid", "service"),
)
INNER_NAMES = (
    *(
        "beat",
        "version",
        "type",
        "hostname",
        "name",
        "path",
        "file",
        "level",
        "syslog",
        "code",
        "original",
        "channel",
    ),
    *(
        "event_data",
        "event_id",
        "keywords",
        "computer_name",
        "labels",
        "namespace",
        "namespace_name",
        "pod_name",
    ),
    *(
        "container_name",
        "container_id",
        "host",
        "pod",
        "node",
        "container",
        "source_type",
        "timestamp",
        "severity",
    ),
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["1", "file", "syslog", "journald", "kubernetes_logs", "stdout", "info", "2026-11-25T10:00:00.0Z"]
    )
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(INNER_NAMES) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
STAMP = "2026-11-25T10:00:00.250Z"
SAMPLES = [
    {"log": "x", "stream": "stdout", "time": STAMP},
    {
        "@timestamp": STAMP,
        "winlog": {"channel": "System", "event_data": {"a": "b"}},
        "message": "x",
        "event": {},
    },
    {"@timestamp": STAMP, "beat": {"name": "h"}, "event_id": 7, "log_name": "System", "message": "x"},
    dict.fromkeys(
        ("ProviderName", "EventID", "Channel", "Computer", "StringInserts", "Message", "Keywords"), "7"
    ),
    {
        "@timestamp": STAMP,
        "@metadata": {"beat": "filebeat"},
        "message": "x",
        "log": {"level": "info"},
        "event": {},
    },
    {
        "@timestamp": STAMP,
        "agent": {"type": "filebeat", "version": "9"},
        "ecs": {},
        "kubernetes": {},
        "syslog": {},
    },
    *(
        {"source_type": source, "timestamp": STAMP, "message": "x", "kubernetes": {}, "level": "info"}
        for source in ("file", "kubernetes_logs", "syslog", "journald", "opentelemetry")
    ),
    {"log": {"source_type": "file", "timestamp": STAMP}},
    {
        "MESSAGE": "x",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "sshd",
        "__REALTIME_TIMESTAMP": "1795600800250000",
    },
    {"@timestamp": 1795600800.25, "log": "x", "kubernetes": {"pod_name": "a", "labels": {}}, "logtag": "P"},
    {"@timestamp": 1795600800.25, "log": "x"},
    {"@timestamp": 1795600800.25, "host": "h", "ident": "sshd", "pid": "7", "pri": "35", "message": "x"},
    {"log": "x", "docker": {"container_id": "c"}, "stream": "stdout"},
    {
        "@timestamp": STAMP,
        "ecs.version": "1.2.0",
        "log.level": "info",
        "message": "x",
        "error.stack_trace": "at x",
    },
    {
        "@timestamp": STAMP,
        "@version": "1",
        "message": "x",
        "logger_name": "a",
        "level": "INFO",
        "stack_trace": "at x",
    },
    {"@timestamp": STAMP, "@version": "1", "message": "x", "event": {"original": "x"}, "host": {"name": "h"}},
]
"""A message of every kind, in which members are put that have any type."""
EVENTS = st.builds(
    lambda sample, others, gone: {name: v for name, v in {**sample, **others}.items() if name not in gone},
    st.sampled_from(SAMPLES),
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), VALUES, max_size=5),
    st.sets(st.sampled_from(NAMES), max_size=2),
)


def agents():
    return [envelope for envelope in registry.OBJECTS if envelope.name in AGENTS]


def test_all_are_known():
    assert {envelope.name for envelope in agents()} == set(AGENTS)
    assert {"cri", "logstash"} <= {envelope.name for envelope in registry.TEXTS}


def test_the_samples_are_of_every_kind():
    found = {name for sample in SAMPLES for name in read_one(sample).envelope.split("/")}
    assert found == set(AGENTS)


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_no_content_raises_and_no_event_is_changed(event):
    before = copy.deepcopy(event)
    for envelope in agents():
        if envelope.matches(frozenset(event)):
            for inner in envelope.unwrap(event) or ():
                check(inner)
    assert repr(event) == repr(before)


def check(inner: Inner):
    assert type(inner.line) in (str, dict)
    assert inner.time is None or type(inner.time) is float
    assert 0 <= inner.severity <= 24
    assert all(type(name) is type(value) is str for name, value in inner.columns.items())
    assert inner.program is None or (type(inner.program) is str and inner.program)
    assert type(inner.stream) is str
    assert type(inner.partial) is bool


@pytest.mark.parametrize("envelope", registry.TEXTS, ids=lambda envelope: envelope.name)
@given(
    text=st.text(max_size=60),
    start=st.sampled_from(["", "2026-11-25T10:00:00.250Z ", "2026-11-25T10:00:00.250Z {"]),
)
def test_no_text_raises(envelope, text, start):
    for inner in envelope.unwrap(start + text) or ():
        check(inner)
