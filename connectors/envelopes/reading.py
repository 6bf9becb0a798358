"""Reading: envelopes are undone one after the other, then each line is parsed by its own format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

import orjson

from connectors import formats
from connectors.envelopes import plugins
from connectors.envelopes.confluent import Confluent, Schemas
from connectors.envelopes.custom import Custom
from connectors.envelopes.envelope import (
    MAX_MESSAGE_BYTES,
    BytesEnvelope,
    Inner,
    ObjectEnvelope,
    RegistryUnreachable,
    TextEnvelope,
    Undecodable,
)
from connectors.envelopes.plain import is_binary
from connectors.envelopes.settings import ReadingSettings
from connectors.envelopes.unread import Unread, add_around, within
from connectors.formats.json_shapes import KnownJson
from connectors.formats.json_text import MAX_CONTAINERS
from connectors.records import INFO, Record

MAX_LINES = 50_000
"""Lines of one message; one that holds more is a single line with a ``parse_error``, so that none fills the memory."""
MAX_NESTED = 8
"""Envelopes in one another; what is deeper is read as a line."""
SHAPES = 10_000
"""Shapes of objects that are remembered with the envelopes that may have them."""
LONGEST_NAME = 64
JSON_BEGINS = frozenset('{["')


class TooManyLines(ValueError):  # noqa: N818
    """One message holds more than MAX_LINES lines."""

    def __init__(self) -> None:
        super().__init__(f"message of more than {MAX_LINES} lines")


class Named(Protocol):
    """Anything with an envelope's name."""

    name: str


N = TypeVar("N", bound=Named)


