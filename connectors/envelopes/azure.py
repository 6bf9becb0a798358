"""Azure Monitor: resource logs and activity logs as Event Hubs deliver them."""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import columns, misplaced, only, word
from connectors.records import CONTAINER, HOST, NAMESPACE

_BARE = frozenset({"time", "resourceId", "operationName", "category"})
_RESOURCES = ("resourceId", "ResourceId", "resourceID", "_ResourceId", "tenantId", "TenantId")
_TIMES = ("time", "timeStamp", "timestamp", "TimeGenerated")
_KEPT_APART = frozenset(
    {*_RESOURCES, "correlationId", "operationVersion", "level", "Level", "location", "durationMs"}
    | {"time", "timeStamp", "eventTimestamp", "TimeGenerated", "RoleLocation", "ReleaseVersion"}
    | {"SourceSystem", "MG", "_ItemId", "_SubscriptionId", "_TimeReceived", "_Internal_WorkspaceResourceId"}
)
_FIRST = ("category", "operationName", "resultType", "Type")
RESOURCE = "cloud.resource_id"
"""OpenTelemetry's name of the resource that a record is about."""


class Azure:
    """Records of resources: category and operation tell kinds apart and come first.

    A container's or an application's own line, where the record holds one, is read as that line.
    """

    name = "azure"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names == {"records"} or names >= _BARE

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The records in order."""
        records = event.get("records")
        if records is None:
            return [_record(event)] if type(event.get("resourceId")) is str else None
        if type(records) is not list or (records and not any(map(_is_record, records))):
            return None
        return [_record(item) if type(item) is dict else misplaced(item, "Azure records") for item in records]


def _is_record(item: Any) -> bool:
    return (
        type(item) is dict
        and any(name in item for name in _RESOURCES)
        and any(name in item for name in _TIMES)
    )


def _record(event: dict[str, Any]) -> Inner:
    if "SyslogMessage" in event:
        return Inner(event)  # an envelope of its own
    get = event.get
    time = seconds(get("time"))
    if time is None:
        time = next((found for name in _TIMES if (found := seconds(get(name))) is not None), None)
    resource = get("resourceId") or next((event[name] for name in _RESOURCES if name in event), None)
    where = {RESOURCE: resource}
    properties = get("properties")
    text = None
    if type(properties) is dict and type(properties.get("log")) is str:
        text = properties["log"]
        where |= {
            CONTAINER: properties.get("container") or properties.get("containerName"),
            NAMESPACE: get("ccpNamespace"),
            HOST: properties.get("pod"),
        }
    elif word(get("category")).startswith("AppService") and type(get("resultDescription")) is str:
        text = get("resultDescription")
        where |= {HOST: get("Host")}
    return Inner(
        _object(event) if text is None else text.rstrip("\r\n"),
        time=time,
        severity=_severity(get("level", get("Level"))),
        columns=columns(where),
        shipper={"azure": only(event, _KEPT_APART) if text is None else event},
    )


def _object(event: dict[str, Any]) -> dict[str, Any]:
    line = {name: event[name] for name in _FIRST if name in event}
    for name, value in event.items():
        if name not in _KEPT_APART:
            line[name] = value
    return line


_LEVELS = ("", "critical", "error", "warning", "informational", "verbose")
"""Of the numbers that some services write, 1 to 5."""


def _severity(level: Any) -> int:
    if type(level) is str and len(level) == 1 and "1" <= level <= "5":
        level = int(level)
    if type(level) is int:
        level = _LEVELS[level] if 1 <= level <= 5 else ""
    return levels.of_word(level)
