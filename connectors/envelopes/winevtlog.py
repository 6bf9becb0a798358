"""Windows events as Fluent Bit's ``winevtlog`` input reads them.

The line is an object as Winlogbeat's is: the first line of the message, and the values that Windows put into
it, which have no names here.
"""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.paths import text
from connectors.envelopes.stamps import seconds
from connectors.envelopes.winlogbeat import add_message
from connectors.records import DEBUG, ERROR, FATAL, HOST, INFO, WARN

_SEVERITIES = {1: FATAL, 2: ERROR, 3: WARN, 4: INFO, 5: DEBUG}
"""By Windows' level; 0 says nothing."""
_AUDIT_FAILURE = 0x10_0000_0000_0000
"""The bit of ``Keywords`` that marks an audited failure."""


class WinEvtLog:
    """An event with the members that the input sets in every one."""

    name = "winevtlog"

    def matches(self, names: frozenset[str]) -> bool:
        """The names of an event's system part, flat, and the values of its message as a list."""
        return names.issuperset(("ProviderName", "EventID", "Channel", "Computer", "StringInserts"))

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The event as one line, an object."""
        line = {name: event[name] for name in ("ProviderName", "EventID", "Channel")}
        add_message(line, event.get("Message"))
        line["StringInserts"] = event["StringInserts"]
        computer = text(event["Computer"])
        shipper = {name: value for name, value in event.items() if name not in line and name != "Message"}
        stamp = event.get("@timestamp", event.get("date"))
        moment = seconds(event.get("TimeCreated")) if stamp is None else seconds(stamp)
        columns = {HOST: computer} if computer else {}
        return [Inner(line, moment, _severity(event), columns, {self.name: shipper}, stream=computer)]


def _severity(event: dict[str, Any]) -> int:
    """By the level; an audited failure is a warning at least."""
    level, keywords = event.get("Level"), text(event.get("Keywords"))
    severity = _SEVERITIES.get(level, 0) if type(level) is int else 0
    try:
        failed = len(keywords) <= 20 and int(keywords, 0) & _AUDIT_FAILURE
    except ValueError:
        return severity
    return max(severity, WARN) if failed else severity
