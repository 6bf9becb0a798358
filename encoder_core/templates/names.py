"""What the names of columns say: which tell the kind of a record, which hold free text, which are of no kind.

Names are compared without case and separators: ``event_type``, ``eventType`` and ``event.type`` are one name. Each
list begins with the names that say most.
"""

from __future__ import annotations

import re


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CODES = _words(
    """
    eventid eventcode signatureid deviceeventclassid eventsimplename mnemonic msgid messageid
    syscall ruleid logid
    """
)
"""Codes of events: numbers and words that say what happened, to whom knows whose they are."""
MAKERS = _words(
    """
    provider providername eventprovider sourcename eventsource channel product deviceproduct
    eventproduct vendor devicevendor facility servicename logname applicationname workload
    productcode
    """
)
"""Whose event it is."""
EVENTS = _words(
    """
    eventname eventaction event eventtype action actiontype actiontypename operation operationname
    operationtype op methodname activity activityname verb activitydisplayname metricname note
    method httpmethod requestmethod csmethod
    """
)
"""Words for what happened."""
CLASSES = _words(
    """
    type subtype eventsubtype category eventcategory recordtype messagetype alerttype logtype
    resource subresource objecttype resourcetype requesttype kind path usecase stage
    """
)
"""Words for the class of what happened."""
PROTOCOLS = _words("proto protocol appproto applicationprotocol transport qtypename")
"""Of flows, which have no other kind."""

ERROR_CODES = _words("errorcode resulttype resultcode")
"""Outcomes that may be numbers of any meaning."""
STATUSES = _words(
    """
    statuscode status httpstatus httpstatuscode scstatus responsecode responsestatuscode
    responsestatus
    """
)
"""Outcomes that may be HTTP's numbers."""
OUTCOMES = _words(
    """
    outcome result res success succeeded decision verdict disposition deviceaction act alertaction
    rcodename connstate validationstatus logstatus errortype exceptiontype errorkind reason state
    """
)
"""How it ended."""

MESSAGES = _words("message msg shortmessage log textpayload body event displaymessage")
"""Free text for people."""
TITLES = _words("signature rulename rule alertname alert title summary")
"""Short texts that name what happened."""
DESCRIPTIONS = _words("eventdescription description desc details detail output reason words")
"""Texts that describe it."""
ERRORS = _words("errormessage errmsg error err exceptionmessage exception")
"""Texts that say what went wrong."""

LEVELS = frozenset(
    {"level", "severity", "loglevel", "levelname", "lvl", "priority", "severitytext", "severitynumber"}
    | {"logseverity", "severitylabel", "levelvalue", "levelno", "syslogseverity"}
)
"""How bad it is: said of every line, structured or not, and no part of its kind."""
TIMES = frozenset(
    {"time", "timestamp", "ts", "rt", "date", "datetime", "isotimestamp", "logtime", "localtime", "asctime"}
    | {"eventtime", "eventtimestamp", "utctime", "unixtime", "calendartime", "systemtime", "timecreated"}
    | {"timegenerated", "creationtime", "starttime", "endtime", "createdat", "updatedat", "receivedtime"}
)
"""When it happened."""

_KINDS = LEVELS.union(TIMES, CODES, MAKERS, EVENTS, CLASSES, PROTOCOLS, ERROR_CODES, STATUSES, OUTCOMES)
_ROLES = _KINDS.union(MESSAGES, TITLES, DESCRIPTIONS, ERRORS)
_WRAPPERS = frozenset(
    {"event", "events", "data", "detail", "details", "properties", "payload", "protopayload", "jsonpayload"}
    | {
        "content",
        "outcome",
        "status",
        "alert",
        "http",
        "dns",
        "request",
        "response",
        "responsestatus",
        "rule",
    }
    | {"system", "winlog", "msg", "record", "log", "result", "objectref", "httprequest", "error", "exception"}
    | {"provider", "id"}
)
"""Objects whose members speak of the event itself and not of one of the things in it."""
_JOINED = frozenset(
    {"event", "error", "exception", "provider", "rule", "response", "responsestatus", "http", "alert"}
)
"""Those whose name is a part of their members'."""
_ALONE = frozenset({"title", "state", "kind", "path", "body", "words", "summary", "description"})
"""Names that say nothing of the event when they are inside an object."""
_MARKUP = re.compile(r"\.#(?:text|attributes)(?=\.|$)|\.value$|_[sdbgt]$")
"""What is in a name where XML became an object, a value has a label beside it, or a table adds its type."""
_SEPARATORS = re.compile(r"[^a-z0-9]")
_MOST_PARTS = 5
_LONGEST = 96


def key_of(name: str) -> str:
    """What a column's name is compared as; empty for the name of a thing inside the event.

    ``event_type`` and ``Event.Type`` are ``eventtype``, ``protoPayload.methodName`` is ``methodname``, and
    ``userIdentity.type`` is none.
    """
    if len(name) > _LONGEST:
        return ""
    parts = [_SEPARATORS.sub("", part) for part in _MARKUP.sub("", name).lower().split(".")]
    *parents, key = [part for part in parts if part] or [""]
    if not parents:
        return key
    if len(parents) >= _MOST_PARTS or not _WRAPPERS.issuperset(parents):
        return ""
    if parents[-1] in _JOINED and (joined := parents[-1] + key) in _ROLES:
        return joined
    return "" if key in _ALONE else key


SHOWN = {
    **dict.fromkeys(("eventid", "eventcode"), "EventID"),
    **dict.fromkeys(("provider", "providername", "eventprovider", "sourcename"), "Provider"),
    "channel": "Channel",
    **dict.fromkeys(("method", "httpmethod", "requestmethod", "csmethod"), "method"),
    **dict.fromkeys(
        ("statuscode", "httpstatus", "httpstatuscode", "scstatus", "responsestatuscode"), "status"
    ),
}
"""One name for what has many: the same event, by whatever shipper, has the same template."""


def shown(name: str, key: str) -> str:
    """A column's name in a template: the one that all such columns have, else its last part."""
    return SHOWN.get(key) or _MARKUP.sub("", name).rpartition(".")[2] or name
