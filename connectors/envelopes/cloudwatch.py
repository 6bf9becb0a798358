"""AWS CloudWatch Logs: what a subscription delivers."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import misplaced, without, word
from connectors.records import SERVICE

_SIGNATURE = frozenset({"messageType", "logGroup", "logStream", "logEvents"})


class CloudWatch:
    """Events of one log stream. The group is the service that a line came from."""

    name = "cloudwatch"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names >= _SIGNATURE

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The events in order; none in a control message, which only tries whether the destination can be reached."""
        kind, events = event.get("messageType"), event.get("logEvents")
        if kind == "CONTROL_MESSAGE":
            return []
        if kind != "DATA_MESSAGE" or type(events) is not list:
            return None
        around = without(event, ("logEvents", "messageType"))
        group = word(event.get("logGroup"))
        columns = {SERVICE: group} if group else {}
        stream = f"{group} {word(event.get('logStream'))}"
        lines = []
        for item in events:
            message = item.get("message") if type(item) is dict else None
            if type(message) is not str and type(message) is not dict:
                lines.append(misplaced(item, "CloudWatch logEvents"))
                continue
            lines.append(
                Inner(
                    message.rstrip("\r\n") if type(message) is str else message,
                    time=seconds(item.get("timestamp")),
                    columns=columns,
                    shipper={"cloudwatch": {**around, **without(item, ("message", "timestamp"))}},
                    stream=stream,
                )
            )
        return lines
