"""Reading: envelopes are undone one after the other, then each line is parsed by its own format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeVar

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
    Undecodable,
)
from connectors.envelopes.plain import is_binary
from connectors.envelopes.settings import ReadingSettings
from connectors.formats.json_shapes import KnownJson
from connectors.records import INFO, LOGGER, ORIGIN, Record

MAX_LINES = 50_000
"""Lines of one message; one that holds more is a single line with a ``parse_error``, so that none fills the memory."""
MAX_NESTED = 8
"""Envelopes in one another; what is deeper is read as a line."""
SHAPES = 10_000
"""Shapes of objects that are remembered with the envelopes that may have them."""


_PLACES = frozenset(ORIGIN) - {LOGGER}
"""Of these a line that came alone states its logger only."""


class Named(Protocol):
    """Anything with an envelope's name."""

    name: str


N = TypeVar("N", bound=Named)


class Unread(NamedTuple):
    """A line whose envelopes are undone, not parsed yet."""

    line: str | dict[str, Any] | KnownJson
    around: Inner | None
    """What the envelopes said together, the inner ones first; None without one."""
    envelope: str
    """Their names, the outermost first."""
    text: str | None = None
    """An object's text, as it came."""


class TooManyLines(ValueError):  # noqa: N818
    """One message holds more than MAX_LINES lines."""


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
        # Compression and binary encodings are no shipper's: they are undone around the named one too.
        self._bytes: tuple[BytesEnvelope, ...] = () if wanted == plugins.NONE else known.bytes
        if schemas is not None:
            self._bytes = tuple(Confluent(schemas) if isinstance(e, Confluent) else e for e in self._bytes)
        if self.settings.message_field or self.settings.metadata_fields:
            custom = Custom(self.settings.message_field, self.settings.metadata_fields)
            self._objects = (custom, *self._objects)
        self._shapes: dict[tuple[str, ...], tuple[ObjectEnvelope, ...]] = {}
        self._enveloped = [False] * (MAX_NESTED + 2)
        """Whether the last object at each depth may have been an envelope: then the next one is built at once."""
        self.headers = formats.HeaderLines()

    def read(self, value: bytes | None) -> list[Record]:
        """The records of one message in order; none for a control message. No content makes it raise
        but for one that needs a schema: Undecodable, RegistryUnreachable.

        Every record has a severity. What can't be read is a raw record with a ``parse_error``.
        """
        found = (self.parse(unread) for unread in self.unwrap(value))
        return [record for record in found if record is not None]

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
        for envelope in () if is_object or depth >= MAX_NESTED else self._bytes:
            held = envelope.unwrap(value)
            if held is not None:
                self._inside(envelope.name, held, around, names, depth, lines)
                return
        text = formats.decode(value)
        if not is_object and is_binary(text):
            raise ValueError(f"value of {len(value)} bytes is no text: it begins with {value[:8].hex(' ')}")
        self._text(text, around, names, depth, lines)

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
            known = joined(inner, around)
            if inner.partial:  # half a line is read when the other half is there
                add(lines, Unread(inner.line, known, names))
            elif isinstance(inner.line, str):
                self._text(inner.line, known, names, depth + 1, lines)
            else:
                self._object(inner.line, None, known, names, depth + 1, lines)

    def _text(self, text: str, around: Inner | None, names: str, depth: int, lines: list[Unread]) -> None:
        if "\x00" in text:
            text = text.replace("\x00", "\ufffd")
        if text[:1] in ("{", "[", '"'):
            if self._json(text, around, names, depth, lines):
                return
        elif depth < MAX_NESTED:
            for envelope in self._texts:
                held = envelope.unwrap(text)
                if held is not None:
                    self._inside(envelope.name, held, around, names, depth, lines)
                    return
        add(lines, Unread(text, around, names))

    def _json(self, text: str, around: Inner | None, names: str, depth: int, lines: list[Unread]) -> bool:
        """What JSON text holds; False when it is read as text."""
        if text[0] == "{" and not self._enveloped[depth]:
            known = formats.known_json(text)
            if known is not None and (depth >= MAX_NESTED or not self._candidates_of(known.plan.top)):
                add(lines, Unread(known, around, names))
                return True
        events = formats.json_events(text)
        if len(events) == 1 and isinstance(events[0], dict):
            self._object(events[0], text, around, names, depth, lines)
            return True
        if not events or depth >= MAX_NESTED:
            return False
        around = around or Inner("")  # each is shown without the others
        for event in events:
            if isinstance(event, str):
                self._text(event, around, names, depth + 1, lines)
            else:
                self._object(event, None, around, names, depth + 1, lines)
        return True

    def _object(
        self,
        event: dict[str, Any],
        text: str | None,
        around: Inner | None,
        names: str,
        depth: int,
        lines: list[Unread],
    ) -> None:
        candidates = self._candidates_of(tuple(event))
        if text is not None:
            self._enveloped[depth] = bool(candidates)
        for envelope in candidates if depth < MAX_NESTED else ():
            held = envelope.unwrap(event)
            if held is not None:
                self._inside(envelope.name, held, around, names, depth, lines)
                return
        add(lines, Unread(event, around, names, text))

    def _candidates_of(self, shape: tuple[str, ...]) -> tuple[ObjectEnvelope, ...]:
        """The envelopes that an object with these names may be, remembered for the next one."""
        if (known := self._shapes.get(shape)) is not None:
            return known
        names = frozenset(shape)
        found = tuple(envelope for envelope in self._objects if envelope.matches(names))
        if len(self._shapes) < SHAPES and len(shape) <= formats.MAX_FIELDS:
            self._shapes[shape] = found
        return found


def chosen(envelopes: tuple[N, ...], wanted: str) -> tuple[N, ...]:
    """Those of the setting: all for ``auto``, none for ``none``, else the named one."""
    return envelopes if wanted == plugins.AUTO else tuple(e for e in envelopes if e.name == wanted)


def add(lines: list[Unread], line: Unread) -> None:
    """Appends a line. Raises TooManyLines."""
    if len(lines) >= MAX_LINES:
        raise TooManyLines(f"message of more than {MAX_LINES} lines")
    lines.append(line)


def joined(inner: Inner, around: Inner | None) -> Inner:
    """An inner envelope's word with what those around it said: the inner one's counts where both say something."""
    if around is None:
        return inner
    shippers = [shipper for shipper in (around.shipper, inner.shipper) if shipper is not None]
    return replace(
        inner,
        time=around.time if inner.time is None else inner.time,
        severity=inner.severity or around.severity,
        columns={**around.columns, **inner.columns},
        shipper={name: value for shipper in shippers for name, value in shipper.items()}
        if shippers
        else None,
        program=inner.program or around.program,
        error=inner.error or around.error,
        stream=f"{around.stream} {inner.stream}"
        if around.stream and inner.stream
        else inner.stream or around.stream,
        partial=inner.partial or around.partial,
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
    if around.columns:
        fields = record.fields
        record.given = tuple([name for name in around.columns if name in _PLACES and name not in fields])
        for name, value in around.columns.items():
            fields.setdefault(name, value)


def read(value: bytes | None) -> list[Record]:
    """The records of one message, read with the default settings."""
    return Reader().read(value)
