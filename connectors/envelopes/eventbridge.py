"""AWS EventBridge: events of AWS services, GuardDuty's findings among them."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import only
from connectors.records import ERROR, INFO, WARN

_SIGNATURE = frozenset({"detail-type", "detail", "source", "account"})
_KEPT_APART = frozenset({"version", "id", "account", "time", "region", "resources"})


class EventBridge:
    """One event: its type and source come first, then its ``detail``. A CloudTrail call is read as that."""

    name = "eventbridge"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names >= _SIGNATURE

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The event as a line."""
        detail = event.get("detail")
        if type(detail) is not dict:
            return None
        is_call = "eventName" in detail and "eventVersion" in detail
        return [
            Inner(
                detail
                if is_call
                else {"detail-type": event["detail-type"], "source": event["source"], "detail": detail},
                time=seconds(event.get("time")),
                severity=_finding(detail.get("severity")) if event.get("source") == "aws.guardduty" else 0,
                shipper={"eventbridge": only(event, _KEPT_APART)},
            )
        ]


def _finding(severity: Any) -> int:
    """OpenTelemetry's number of GuardDuty's severity: 7 and more is high, 4 and more is medium."""
    if type(severity) not in (int, float):
        return 0
    return ERROR if severity >= 7 else WARN if severity >= 4 else INFO
