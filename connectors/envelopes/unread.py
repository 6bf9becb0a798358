"""A line whose envelopes are undone, and what these add to its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from connectors import formats
from connectors.envelopes.envelope import Inner
from connectors.records import ORIGIN, Record

_PLACES = frozenset(ORIGIN)


class Unread(NamedTuple):
    """A line whose envelopes are undone, not parsed yet."""

    line: str | dict[str, Any]
    around: Inner | None
    """What the envelopes said together, the inner ones first; None without one."""
    envelope: str
    """Their names, the outermost first."""
    text: str | None = None
    """An object's text, as it came."""


def within(inner: Inner, around: Inner) -> Inner:
    """An inner envelope's word with what those around it said: the inner one's counts where both say something."""
    outer, own = around.shipper, inner.shipper
    return Inner(
        inner.line,
        around.time if inner.time is None else inner.time,
        inner.severity or around.severity,
        {**around.columns, **inner.columns},
        {**outer, **own} if outer is not None and own is not None else own if outer is None else outer,
        inner.program or around.program,
        inner.error or around.error,
        f"{around.stream} {inner.stream}"
        if around.stream and inner.stream
        else inner.stream or around.stream,
        inner.partial or around.partial,
    )


def add_around(record: Record, line: str | Mapping[str, Any], around: Inner | None, envelope: str) -> None:
    """Adds to a line's record what its envelopes said and it does not say itself."""
    record.line, record.envelope = line, envelope
    if around is None:
        return
    record.shipper = around.shipper
    if record.time is None:
        record.time = around.time
    if not record.severity:
        record.severity = around.severity
    if around.program is not None:
        formats.add_program(record, around.program)
    columns, fields = around.columns, record.fields
    if columns:
        given = []
        for name in columns:
            if name not in fields:
                fields[name] = columns[name]
                if name in _PLACES:
                    given.append(name)
        record.given = tuple(given)
