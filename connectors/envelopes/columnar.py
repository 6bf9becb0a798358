"""The lines of many messages as arrays over one buffer, without a Python object a line.

What compiled code does not know for sure goes the plain way (``Reader.parse``), and its record is put into the same
arrays. So both say the same of every line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from connectors.envelopes.collecting import Buffer, Lines, Octets, Places, Spans, spans_of
from connectors.envelopes.envelope import MAX_MESSAGE_BYTES, Undecodable
from connectors.envelopes.learned import Holders
from connectors.envelopes.objects import Objects
from connectors.envelopes.otlp import OtlpJson
from connectors.envelopes.otlp_batch import Records
from connectors.envelopes.otlp_messages import split_protobuf
from connectors.envelopes.otlp_proto import OtlpProto
from connectors.envelopes.sorting import LINE, MARKED, OBJECT, PLAIN, SEVERAL, Signs, kinds_of
from connectors.envelopes.split import BEGINS, Split, split
from connectors.envelopes.texts import Rest, read_texts, text_of
from connectors.formats.clock import clock_of
from connectors.formats.recorded import rows_of
from connectors.formats.rows import Layout, Rows, shifted
from connectors.formats.tables import may_be_header
from connectors.records import Record

if TYPE_CHECKING:
    from connectors.envelopes.reading import Reader

MOST_LEVELS = 3
"""Envelopes in one another that are undone here."""
LONGEST = 65_536
"""Bytes of a message that is read here."""
PROTOBUF = b"\n"
"""What OTLP's Protobuf begins with."""


class Scanned(NamedTuple):
    """n lines of k messages in order."""

    buffer: Octets
    """What the spans of ``rows`` are of."""
    layouts: Sequence[Layout]
    """What the numbers of ``rows.layouts`` stand for."""
    messages: Places
    """Number of each line's message among those that were given (n,), never falling."""
    indexes: NDArray[np.int32]
    """Place of each line among those of its message (n,)."""
    rows: Rows
    """What is understood of each line, envelopes and all: every line has a layout and a severity."""
    record: Callable[[int], Record]
    """The record of a line, from its message, read the plain way."""
    failed: Mapping[tuple[int, int], Exception]
    """What messages and lines could not be read with, by message and index; -1 for a message with all of its lines."""
    plainly: int
    """How many of the lines only the plain way knew."""
    named: bool
    """Whether a line named columns of others, so that no line behind it can be read without it."""

    def __len__(self) -> int:
        return len(self.messages)


