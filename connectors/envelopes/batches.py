"""Many messages at once: objects whose like was undone before are not taken apart again.

What is learned of an object holds for all objects with the same names and types (its shape) and, when an envelope looks
at more than that, with the same values around the line (its context). Both are known by keyed hashes. All else is left
to the plain way, which says what is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
import orjson

from connectors.envelopes.compiled import unescaped
from connectors.envelopes.envelope import Inner
from connectors.envelopes.known import Around, Holder, Known, Memory
from connectors.envelopes.late import LateRecord
from connectors.envelopes.otlp import OtlpJson
from connectors.envelopes.otlp_batch import HeldRecords, Records
from connectors.envelopes.planning import Columns, Undone
from connectors.envelopes.spans import Spans
from connectors.envelopes.split import BEGINS
from connectors.envelopes.unread import Late, Unread
from connectors.formats.clock import clock_of
from connectors.formats.json_bytes import ESCAPED, REAL
from connectors.formats.times import parse_time
from connectors.records import INFO

if TYPE_CHECKING:
    from connectors.envelopes.reading import Reader

LONGEST = 65_536
"""Bytes of a message that is read here."""
LONGEST_LINE = 16_000
"""Bytes of text that an envelope holds, escapes included: a runtime cuts longer lines in pieces."""
MOST_LEVELS = 3
"""Envelopes in one another that are undone here."""

Lines = list[Unread]


class Place:
    """A line on its way out of its envelopes."""

    __slots__ = ("around", "holder", "index", "message", "time")

    def __init__(self, message: int, index: int = 0, holder: Holder | None = None) -> None:
        self.message, self.index, self.holder = message, index, holder
        self.around: Around | None = None
        self.time: float | None = None


class BatchReader:
    """Reads for one reader."""

    def __init__(self, reader: Reader, zone: str, max_text: int) -> None:
        self._reader, self._clock = reader, clock_of(zone)
        self._longest = min(LONGEST, max_text)
        self._memory = Memory(reader.candidates)
        first = next(iter(reader.candidates({"resourceLogs": []})), None)
        self._split = Records(first) if type(first) is OtlpJson else None
        self._records = Memory(lambda _: (HeldRecords,))
        self._alive: list[Spans] = []
        self._values: Sequence[bytes | None] = ()
        self._found: list[list[Unread | None]] = []

    def unwrap(self, values: Sequence[bytes | None]) -> list[Lines | None]:
        """The lines of each message; None of one that is to be read in the plain way."""
        self._alive.clear()
        self._memory.forget()
        self._records.forget()
        self._values, self._found = values, [[] for _ in values]
        alone: list[tuple[bytes, Place]] = []
        held: list[tuple[bytes, Place]] = []
        for row, value in enumerate(values):
            if value is None or value[:2] != b'{"':
                if value and (line := self._reader.line_alone(value)):
                    self._found[row].append(Unread(line, None, ""))
                continue
            if self._split is not None and value.startswith(BEGINS):
                records = self._split.of(value) or ()
                held += [(text, Place(row, index, holder)) for index, (text, holder) in enumerate(records)]
                self._found[row] += [None] * len(records)
            elif len(value) <= self._longest:
                alone.append((value, Place(row)))
                self._found[row].append(None)
        for objects, memory in ((alone, self._memory), (held, self._records)):
            if objects:
                texts, places = zip(*objects, strict=True)
                self._objects(texts, places, memory, 0)
        for text, place in held:
            if self._found[place.message][place.index] is None:
                self._plainly(text, place)
        found, self._values, self._found = self._found, (), []
        return [None if not lines or None in lines else lines for lines in found]  # type: ignore[misc]

    def _plainly(self, text: bytes, place: Place) -> None:
        """One of several objects of a message, undone in the plain way when it is one line."""
        assert place.holder is not None
        try:
            lines = self._reader.undo(place.holder, orjson.loads(text))
        except ValueError:
            return
        if len(lines) == 1:
            self._give(place, lines[0])

    def _objects(self, objects: Sequence[bytes], places: Sequence[Place], memory: Memory, depth: int) -> None:
        """Reads objects, each of which is at a place."""
        spans = Spans(objects)
        self._alive.append(spans)
        inside, knowns = [], []
        for row, shape in enumerate(spans.shapes):
            if not shape or (spans.wide[row] and not is_utf8(objects[row])):
                continue
            known = memory.shape(shape)
            if known is None:
                known = memory.learn(shape, objects[row], spans.starts[row + 1] - spans.starts[row])
            if known.columns is not None:
                self._object(spans, row, known.columns, places[row])
            elif known.envelope is not None:
                inside.append(row)
                knowns.append(known)
        if inside and depth < MOST_LEVELS:
            self._inside(spans, inside, knowns, [places[row] for row in inside], memory, depth)

    def _inside(
        self,
        spans: Spans,
        rows: list[int],
        knowns: list[Known],
        places: list[Place],
        memory: Memory,
        depth: int,
    ) -> None:
        """Undoes the envelopes of objects."""
        leaves, strips, inner = [], [], []
        held = memory is self._records
        contexts = memory.contexts(spans, rows, knowns, [place.holder if held else None for place in places])
        for row, place, context in zip(rows, places, contexts, strict=True):
            if context is None:
                continue
            if context.time is not None:
                time = stated(context, spans, row)
                if time is None:
                    continue
                place.time = time
            place.around = memory.around(place.around, context)
            if context.columns is not None:
                if context.headline is None or is_headline(spans, row, context.headline):
                    self._object(spans, row, context.columns, place)
            elif context.line is not None and spans.size(row, context.line) <= LONGEST_LINE:
                leaves.append(spans.starts[row] + context.line)
                strips.append(context.strips)
                inner.append(place)
        if leaves:
            at = np.array(leaves, np.int64)
            array, ends = unescaped(spans.array, spans.scan, at, np.array(strips, np.bool_))
            self._texts(array.tobytes(), ends.tolist(), inner, depth)

    def _texts(self, data: bytes, ends: list[int], places: list[Place], depth: int) -> None:
        """Reads what envelopes held as text: objects again, or lines."""
        objects, inner, begin = [], [], 0
        text = data.decode("latin-1")
        is_ascii = data.isascii()
        for place, end in zip(places, ends, strict=True):
            if data[begin : begin + 2] == b'{"':
                objects.append(data[begin:end])
                inner.append(place)
            else:
                self._line(text[begin:end] if is_ascii else data[begin:end].decode(), place)
            begin = end
        if objects:
            self._objects(objects, inner, self._memory, depth + 1)

    def _line(self, line: str, place: Place) -> None:
        """A line of text, unless it may be one more envelope."""
        around = place.around
        assert around is not None, "what comes alone is no text here"
        if self._reader.is_line(line):
            said = around.inner
            known = Inner(line, place.time, said.severity, said.columns, None, None, None, said.stream)
            self._give(
                place,
                Unread(line, known, around.names, None, Late(self._value(place), place.index, None, None)),
            )

    def _object(self, spans: Spans, row: int, columns: Columns, place: Place) -> None:
        """An object that is a line."""
        plan, around, time, value = columns.plan, place.around, place.time, self._value(place)
        for at in plan.times:
            if (moment := parse_time(spans.part(row, at, columns), self._clock)) is not None:
                time = moment
                break
        severity = 0
        for level, at in plan.levels:
            if severity := level[spans.part(row, at, columns)]:
                break
        record = LateRecord(self._reader, value, place.index)
        if around is None:
            record.envelope, record.given, inner = "", (), None
            record.line = record.shipper = None
        else:
            inner = around.inner
            record.envelope, record.given = around.names, around.given(plan.names)
            severity = severity or inner.severity
        record.time, record.severity = time, severity or INFO
        record.scanned(ref(spans), row, columns, inner)
        late = Late(value, place.index, record, spans)
        self._give(place, Unread({}, inner, record.envelope, None, late))

    def _value(self, place: Place) -> bytes:
        value = self._values[place.message]
        assert value is not None, "it has lines"
        return value

    def _give(self, place: Place, line: Unread) -> None:
        self._found[place.message][place.index] = line


def is_utf8(text: bytes) -> bool:
    """Whether bytes are text."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def stated(context: Undone, spans: Spans, row: int) -> float | None:
    """The time that an envelope states."""
    assert context.time is not None
    kind, text = spans.kind(row, context.time), spans.leaf(row, context.time)
    return context.passing.seconds(text if kind <= ESCAPED else float(text) if kind == REAL else int(text))


def is_headline(spans: Spans, row: int, place: int) -> bool:
    """Whether all of a text is its first line, without blanks around it."""
    text = spans.leaf(row, place)
    return 0 < len(text) <= 4_096 and "\n" not in text and text == text.strip()
