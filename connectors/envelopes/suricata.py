"""Suricata: records of EVE JSON."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import only, word
from connectors.records import ERROR, HOST, INFO, SERVICE, WARN

_SIGNATURE = frozenset({"timestamp", "event_type"})
_BESIDE = frozenset({"flow_id", "pcap_cnt", "in_iface", "stats"})
_KEPT_APART = frozenset(
    {
        "timestamp",
        "flow_id",
        "parent_id",
        "pcap_cnt",
        "pcap_filename",
        "tx_id",
        "in_iface",
        "community_id",
        "host",
    }
    | {"payload", "payload_printable", "packet", "packet_info", "stream", "http_body", "http_body_printable"}
)
_PRIORITIES = {1: ERROR, 2: WARN, 3: INFO}
"""Of an alert's own severity, 1 the highest."""


class Suricata:
    """One EVE event of any type. Ids of flows, packets and payloads are kept apart, ``flow_id`` as a column."""

    name = "suricata"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names >= _SIGNATURE and not names.isdisjoint(_BESIDE)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The event's members as a line, its type first."""
        time = seconds(event.get("timestamp"))
        kind = event.get("event_type")
        if time is None or type(kind) is not str:
            return None
        line: dict[str, Any] = {"event_type": kind}
        for name, value in event.items():
            if name not in _KEPT_APART:
                line[name] = value
        alert = event.get("alert")
        priority = alert.get("severity") if type(alert) is dict else None
        columns = {SERVICE: "suricata"}
        if host := word(event.get("host")):
            columns[HOST] = host
        if flow := word(event.get("flow_id")):
            columns["flow_id"] = flow
        return [
            Inner(
                line,
                time=time,
                severity=_PRIORITIES.get(priority, INFO) if type(priority) is int else 0,
                columns=columns,
                shipper={"suricata": only(event, _KEPT_APART)},
            )
        ]
