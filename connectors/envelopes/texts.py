"""Lines of text: what compiled code knows of them for sure, and what is left to the plain way."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.envelopes.collecting import Buffer, Lines, Spans
from connectors.envelopes.envelope import Inner
from connectors.envelopes.objects import Objects
from connectors.envelopes.unread import Unread
from connectors.formats.clock import Clock
from connectors.formats.rows import Rows, taken
from connectors.formats.text_scan import scan_texts
from connectors.records import Record


class Rest(NamedTuple):
    """What is left to the plain way, and what came of it."""

    lines: list[tuple[int, int, Unread]]
    """With message and index."""
    records: dict[tuple[int, int], Record]
    """By message and index."""
    failed: dict[tuple[int, int], Exception]


class Texts(NamedTuple):
    """n lines of text."""

    spans: Spans
    rows: Rows
    known: NDArray[np.bool_]
    """Whether it is known what a row says, (n,); what is not is left."""

    def take(self, lines: Lines, objects: Objects) -> None:
        """Takes those that are known."""
        some = np.flatnonzero(self.known)
        own, arounds = taken(self.rows, some), self.spans.arounds[some]
        own = own._replace(
            times=np.where(np.isnan(own.times), self.spans.times[some], own.times),
            severities=objects.severities(own.severities, arounds),
        )
        lines.take(self.spans.lines[some], own)

    def leave(
        self, those: NDArray[np.bool_], buffer: Buffer, lines: Lines, objects: Objects, rest: Rest
    ) -> None:
        """Leaves some to the plain way."""
        for place in np.flatnonzero(those).tolist():
            number = int(self.spans.lines[place])
            unread = _unread(text_of(buffer, self.spans, place), self.spans, place, objects)
            rest.lines.append((int(lines.messages[number]), int(lines.indexes[number]), unread))


def read_texts(
    buffer: Buffer, spans: Spans, objects: Objects, clock: Clock, streams: Collection[str]
) -> Texts:
    """Reads lines of text. streams: those of which header lines named the columns."""
    data = buffer.array[: buffer.used]
    rows, more = scan_texts(data, spans.begins, spans.ends, objects.plans.layouts, clock)
    buffer.add(more)
    known = (rows.layouts >= 0) & ~objects.adds_columns(spans.arounds)
    if streams:
        named = [around.inner.stream in streams for around in objects.arounds]
        known &= ~np.array([*named, "" in streams])[spans.arounds]
    return Texts(spans, rows, known)


def _unread(line: str, spans: Spans, place: int, objects: Objects) -> Unread:
    """A line of text as the plain way has it, the shipper's word aside."""
    if spans.arounds[place] < 0:
        return Unread(line, None, "")
    around, time = objects.arounds[spans.arounds[place]], float(spans.times[place])
    said = around.inner
    stated = None if np.isnan(time) else time
    inner = Inner(line, stated, said.severity, said.columns, stream=said.stream)
    return Unread(line, inner, around.names)


def text_of(buffer: Buffer, spans: Spans, place: int) -> str:
    """One of the spans as text."""
    return buffer.array[spans.begins[place] : spans.ends[place]].tobytes().decode()
