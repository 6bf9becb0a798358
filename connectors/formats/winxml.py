"""Windows events as XML, as the event log renders them and forwarders send them."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, ParseError, fromstring

from connectors.formats.pairs import Leaves, add_leaf, joined, render
from connectors.formats.text import parse_raw
from connectors.formats.times import parse_time
from connectors.records import DEBUG, ERROR, FATAL, HOST, INFO, LEVEL, PID, UNSTATED, WARN, Record

BEGINS = ("<Event ", "<Event>", "<?xml")
"""What such an event begins with."""
LONGEST = 256 << 10
"""Characters of an event that takes a tree of its elements; Windows writes 64 kilobytes at most."""

# The root follows at once: a document type, whose entities could grow without end, has no place before it.
_ROOT = re.compile(r"(?:<\?xml[^<>]{0,200}\?>\s{0,100})?<Event[\s>]").match
_NAME = r"""['"]([^'"<>]*)['"]"""
# The order in which Windows itself writes an event without its rendered message.
_SYSTEM_PART = re.compile(
    r"""<Event(?: xmlns=['"][^'"<>]*['"])?>\s*<System>\s*"""
    rf"<Provider Name={_NAME}(?: Guid={_NAME})?(?: EventSourceName={_NAME})?\s?/>\s*"
    rf"<EventID(?: Qualifiers={_NAME})?>([0-9]+)</EventID>\s*<Version>([0-9]+)</Version>\s*<Level>([0-9]+)</Level>\s*"
    r"<Task>([0-9]+)</Task>\s*<Opcode>([0-9]+)</Opcode>\s*<Keywords>(0x[0-9a-fA-F]+)</Keywords>\s*"
    rf"<TimeCreated SystemTime={_NAME}\s?/>\s*<EventRecordID>([0-9]+)</EventRecordID>\s*"
    rf"<Correlation(?: ActivityID={_NAME})?(?: RelatedActivityID={_NAME})?\s?/>\s*"
    rf"<Execution ProcessID={_NAME} ThreadID={_NAME}\s?/>\s*<Channel>([^<]*)</Channel>\s*"
    rf"<Computer>([^<]*)</Computer>\s*<Security(?: UserID={_NAME})?\s?/>\s*</System>\s*"
)
_COLUMNS = (
    *(
        "Provider",
        "",
        "EventSourceName",
        "Qualifiers",
        "EventID",
        "Version",
        "Level",
        "Task",
        "Opcode",
        "Keywords",
    ),
    *("SystemTime", "EventRecordID", "ActivityID", "", PID, "ThreadID", "Channel", HOST, "UserID"),
)
"""Of the parts above; empty for those that are left out."""
_DATA = rf"<Data(?: Name={_NAME})?\s?(?:/>|>([^<]*)</Data>)"
_EACH_DATA = re.compile(_DATA)
_DATA_PART = re.compile(rf"<EventData>(?:\s*{_DATA})*\s*</EventData>\s*</Event>\s*")
_NAMESPACE = re.compile(r"""\sxmlns\s?=\s?(?:'[^'<>]*'|"[^"<>]*")""")
_LEVELS = {"1": "Critical", "2": "Error", "3": "Warning", "4": "Information", "5": "Verbose"}
_SEVERITIES = {"1": FATAL, "2": ERROR, "3": WARN, "4": INFO, "5": DEBUG}
_KEYWORDS = re.compile(r"0x[0-9a-fA-F]{1,16}").fullmatch
_AUDIT_FAILURE = 0x10000000000000
_AUDIT_SUCCESS = 0x20000000000000

_SYSTEM = {
    "EventID": "EventID",
    "Channel": "Channel",
    "Computer": HOST,
    "Task": "Task",
    "Opcode": "Opcode",
    "Keywords": "Keywords",
    "EventRecordID": "EventRecordID",
    "Version": "Version",
    "Level": "Level",
}
"""Elements of ``System`` with a text, and their columns."""
_ATTRIBUTES = {
    ("Provider", "Name"): "Provider",
    ("Provider", "EventSourceName"): "EventSourceName",
    ("EventID", "Qualifiers"): "Qualifiers",
    ("TimeCreated", "SystemTime"): "SystemTime",
    ("Correlation", "ActivityID"): "ActivityID",
    ("Execution", "ProcessID"): PID,
    ("Execution", "ThreadID"): "ThreadID",
    ("Security", "UserID"): "UserID",
}
_SHOWN = ("Provider", "EventID", "Channel")


