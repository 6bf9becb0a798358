"""Whatever types the members of an envelope have, nothing raises, no line is lost, and the event stays as it was."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from connectors.envelopes import registry, values
from tests.connectors.envelopes.messages import read_all

SIGNATURES = [
    ["msg", "rawmsg", "syslogtag", "hostname", "programname", "procid", "timereported", "syslogseverity"],
    ["message", "fromhost", "facility", "priority", "timereported", "timegenerated"],
    ["MESSAGE", "PROGRAM", "HOST", "PID", "DATE", "ISODATE", "PRIORITY"],
    [
        "SourceModuleType",
        "SourceModuleName",
        "EventID",
        "Message",
        "EventTime",
        "SeverityValue",
        "@timestamp",
    ],
    ["SourceModuleType", "SourceModuleName", "Message", "EventTime", "Severity", "Hostname", "SourceName"],
    ["version", "host", "short_message", "full_message", "timestamp", "level", "_logger", "_container_name"],
    ["ts", "uid", "id.orig_h", "id"],
    ["@stream", "@proc", "@system", "ts", "id"],
    ["conn"],
    ["timestamp", "event_type", "flow_id", "alert", "host"],
    ["Records"],
    ["eventVersion", "eventSource", "eventName", "eventTime", "errorCode"],
    ["messageType", "logGroup", "logStream", "logEvents"],
    ["records"],
    ["time", "resourceId", "operationName", "category", "Level", "properties", "resultDescription"],
    ["SyslogMessage", "Facility", "SeverityLevel", "HostName", "ProcessName", "EventTime"],
    ["_raw", "_time", "host", "source"],
    ["event", "sourcetype", "time", "host", "fields"],
    ["schema", "payload"],
    ["build", "job", "message", "metadata"],
    ["detail-type", "detail", "source", "account", "time"],
    [
        "logName",
        "resource",
        "textPayload",
        "jsonPayload",
        "protoPayload",
        "timestamp",
        "severity",
        "httpRequest",
    ],
]
"""Names that an envelope looks at, one list a shape."""
NAMES = sorted({name for names in SIGNATURES for name in names} | {"log", "labels", "orig_h", "severity"})
WORDS = [
    "",
    "-",
    "1.1",
    "DATA_MESSAGE",
    "CONTROL_MESSAGE",
    "2026-11-25T10:00:00Z",
    "bytes",
    "string",
    "AppServiceX",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=9)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def events(draw):
    names = draw(st.sampled_from(SIGNATURES))
    return {name: draw(VALUES) for name in names}


@given(events())
def test_no_value_raises_or_changes_the_event(event):
    before = copy.deepcopy(event)
    for envelope in registry.OBJECTS:
        if envelope.matches(frozenset(event)):
            envelope.unwrap(event)
    assert repr(event) == repr(before)


@given(events())
def test_every_shape_is_records_of_text_and_text_columns(event):
    for record in read_all(event):
        assert isinstance(record.text, str)
        assert all(type(name) is str and type(value) is str for name, value in record.fields.items())
        assert 1 <= record.severity <= 24
        assert record.envelope.count("/") < 3


@given(st.text(max_size=40), st.sampled_from(["<13>1 ", "<13>1 - h @syslog-ng - - ", "@syslog-ng "]))
def test_no_text_raises(text, before):
    for envelope in registry.TEXTS:
        envelope.unwrap(before + text)


@given(VALUES)
def test_helpers_take_any_value(value):
    assert isinstance(values.word(value), str)
    assert isinstance(values.as_text(value), str)
