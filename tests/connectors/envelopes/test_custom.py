"""A shipper that is not known is described by settings; a name that is none is refused."""

import json

import pytest

from connectors.config import SettingsError, validated
from connectors.envelopes import Reader, ReadingSettings
from connectors.envelopes.plugins import known_envelopes
from connectors.records import SERVICE

EVENT = {
    "pipeline": {"id": "p-7", "node": "n1"},
    "data.raw": {"line": "<35>Nov 25 10:00:00 web1 sshd[812]: Failed password for root"},
    "customer": "acme",
    "depth": 3,
}


def read(event, **settings):
    (record,) = Reader(ReadingSettings(**settings)).read(json.dumps(event).encode())
    return record


def test_the_message_field_is_the_line_and_all_else_the_shippers():
    record = read(EVENT, message_field="data.raw.line")
    assert (record.format, record.text) == ("rfc3164", "sshd: Failed password for root")
    assert record.envelope == "custom"
    assert record.shipper["custom"]["pipeline"] == EVENT["pipeline"]
    assert "customer" not in record.fields
    assert "Failed" not in json.dumps(record.shipper)


def test_with_metadata_fields_the_rest_is_columns():
    record = read(EVENT, message_field="data.raw.line", metadata_fields=["pipeline"])
    assert record.text == "sshd: Failed password for root"
    assert (record.fields["customer"], record.fields["depth"]) == ("acme", "3")
    assert record.shipper == {"custom": {"pipeline": EVENT["pipeline"]}}


def test_metadata_fields_alone_leave_the_object():
    record = read(EVENT, metadata_fields=["pipeline.id", "data.raw"])
    assert record.fields == {"pipeline.node": "n1", "customer": "acme", "depth": "3"}
    assert record.shipper == {"custom": {"pipeline.id": "p-7", "data.raw": EVENT["data.raw"]}}


def test_objects_without_the_fields_are_read_as_ever():
    plain = {"level": "info", "msg": "ready"}
    for settings in ({"message_field": "data.raw.line"}, {"metadata_fields": ["pipeline"]}):
        record = read(plain, **settings)
        assert record.envelope == ""
        assert record.fields == plain
    for odd in ({"data": 7}, {"data": {"raw": []}}, {"data": {"raw": {"line": None}}}):
        assert read(odd, message_field="data.raw.line").envelope == ""


def test_it_is_asked_before_shippers_and_theirs_inside_it_still_are():
    docker = {"log": "ready\n", "stream": "stdout", "time": "2025-11-25T10:00:00Z"}
    record = read({"wrapped": docker, "team": "x"}, message_field="wrapped")
    assert record.envelope == "custom/docker"
    assert record.text == "ready"
    assert read(docker, message_field="stream").text == "stdout"


def test_otlp_keeps_its_service_inside_a_described_shipper():
    otlp = {
        "resourceLogs": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]},
                "scopeLogs": [{"logRecords": [{"body": {"stringValue": "priced"}}]}],
            }
        ]
    }
    record = read({"wrapped": json.dumps(otlp), "team": "x"}, message_field="wrapped")
    assert (record.text, record.fields[SERVICE], record.envelope) == ("priced", "cart", "custom/otlp")


def test_none_undoes_what_the_settings_describe_only():
    docker = {"log": "ready\n", "stream": "stdout", "time": "2025-11-25T10:00:00Z"}
    assert read(docker, envelope="none").envelope == ""
    assert read({"wrapped": docker}, envelope="none", message_field="wrapped").envelope == "custom"


def test_a_named_envelope_is_undone_in_a_compressed_value_too():
    import gzip

    docker = json.dumps({"log": "ready\n", "stream": "stdout", "time": "2025-11-25T10:00:00Z"}).encode()
    (record,) = Reader(ReadingSettings(envelope="docker")).read(gzip.compress(docker))
    assert record.envelope == "gzip/docker"
    (record,) = Reader(ReadingSettings(envelope="gelf")).read(docker)
    assert record.envelope == ""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"envelope": "filebeats"},
            "envelope: there is no envelope 'filebeats'; did you mean filebeat",
        ),
        ({"envelope": "OTLP"}, "did you mean otlp?"),
        ({"envelope": "qqqqqqq"}, "known are auto, none, "),
        ({"message_field": "a..b"}, "message_field: expected a dotted path"),
        ({"metadata_fields": ["a", ""]}, "metadata_fields: expected a dotted path"),
    ],
)
def test_settings_that_can_not_be_meant_are_refused(values, message):
    with pytest.raises(SettingsError, match=r"envelope|_field") as failure:
        validated(ReadingSettings, values)
    assert message in str(failure.value)
    assert len(str(failure.value).splitlines()) == 1


def test_every_known_envelope_is_a_setting():
    known = known_envelopes()
    assert {"auto", "none", "otlp", "gzip", "zstd", "msgpack", "confluent", "filebeat"} <= set(known)
    for name in known:
        assert ReadingSettings(envelope=name).envelope == name