class ColumnarReader:
    """Reads for one reader."""

    def __init__(self, reader: Reader, zone: str, max_text: int) -> None:
        self._reader, self._clock = reader, clock_of(zone)
        self._longest = min(LONGEST, max_text)
        self._signs = Signs.of(*reader.signs)
        self._objects = Objects(reader.candidates, self._clock)
        self._records = Records(OtlpJson())
        self._splits = type(next(iter(reader.candidates({"resourceLogs": []})), None)) is OtlpJson
        self._transcodes = type(next(iter(reader.candidates_of_bytes(PROTOBUF)), None)) is OtlpProto

    def scan(self, values: Sequence[bytes | None]) -> Scanned | None:
        """The lines of messages; None where a line waits for its continuation, which takes more than this.

        Raises RegistryUnreachable.
        """
        if self._reader.headers.streams:
            self._objects.heed_streams()
        self._objects.forget()
        kept = [b"" if value is None else value for value in values]
        sizes = np.fromiter(map(len, kept), np.int64, len(kept))
        for place in np.flatnonzero(sizes > self._longest).tolist():
            if not kept[place].startswith((BEGINS, PROTOBUF)) or sizes[place] > MAX_MESSAGE_BYTES:
                kept[place], sizes[place] = b"", 0
        lines, rest, buffer = Lines(len(values)), Rest([], {}, {}), Buffer(kept)
        alone = spans_of(sizes, np.arange(len(values)))
        kinds = self._kinds(buffer, alone, outermost=True)
        if not self._splits:
            kinds[kinds == SEVERAL] = OBJECT
        texts = self._sorted(buffer, alone, kinds, lines, 0)
        if len(left := np.flatnonzero(kinds == SEVERAL)):
            found = split(buffer.array, alone.begins[left], alone.ends[left])
            texts += self._several(buffer, left, found, lines, rest)
        if self._transcodes and len(left := alone.beginning_with(buffer, PROTOBUF[0])):
            found = split_protobuf(buffer, alone.begins[left], alone.ends[left])
            texts += self._several(buffer, left, found, lines, rest)
        whole = np.zeros(len(values), np.bool_)
        whole[lines.messages[~lines.known]] = True
        rest.lines[:] = [one for one in rest.lines if not whole[one[0]]]
        for message in np.flatnonzero(whole).tolist():
            try:
                unread = self._reader.unwrap(values[message])
            except Undecodable as error:
                rest.failed[message, -1] = error
                continue
            if any(one.around is not None and one.around.partial for one in unread):
                return None
            rest.lines.extend((message, index, one) for index, one in enumerate(unread))
        lines.drop(whole)
        texts = [spans.take(np.flatnonzero(~whole[lines.messages[spans.lines]])) for spans in texts]
        self._texts(values, buffer, texts, lines, rest)
        self._parse(buffer, lines, rest)
        messages, indexes, rows = lines.in_order()
        return Scanned(
            buffer.array,
            self._objects.plans.layouts.known,
            messages,
            indexes.astype(np.int32),
            rows,
            self._record_of(values, messages, indexes, rest.records),
            rest.failed,
            len(rest.records),
            len(rest.lines) > len(rest.records) + sum(index >= 0 for _, index in rest.failed),
        )

    def _several(self, buffer: Buffer, those: Places, found: Split, lines: Lines, rest: Rest) -> list[Spans]:
        """Undoes messages that hold many objects; gives the lines of text.

        those: their numbers. found: what is in them.
        """
        held = self._records.of(buffer.array, found)
        lines.known[those[held.good]] = True  # as long as all of their records are
        if not len(held.spans):
            return []
        messages, (begins, ends) = those[held.messages], held.spans.T.copy()
        numbers = lines.add(messages, held.indexes)
        none = np.full(len(numbers), -1, np.int64)
        objects = Spans(begins, ends, numbers, none, np.full(len(numbers), np.nan))
        holders = self._records.holders
        inner = self._objects.undo(buffer, objects, lines, Holders(holders, held.holders))
        texts = [] if inner is None else self._sorted(buffer, inner, self._kinds(buffer, inner), lines, 1)
        for place in np.flatnonzero(~lines.known[numbers]).tolist():
            text = buffer.array[begins[place] : ends[place]].tobytes()
            try:
                unread = self._reader.undo(holders[held.holders[place]], orjson.loads(text))
            except ValueError:
                continue
            if len(unread) == 1:
                lines.known[numbers[place]] = True
                rest.lines.append((int(messages[place]), int(held.indexes[place]), unread[0]))
        return texts

    def _kinds(self, buffer: Buffer, spans: Spans, *, outermost: bool = False) -> NDArray[np.uint8]:
        """What spans are at first sight."""
        kinds = kinds_of(buffer.array, spans.begins, spans.ends, self._signs, alone=outermost)
        for place in np.flatnonzero(kinds == MARKED).tolist():
            kinds[place] = LINE if self._reader.is_line(text_of(buffer, spans, place)) else PLAIN
        return kinds

    def _sorted(
        self, buffer: Buffer, spans: Spans, kinds: NDArray[np.uint8], lines: Lines, depth: int
    ) -> list[Spans]:
        """Undoes the objects among spans, and gives those that are lines of text."""
        texts = np.flatnonzero(kinds == LINE)
        lines.known[spans.lines[texts]] = True
        found = [spans.take(texts)] if len(texts) else []
        objects = np.flatnonzero(kinds == OBJECT)
        if len(objects) and depth <= MOST_LEVELS:
            inner = self._objects.undo(buffer, spans.take(objects), lines)
            if inner is not None:
                found += self._sorted(buffer, inner, self._kinds(buffer, inner), lines, depth + 1)
        return found

    def _texts(
        self,
        values: Sequence[bytes | None],
        buffer: Buffer,
        texts: list[Spans],
        lines: Lines,
        rest: Rest,
    ) -> None:
        """Reads lines of text, all the plain way where one may say what the columns of others of its stream are."""
        streams = self._reader.headers.streams
        read = [read_texts(buffer, spans, self._objects, self._clock, streams) for spans in texts]
        for part in read:
            part.leave(~part.known, buffer, lines, self._objects, rest)
        if any(isinstance(unread.line, str) and may_be_header(unread.line) for *_, unread in rest.lines):
            for part in read:
                part.leave(part.known, buffer, lines, self._objects, rest)
            if not self._objects.streams:
                unwrap = cache(lambda message: self._reader.unwrap(values[message]))
                rest.lines[:] = [(m, index, unwrap(m)[index]) for m, index, _ in rest.lines]
        else:
            for part in read:
                part.take(lines, self._objects)

    def _parse(self, buffer: Buffer, lines: Lines, rest: Rest) -> None:
        """Reads what is left, in order: a line may name the columns of those behind it."""
        rest.lines.sort(key=itemgetter(0, 1))
        messages, indexes, records = [], [], []
        for message, index, unread in rest.lines:
            try:
                record = self._reader.parse(unread)
            except Exception as error:
                rest.failed[message, index] = error
                continue
            if record is not None:
                messages.append(message)
                indexes.append(index)
                records.append(record)
        rest.records.update(zip(zip(messages, indexes, strict=True), records, strict=True))
        if records:
            rows, held = rows_of(records, self._objects.plans.layouts)
            places = np.array((messages, indexes), np.int64)
            lines.take(lines.add(*places), shifted(rows, buffer.add(held)))

    def _record_of(
        self,
        values: Sequence[bytes | None],
        messages: Places,
        indexes: Places,
        records: Mapping[tuple[int, int], Record],
    ) -> Callable[[int], Record]:
        """What gives the record of a line."""
        reader = self._reader

        def record_of(line: int) -> Record:
            message, index = int(messages[line]), int(indexes[line])
            record = records.get((message, index))
            if record is not None and (record.shipper is not None or not record.envelope):
                return record
            unread = reader.unwrap(values[message])[index]
            if record is None:
                record = reader.parse(unread)
                assert record is not None, "it named no columns before"
            elif unread.around is not None:
                record.shipper = unread.around.shipper
            return record

        return record_of
