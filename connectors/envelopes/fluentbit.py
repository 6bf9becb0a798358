"""Fluent Bit's ``kafka`` output: a record of any input, with the time under ``timestamp_key``."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.passing import Passing
from connectors.envelopes.paths import add_columns, string, text
from connectors.envelopes.pods import PodNames, add_pod, paths_of
from connectors.envelopes.programs import without_header
from connectors.envelopes.stamps import seconds
from connectors.formats.severity import SYSLOG
from connectors.records import HOST, PID

POD = PodNames("namespace_name", "pod_name", "container_name", "host", "labels")
TIMES = ("@timestamp", "date", "time", "timestamp")
"""Where the time is: what the output calls it by default, what others call it, what parsers of containers' lines do."""
MESSAGES = ("log", "message", "MESSAGE")
METADATA = frozenset(
    {"kubernetes", "stream", "logtag", "_p", "tag", "docker", "file", "filename", "filePath"}
)
_BESIDE = METADATA.union(TIMES)
_STREAM = (("kubernetes", POD.pod), ("filename",), ("file",), ("filePath",))
_TAIL = frozenset(
    {"log", "@timestamp", "date", "time", "stream", "logtag", "_p", "filename", "file", "filePath"}
)
_HEADER = frozenset(
    {"host", "ident", "pid", "pri", "msgid", "extradata", "message", "source_host", *TIMES, *METADATA}
)
"""Members that the parsers of syslog lines set."""


class FluentBit:
    """A record with Kubernetes metadata, or a line that the tail input read."""

    name = "fluentbit"

    def matches(self, names: frozenset[str]) -> bool:
        """A time beside Kubernetes metadata, a syslog header, or a line and nothing else that is content."""
        if names.isdisjoint(("@timestamp", "date")) or "docker" in names:
            return False
        if "kubernetes" in names:
            return True
        return ("log" in names and names <= _TAIL) or is_syslog(names)

    def passing(self, event: dict[str, Any]) -> Passing | None:
        """A line as it was read."""
        stamp = next((name for name in TIMES if name in event), None)
        if "log" not in event or stamp is None or ("kubernetes" not in event and stamp not in TIMES[:2]):
            return None
        return Passing(
            ("log",),
            strips=True,
            time=(stamp,),
            beside=(("kubernetes",),),
            kept=paths_of(POD),
            stream=_STREAM,
        )

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """One line; what a parser took apart is an object when the line itself was not kept."""
        if "kubernetes" in event:
            return container_line(self.name, event)
        stamp = event.get("@timestamp", event.get("date"))
        if type(stamp) not in (int, float) and "logtag" not in event and "_p" not in event:
            return None  # an application's time is text
        moment = seconds(stamp)
        if moment is None:
            return None
        if "log" not in event:
            return syslog_line(self.name, event, moment)
        return [plain_line(self.name, event, moment)]


def is_syslog(names: frozenset[str]) -> bool:
    """Whether a record has the members of a parsed syslog line, and no others."""
    return names.issuperset(("ident", "message", "host")) and names <= _HEADER


def container_line(name: str, event: dict[str, Any]) -> list[Inner] | None:
    """The line of a container in a pod; None when the pod is not named as the Fluent family names it."""
    pod = event["kubernetes"]
    if type(pod) is not dict or not (type(pod.get("pod_name")) is str or "namespace_name" in pod):
        return None
    columns: dict[str, str] = {}
    stream = f"{add_pod(columns, pod, POD)} {event.get('stream')}"
    moment = time_of(event)
    log = event.get("log")
    if type(log) is str:
        shipper = event.copy()
        del shipper["log"]
        if not _BESIDE.issuperset(shipper):
            add_columns(columns, event, [key for key in shipper if key not in _BESIDE])
        line = log.rstrip("\r\n")
        return [Inner(line, moment, 0, columns, {name: shipper}, None, None, stream, is_partial(event))]
    content = {key: value for key, value in event.items() if key not in _BESIDE}
    shipper = {key: value for key, value in event.items() if key in _BESIDE}
    only = next(iter(content), "")
    if len(content) == 1 and only in MESSAGES and type(content[only]) is str:
        line = content[only].rstrip("\r\n")
        return [Inner(line, moment, 0, columns, {name: shipper}, None, None, stream, is_partial(event))]
    return [Inner(content or "", moment, 0, columns, {name: shipper}, stream=stream)]


def plain_line(name: str, event: dict[str, Any], moment: float | None) -> Inner:
    """A line of a file: no one says which, unless the input was told to."""
    shipper = event.copy()
    line = text(shipper.pop("log")).rstrip("\r\n")
    stream = f"{string(event, 'filename', 'file', 'filePath')} {string(event, 'stream')}"
    return Inner(line, moment, 0, {}, {name: shipper}, None, None, stream, is_partial(event))


def syslog_line(name: str, event: dict[str, Any], moment: float | None) -> list[Inner]:
    """A line of syslog that an input or parser took apart."""
    program = string(event, "ident")
    columns = {}
    for column, value in ((HOST, string(event, "host")), (PID, text(event.get("pid")))):
        if value:
            columns[column] = value
    priority = text(event.get("pri"))
    severity = SYSLOG[int(priority) % 8] if priority.isdecimal() and len(priority) <= 3 else 0
    shipper = event.copy()
    line = without_header(text(shipper.pop("message")), program)
    return [
        Inner(line, moment, severity, columns, {name: shipper}, program or None, stream=columns.get(HOST, ""))
    ]


def time_of(event: dict[str, Any]) -> float | None:
    """The time under the first of the usual names, else under the first member, where the output puts it."""
    for name in TIMES:
        if name in event:
            return seconds(event[name])
    return seconds(next(iter(event.values())))


def is_partial(event: dict[str, Any]) -> bool:
    """Whether a runtime's tag says that the line goes on."""
    tag = event.get("logtag") or event.get("_p")
    return type(tag) is str and tag[:1] == "P"
