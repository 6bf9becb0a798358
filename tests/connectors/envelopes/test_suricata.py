"""Suricata's EVE records. All messages are made up."""

import pytest

from connectors.records import ERROR, HOST, INFO, SERVICE, WARN
from tests.connectors.envelopes.messages import is_plain, read_one

ALERT = {
    "timestamp": "2026-11-25T10:00:00.250000+0000",
    "flow_id": 4711471147114711,
    "in_iface": "eth0",
    "src_ip": "192.0.2.6",
    "event_type": "alert",
    "dest_ip": "198.51.100.4",
    "dest_port": 80,
    "proto": "TCP",
    "tx_id": 3,
    "payload": "R0VUIC8=",
    "alert": {"action": "allowed", "signature": "LOCAL odd agent", "category": "Misc", "severity": 2},
}


def test_the_type_comes_first_and_ids_and_payload_stay_out():
    record = read_one(ALERT)
    assert record.text == (
        "event_type=alert src_ip=192.0.2.6 dest_ip=198.51.100.4 dest_port=80 proto=TCP action=allowed"
        " signature=LOCAL odd agent category=Misc severity=2"
    )
    assert record.time == 1795600800.25
    assert record.fields["flow_id"] == "4711471147114711"
    assert "payload" not in record.fields
    assert record.shipper["suricata"]["payload"] == "R0VUIC8="
    assert (record.envelope, record.fields[SERVICE]) == ("suricata", "suricata")


@pytest.mark.parametrize(("priority", "severity"), [(1, ERROR), (2, WARN), (3, INFO), (4, INFO)])
def test_severity_of_an_alert(priority, severity):
    assert read_one({**ALERT, "alert": {"severity": priority}}).severity == severity


def test_statistics_are_events_too():
    record = read_one(
        {"timestamp": ALERT["timestamp"], "event_type": "stats", "stats": {"uptime": 9}, "host": "s1"}
    )
    assert (record.text, record.fields[HOST]) == ("event_type=stats uptime=9", "s1")


@pytest.mark.parametrize(
    "event",
    [
        {"timestamp": "2026-11-25T10:00:00Z", "event_type": "login", "user": "amy"},
        {"timestamp": "never", "event_type": "alert", "flow_id": 4},
        {"timestamp": "2026-11-25T10:00:00Z", "event_type": 4, "flow_id": 4},
        {"event_type": "alert", "flow_id": 4},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