class Reader:
    """Reads the messages of one partition as its topic's settings say; it remembers the names that
    header lines gave.
    """

    def __init__(
        self,
        settings: ReadingSettings | None = None,
        *,
        max_text: int = 65_536,
        schemas: Schemas | None = None,
    ) -> None:
        """schemas: of messages in Confluent's wire format, which are Undecodable without. Raises PluginError."""
        self.settings = settings or ReadingSettings()
        self._max_text = max_text
        known, wanted = plugins.envelopes(), self.settings.envelope
        self._objects: tuple[ObjectEnvelope, ...] = chosen(known.objects, wanted)
        self._texts = chosen(known.texts, wanted)
        self._marks = sorted({mark_of(envelope) for envelope in self._texts})
        # Compression and binary encodings are no shipper's: they are undone around the named one too.
        self._bytes: tuple[BytesEnvelope, ...] = () if wanted == plugins.NONE else known.bytes
        if schemas is not None:
            self._bytes = tuple(Confluent(schemas) if isinstance(e, Confluent) else e for e in self._bytes)
        if self.settings.message_field or self.settings.metadata_fields:
            custom = Custom(self.settings.message_field, self.settings.metadata_fields)
            self._objects = (custom, *self._objects)
        self._shapes: dict[tuple[str, ...], tuple[ObjectEnvelope, ...]] = {}
        self._built: list[set[str]] = [set() for _ in range(MAX_NESTED + 2)]
        """First names of objects at each depth that were an envelope at last: the next such one is built at once."""
        self.headers = formats.HeaderLines()

    def read(self, value: bytes | None) -> list[Record]:
        """The records of one message in order; none for a control message. No content makes it raise
        but for one that needs a schema: Undecodable, RegistryUnreachable.

        Every record has a severity. What can't be read is a raw record with a ``parse_error``.
        """
        parse = self.parse
        return [record for unread in self.unwrap(value) if (record := parse(unread)) is not None]

    def unwrap(self, value: bytes | None) -> list[Unread]:
        """The lines of one message without their envelopes; a message that can't be unwrapped is one line.

        Raises Undecodable and RegistryUnreachable.
        """
        lines: list[Unread] = []
        try:
            if value is not None and len(value) <= MAX_MESSAGE_BYTES:
                self._value(value, None, "", 0, lines)
                return lines
            error = (
                "empty value"
                if value is None
                else f"message of {len(value)} bytes is over {MAX_MESSAGE_BYTES}"
            )
        except (Undecodable, RegistryUnreachable):
            raise
        except (
            Exception
        ) as failure:  # what an envelope says against it, or a mistake of ours: nothing is lost
            error = (
                str(failure) if isinstance(failure, ValueError) else f"{type(failure).__name__}: {failure}"
            )
        text = formats.decode(value[: 4 * self._max_text]) if value else ""
        return [Unread(text, Inner(text, error=error[:256]), "")]

    def unwrap_again(self, unread: Unread) -> Unread:
        """A line that was put together from pieces, without the envelopes that only now show."""
        lines: list[Unread] = []
        if isinstance(unread.line, str):
            self._text(unread.line, unread.around, unread.envelope, 0, lines)
        return lines[0] if len(lines) == 1 else unread

    def parse(self, unread: Unread) -> Record | None:
        """The record of a line; None for a line that only names the columns of others."""
        line, around, envelope, text = unread
        if isinstance(line, str):
            if around is not None and around.error:
                record: Record | None = formats.parse_raw(line, error=around.error)
            else:
                stream = around.stream if around is not None else ""
                record = formats.parse_text(line, self.headers, stream, self.settings.zone)
        else:
            record = (
                formats.parse_known(line, self.settings.zone)
                if isinstance(line, KnownJson)
                else formats.parse_object(line, text, self.settings.zone)
            )
            if around is not None and around.error:
                record.parse_error = around.error
        if record is None:
            return None
        if around is not None or envelope:
            whole = line.text if isinstance(line, KnownJson) else line if text is None else text
            add_around(record, whole, around, envelope)
        if not record.severity:
            record.severity = INFO
        if len(record.text) > self._max_text:
            record.text, record.cut = record.text[: self._max_text], True
        return record

    def _value(self, value: bytes, around: Inner | None, names: str, depth: int, lines: list[Unread]) -> None:
        is_object = value[:2] == b'{"'  # text for sure, no bytes of another kind
        if (
            is_object
            and value[2:LONGEST_NAME].partition(b'"')[0].decode("latin-1") in self._built[depth]
            and self._is_envelope(value, around, names, depth, lines)
        ):
            return
        for envelope in () if is_object or depth >= MAX_NESTED else self._bytes:
            held = envelope.unwrap(value)
            if held is not None:
                self._inside(envelope.name, held, around, names, depth, lines)
                return
        text = formats.decode(value)
        if not is_object and is_binary(text):
            raise ValueError(f"value of {len(value)} bytes is no text: it begins with {value[:8].hex(' ')}")
        self._text(text, around, names, depth, lines)

    def _is_envelope(
        self, value: bytes, around: Inner | None, names: str, depth: int, lines: list[Unread]
    ) -> bool:
        """Undoes the envelope that an object in plain UTF-8 most likely is, without making it text before."""
        if len(value) > MAX_CONTAINERS:
            return False
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError:
            return False
        return self._unwrapped(event, around, names, depth, lines)

    def _inside(
        self,
        name: str,
        held: Iterable[Inner | bytes],
        around: Inner | None,
        names: str,
        depth: int,
        lines: list[Unread],
    ) -> None:
        """What one envelope held, each with all that is known around it."""
        names = f"{names}/{name}" if names else name
        for inner in held:
            if isinstance(inner, bytes):
                self._value(inner, around, names, depth + 1, lines)
                continue
            known = inner if around is None else within(inner, around)
            line = inner.line
            if inner.partial:  # half a line is read when the other half is there
                lines.append(Unread(line, known, names))
            elif isinstance(line, str):
                self._text(line, known, names, depth + 1, lines)
            elif not self._unwrapped(line, known, names, depth + 1, lines):
                lines.append(Unread(line, known, names))
            if len(lines) > MAX_LINES:
                raise TooManyLines

    def _text(self, text: str, around: Inner | None, names: str, depth: int, lines: list[Unread]) -> None:
        if "\x00" in text:
            text = text.replace("\x00", "\ufffd")
        if text[:1] in JSON_BEGINS:
            if self._json(text, around, names, depth, lines):
                return
        else:
            for place, mark in self._marks:
                if text.startswith(mark, place):
                    if self._is_text_envelope(text, around, names, depth, lines):
                        return
                    break
        lines.append(Unread(text, around, names))

    def _is_text_envelope(
        self, text: str, around: Inner | None, names: str, depth: int, lines: list[Unread]
    ) -> bool:
        """Undoes the envelope that text with one of their marks may be."""
        for envelope in self._texts if depth < MAX_NESTED else ():
            held = envelope.unwrap(text)
            if held is not None:
                self._inside(envelope.name, held, around, names, depth, lines)
                return True
        return False

    def _json(self, text: str, around: Inner | None, names: str, depth: int, lines: list[Unread]) -> bool:
        """What JSON text holds; False when it is read as text."""
        first, built = text[2:LONGEST_NAME].partition('"')[0], self._built[depth]
        if text[0] == "{" and first not in built:
            known = formats.known_json(text)
            if known is not None and (depth >= MAX_NESTED or not self._candidates_of(known.plan.top)):
                lines.append(Unread(known, around, names))
                return True
        events = formats.json_events(text)
        if len(events) == 1 and isinstance(events[0], dict):
            if not self._candidates_of(tuple(events[0])):
                built.discard(first)
            elif len(built) < SHAPES:
                built.add(first)
            if not self._unwrapped(events[0], around, names, depth, lines):
                lines.append(Unread(events[0], around, names, text))
            return True
        if not events or depth >= MAX_NESTED:
            return False
        self._several(events, around or Inner(""), names, depth, lines)
        return True

    def _several(self, events: list[Any], around: Inner, names: str, depth: int, lines: list[Unread]) -> None:
        """Objects and texts of one message, each of which is shown without the others."""
        for event in events:
            if isinstance(event, str):
                self._text(event, around, names, depth + 1, lines)
            elif not self._unwrapped(event, around, names, depth, lines):
                lines.append(Unread(event, around, names))
            if len(lines) > MAX_LINES:
                raise TooManyLines

    def _unwrapped(
        self, event: dict[str, Any], around: Inner | None, names: str, depth: int, lines: list[Unread]
    ) -> bool:
        """Adds the lines of an object that is an envelope; False for any other."""
        for envelope in self._candidates_of(tuple(event)) if depth < MAX_NESTED else ():
            held = envelope.unwrap(event)
            if held is not None:
                self._inside(envelope.name, held, around, names, depth, lines)
                return True
        return False

    def _candidates_of(self, shape: tuple[str, ...]) -> tuple[ObjectEnvelope, ...]:
        """The envelopes that an object with these names may be, remembered for the next one."""
        if (known := self._shapes.get(shape)) is not None:
            return known
        names = frozenset(shape)
        found = tuple(envelope for envelope in self._objects if envelope.matches(names))
        if len(self._shapes) < SHAPES and len(shape) <= formats.MAX_FIELDS:
            self._shapes[shape] = found
        return found


def mark_of(envelope: TextEnvelope) -> tuple[int, str]:
    """Where texts that it may be have what; what all have when it does not say."""
    mark: tuple[int, str] = getattr(envelope, "mark", (0, ""))
    return mark


def chosen(envelopes: tuple[N, ...], wanted: str) -> tuple[N, ...]:
    """Those of the setting: all for ``auto``, none for ``none``, else the named one."""
    return envelopes if wanted == plugins.AUTO else tuple(e for e in envelopes if e.name == wanted)


def read(value: bytes | None) -> list[Record]:
    """The records of one message, read with the default settings."""
    return Reader().read(value)
