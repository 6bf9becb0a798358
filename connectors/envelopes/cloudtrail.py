"""AWS CloudTrail: a file's ``Records``, and one event by itself as EventBridge and CloudWatch pass it on."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.passing import Passing
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import misplaced
from connectors.records import WARN

_EVENT = frozenset({"eventVersion", "eventSource", "eventName", "eventTime"})
_KEPT_APART = (
    *("eventVersion", "eventTime", "eventID", "requestID", "sharedEventID", "apiVersion", "eventCategory"),
    *("managementEvent", "recipientAccountId"),
)
_FIRST = ("eventName", "eventSource", "errorCode", "awsRegion")
"""What was called, and whether it failed, tells calls apart: it comes before who called."""


class CloudTrail:
    """API calls, one line each."""

    name = "cloudtrail"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names == {"Records"} or names >= _EVENT

    def passing(self, event: dict[str, Any]) -> Passing | None:
        """All of a call but its time and whether it failed."""
        return (
            None
            if "Records" in event
            else Passing(time=("eventTime",), content=((),), kept=(("errorCode",),))
        )

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The calls in order; S3's and SNS's ``Records`` are none."""
        records = event.get("Records")
        if records is None:
            return [_call(event)] if type(event.get("eventName")) is str else None
        if type(records) is not list:
            return None
        if records and not any(type(item) is dict and item.keys() >= _EVENT for item in records):
            return None
        return [
            _call(item) if type(item) is dict else misplaced(item, "CloudTrail Records") for item in records
        ]


def _call(event: dict[str, Any]) -> Inner:
    line = {name: event[name] for name in _FIRST if name in event}
    line |= event
    shipper = {name: line.pop(name) for name in _KEPT_APART if name in line}
    time = seconds(event.get("eventTime"))
    if time is None and "eventTime" in event:
        line["eventTime"] = event["eventTime"]
    return Inner(
        line,
        time=time,
        severity=WARN if event.get("errorCode") else 0,
        shipper={"cloudtrail": shipper},
    )
