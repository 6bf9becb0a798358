"""Google Cloud Logging: a LogEntry as a sink through Pub/Sub delivers it."""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import columns, without
from connectors.records import CONTAINER, HOST, NAMESPACE, SERVICE

_PAYLOADS = frozenset({"textPayload", "jsonPayload", "protoPayload"})
_BESIDE = frozenset({"insertId", "resource"})
_FIRST = ("methodName", "serviceName", "status")
_SERVICES = ("service_name", "function_name", "job_name", "module_id", "service")
"""Labels of resources that name what the line came from, the most particular first."""


class CloudLogging:
    """One entry, told by ``logName`` beside one of the three payloads."""

    name = "gcp"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return "logName" in names and not names.isdisjoint(_PAYLOADS) and not names.isdisjoint(_BESIDE)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The payload as a line: text, an application's object, or an audited call with its method first."""
        get = event.get
        text, event_object, call = get("textPayload"), get("jsonPayload"), get("protoPayload")
        line: str | dict[str, Any]
        if type(text) is str:
            line = text.rstrip("\r\n")
        elif type(event_object) is dict:
            line = event_object
        elif type(call) is dict:
            line = {name: call[name] for name in _FIRST if name in call} | without(call, ("@type",))
        else:
            return None
        request = get("httpRequest")
        if type(request) is dict and type(line) is dict:
            line = {"httpRequest": request, **line}
        resource = get("resource")
        labels = resource.get("labels") if type(resource) is dict else None
        time = seconds(get("timestamp"))
        return [
            Inner(
                line,
                time=seconds(get("receiveTimestamp")) if time is None else time,
                severity=levels.of_word(get("severity")),
                columns=_origin(labels if type(labels) is dict else {}, call),
                shipper={"gcp": without(event, _PAYLOADS)},
                stream=str(get("logName")),
            )
        ]


def _origin(labels: dict[str, Any], call: Any) -> dict[str, str]:
    audited = call.get("serviceName") if type(call) is dict else None
    return columns(
        {
            HOST: labels.get("pod_name") or labels.get("node_name"),
            SERVICE: next((labels[name] for name in _SERVICES if name in labels), audited),
            NAMESPACE: labels.get("namespace_name"),
            CONTAINER: labels.get("container_name"),
        }
    )
