"""How structured fields become the text that the encoder reads: ``key=value`` without volatile values.

A value that is new in nearly every line (a time, an identifier, a counter) makes equal lines look
different, so it stays in ``Record.fields`` and out of ``Record.text``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

MAX_FIELDS = 200
MAX_VALUE = 256
"""Longest value in the text, in characters; ``Record.fields`` keeps the whole."""

# Normalised (lower case, letters and digits only). The event's own time, best known names.
_EVENT_TIME_KEYS = frozenset(
    {"time", "timestamp", "ts", "rt", "date", "datetime", "isotimestamp", "logtime", "localtime", "asctime"}
    | {"eventtime", "eventtimestamp", "utctime", "unixtime", "calendartime", "systemtime", "devtime"}
    | {"timecreated", "timegenerated", "timegeneratedutc", "creationtime", "createdatetime", "published"}
)
_OTHER_TIME_KEYS = frozenset(
    {"starttime", "endtime", "createdat", "updatedat", "creationdate", "publishdate", "lastupdated"}
    | {"receivedtime", "receipttime", "devicereceipttime", "eventreceivedtime", "ingesttime"}
    | {"ingestiontime", "expirationdate"}
)

_VOLATILE = re.compile(
    r"[+-]?[0-9]{5,}"
    r"|(?:0[xX])?[0-9a-fA-F]{16,}"
    r"|\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}[0-9:.,]*(?: ?(?:Z|UTC|[+-][0-9:]{2,6}))?)?"
    # The two other spellings that CEF allows and spreadsheets export.
    r"|[A-Z][a-z]{2} [0-9]{1,2} [0-9]{4} [0-9:.]{8,15}(?: [A-Z]{3,4})?"
    r"|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4},? [0-9:.]{7,15}(?: [AP]M)?"
)
_SHORTEST_VOLATILE = 5


Leaves = dict[str, "str | list[str]"]
"""Fields under their dotted names; a list where one name has several values."""


def add_leaf(leaves: Leaves, name: str, value: str) -> None:
    """Set a field unless there are ``MAX_FIELDS``; further values under one name make it a list.

    Lists are joined once at the end: appending to strings would be quadratic for a hostile line.
    """
    known = leaves.get(name)
    if known is None:
        if len(leaves) < MAX_FIELDS:
            leaves[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        leaves[name] = [known, value]


def joined(leaves: Leaves) -> dict[str, str]:
    """The fields of a record: every leaf as one string, lists joined by ``,``."""
    return {name: leaf if isinstance(leaf, str) else ",".join(leaf) for name, leaf in leaves.items()}


def is_volatile(value: str) -> bool:
    """True for times, UUIDs, hex of 16 digits or more and integers of 5 digits or more."""
    return len(value) >= _SHORTEST_VOLATILE and _VOLATILE.fullmatch(value) is not None


def short_key(name: str) -> str:
    """The last dotted component, ``type`` of ``userIdentity.type``."""
    return name.rpartition(".")[2] or name


def is_event_time(name: str) -> bool:
    """True when the key says that its value is the time of the event."""
    return _key(name)[1]


def render(fields: Mapping[str, str | list[str]]) -> str:
    """``key=value`` pairs in the order of ``fields``, volatile and empty values left out.

    When nothing is left the names alone are given, which still tell one kind of record from another.
    """
    parts = []
    for name, value in fields.items():
        key, _, is_time = _key(name)
        if is_time or not value:
            continue
        if isinstance(value, list):
            value = ",".join([item for item in value if item and not is_volatile(item)])
            if not value:
                continue
        elif is_volatile(value):
            continue
        parts.append(f"{key}={value[:MAX_VALUE]}")
    return " ".join(parts) or " ".join([f"{short_key(name)}=" for name in fields])


def _key(name: str) -> tuple[str, bool, bool]:
    """Short key, whether it names the event's time, whether it names any time."""
    # Long names are not worth remembering, and a sender could fill the memory with them.
    return _known_key(name) if len(name) <= 128 else (short_key(name), False, False)


@lru_cache(maxsize=8192)
def _known_key(name: str) -> tuple[str, bool, bool]:
    key = short_key(name)
    normalised = re.sub(r"[^a-z0-9]", "", key.lower())
    event = normalised in _EVENT_TIME_KEYS
    return key, event, event or normalised in _OTHER_TIME_KEYS or normalised.endswith("timestamp")
