"""Labeled Tab-separated Values: ``label:value`` pairs with a tab between them."""

from __future__ import annotations

import re

from connectors.formats.clock import UTC, Clock
from connectors.formats.pairs import MAX_FIELDS, render
from connectors.formats.severity import severity_of_fields, severity_of_status
from connectors.formats.structured import event_time
from connectors.formats.times import parse_time
from connectors.records import UNSTATED, Record

MIN_PAIRS = 3

_LABEL = re.compile(r"[0-9A-Za-z_.-]{1,64}").fullmatch
_FIRST = re.compile(r"[0-9A-Za-z_.-]{1,64}:[^\t]*\t").match
_QUERY_VALUE = re.compile(r"=[^&\s]*")
_REQUEST = ("req", "uri")
# Labels of ltsv.org that are new in nearly every request.
_UNSHOWN = frozenset(
    (
        *(
            "host",
            "forwardedfor",
            "user",
            "ident",
            "size",
            "reqsize",
            "reqtime",
            "reqtime_microsec",
            "apptime",
        ),
        *("taken", "cache", "runtime", "time"),
    )
)


def parse_ltsv(line: str, clock: Clock = UTC, *, time: float | None = None) -> Record | None:
    """The record of a line of three or more labelled values and nothing else; None for any other line.

    time: epoch seconds, used when no label states one. Of a request the text has the names of its query, not the
    values, nor the client and the sizes.
    """
    if not _FIRST(line) or line.count("\t") < MIN_PAIRS - 1:
        return None
    fields: dict[str, str] = {}
    parts = line.split("\t")
    for part in parts:
        label, separator, value = part.partition(":")
        if not separator or not _LABEL(label):
            return None
        if value and value != "-" and len(fields) < MAX_FIELDS:
            fields.setdefault(label, value)
    shown = fields
    request = next((name for name in _REQUEST if name in fields), None)
    if request is not None:
        shown = {name: value for name, value in fields.items() if name not in _UNSHOWN}
        shown[request] = _QUERY_VALUE.sub("=", fields[request])
    return Record(
        text=render(shown or fields),
        format="ltsv",
        fields=fields,
        time=_time(fields, time, clock),
        severity=_severity(fields),
    )


def _time(fields: dict[str, str], time: float | None, clock: Clock) -> float | None:
    """The record's own, which may be in brackets as in an access line."""
    stated = fields.get("time", "")
    own = parse_time(stated.strip("[]"), clock) if stated else None
    if own is None:
        own = event_time(fields)
    return time if own is None else own


def _severity(fields: dict[str, str]) -> int:
    """Of its level, else of the status of a request."""
    if stated := severity_of_fields(fields):
        return stated
    status = fields.get("status", "")
    return severity_of_status(status) if len(status) == 3 and status.isdigit() else UNSTATED