def parse_winxml(line: str) -> Record | None:
    """The record of one event; None for what begins in no such way, raw with ``parse_error`` for XML that is broken.

    Columns have the names of Windows: ``Provider``, ``EventID``, ``Channel``, those of the event's data as they are
    (``TargetUserName``), data without a name together as ``Data``; ``Data.EventID`` when an event's own data has
    such a name. The computer is ``host.name``, the process that logged ``process.pid``. ``message`` is the first
    line of the rendered message, when the sender rendered one.
    """
    if "&" not in line and (system := _SYSTEM_PART.match(line)) and _DATA_PART.fullmatch(line, system.end()):
        fields = {
            name: value for name, value in zip(_COLUMNS, system.groups(), strict=True) if value and name
        }
        leaves: Leaves = {}
        for name, value in _EACH_DATA.findall(line, system.end()):
            add_leaf(leaves, name or "Data", value.strip())
        return _record(fields, leaves, "")
    if not _ROOT(line):
        return None
    if len(line) > LONGEST:
        return parse_raw(
            line, error=f"invalid event XML: {len(line)} characters, an event has at most {LONGEST}"
        )
    try:
        root = fromstring(_NAMESPACE.sub("", line))
    except ParseError as error:
        return parse_raw(line, error=f"invalid event XML: {error}")
    part = root.find("System")
    if part is None:
        return parse_raw(line, error="invalid event XML: no System element")
    return _record(_system(part), _data(root), (root.findtext("RenderingInfo/Message") or "").strip())


def _record(fields: dict[str, str], leaves: Leaves, rendered: str) -> Record:
    level = fields.pop("Level", "")
    if level in _LEVELS:
        fields[LEVEL] = _LEVELS[level]
    shown = {name: fields[name] for name in _SHOWN if name in fields}
    for name, value in joined(leaves).items():
        name = f"Data.{name}" if name in fields else name
        fields[name] = value
        if value not in ("", "-"):
            shown[name] = value
    message = rendered.partition("\n")[0].strip()
    text = render(shown or fields)
    return Record(
        text=f"{text} {message}" if message else text,
        format="winxml",
        fields=fields,
        time=parse_time(fields.get("SystemTime", "")),
        severity=_severity(level, fields.get("Keywords", "")),
        message=message or None,
    )


def _system(system: Element) -> dict[str, str]:
    fields: dict[str, str] = {}
    for element in system:
        column = _SYSTEM.get(element.tag)
        if column is not None and element.text and (value := element.text.strip()):
            fields[column] = value
        for name, value in element.attrib.items():
            column = _ATTRIBUTES.get((element.tag, name))
            if column is not None and value:
                fields[column] = value
    return fields


def _data(root: Element) -> Leaves:
    """The values of ``EventData`` and ``UserData``."""
    leaves: Leaves = {}
    for part in root:
        if part.tag == "EventData":
            for element in part:
                add_leaf(leaves, element.get("Name") or element.tag, (element.text or "").strip())
        elif part.tag in ("UserData", "ProcessingErrorData", "DebugData"):
            for element in part.iter():
                value = (element.text or "").strip()
                if value and len(element) == 0:
                    add_leaf(leaves, element.get("Name") or element.tag.rpartition("}")[2], value)
    return leaves


def _severity(level: str, keywords: str) -> int:
    """By the level; an audit has none, its keywords say how it ended."""
    bits = int(keywords, 16) if _KEYWORDS(keywords) else 0
    if bits & _AUDIT_FAILURE:
        return WARN
    return _SEVERITIES.get(level, INFO if bits & _AUDIT_SUCCESS else UNSTATED)
