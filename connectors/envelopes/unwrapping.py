"""Undoing envelopes, one in the other, until the lines in them are left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson

from connectors import formats
from connectors.envelopes.envelope import BytesEnvelope, Inner, ObjectEnvelope, TextEnvelope
from connectors.envelopes.plain import is_binary
from connectors.envelopes.unread import Unread, within
from connectors.formats.json_text import MAX_CONTAINERS

if TYPE_CHECKING:
    from connectors.envelopes.planning import Undoes

MAX_LINES = 50_000
"""Lines of one message; one that holds more is a single line with a ``parse_error``, so that none fills the memory."""
MAX_NESTED = 8
"""Envelopes in one another; what is deeper is read as a line."""
SHAPES = 10_000
"""Shapes of objects that are remembered with the envelopes that may have them."""
JSON_BEGINS = frozenset('{["')


class TooManyLines(ValueError):  # noqa: N818
    """One message holds more than MAX_LINES lines."""

    def __init__(self) -> None:
        super().__init__(f"message of more than {MAX_LINES} lines")


class Unwrapper:
    """Undoes the envelopes that it is given, in the order in which it is to ask them."""

    def __init__(
        self,
        objects: tuple[ObjectEnvelope, ...],
        texts: tuple[TextEnvelope, ...],
        bytes_: tuple[BytesEnvelope, ...],
    ) -> None:
        self._objects, self._texts, self._bytes = objects, texts, bytes_
        self.marks = sorted({mark_of(envelope) for envelope in texts})
        """Where texts that may be envelopes have what."""
        self.firsts = frozenset(first for envelope in bytes_ for first in firsts_of(envelope))
        """What values that may be envelopes of bytes begin with, and nothing."""
        self._shapes: dict[tuple[str, ...], tuple[ObjectEnvelope, ...]] = {}

    def value(self, value: bytes, around: Inner | None, names: str, depth: int, lines: list[Unread]) -> None:
        """Adds the lines of bytes. around: what the envelopes around them said, None without one; names: theirs; depth:
        how many they are. Raises what the envelopes raise, TooManyLines and, for bytes that are no text, ValueError.
        """
        is_object = value[:2] == b'{"'  # text for sure, no bytes of another kind
        if is_object and (event := json_object(value)) is not None:
            if not self._object(event, around, names, depth, lines):
                lines.append(Unread(event, around, names, formats.decode(value)))
            return
        is_known = not is_object and value[:1] in self.firsts
        for envelope in self._bytes if is_known and depth < MAX_NESTED else ():
            held = envelope.unwrap(value)
            if held is not None:
                self._inside(envelope.name, held, around, names, depth, lines)
                return
        text = formats.decode(value)
        if not is_object and is_binary(text):
            raise ValueError(f"value of {len(value)} bytes is no text: it begins with {value[:8].hex(' ')}")
        self.text(text, around, names, depth, lines)

    def undo(self, envelope: Undoes, event: dict[str, Any], lines: list[Unread]) -> None:
        """Adds the lines of an object in an outermost envelope."""
        self._inside(envelope.name, envelope.unwrap(event) or (), None, "", 0, lines)

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
                self.value(inner, around, names, depth + 1, lines)
                continue
            known = inner if around is None else within(inner, around)
            line = inner.line
            if inner.partial:  # half a line is read when the other half is there
                lines.append(Unread(line, known, names))
            elif isinstance(line, str):
                self.text(line, known, names, depth + 1, lines)
            elif not self._object(line, known, names, depth + 1, lines):
                lines.append(Unread(line, known, names))
            if len(lines) > MAX_LINES:
                raise TooManyLines

    def text(self, text: str, around: Inner | None, names: str, depth: int, lines: list[Unread]) -> None:
        """Adds the lines of text; the arguments are those of ``value``."""
        if "\x00" in text:
            text = text.replace("\x00", "\ufffd")
        if text[:1] in JSON_BEGINS:
            if self._json(text, around, names, depth, lines):
                return
        else:
            for place, mark in self.marks:
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
        events = formats.json_events(text)
        if len(events) == 1 and isinstance(events[0], dict):
            if not self._object(events[0], around, names, depth, lines):
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
                self.text(event, around, names, depth + 1, lines)
            elif not self._object(event, around, names, depth, lines):
                lines.append(Unread(event, around, names))
            if len(lines) > MAX_LINES:
                raise TooManyLines

    def _object(
        self, event: dict[str, Any], around: Inner | None, names: str, depth: int, lines: list[Unread]
    ) -> bool:
        """Adds the lines of an object that is an envelope; False for any other."""
        shape = tuple(event)
        candidates = self._shapes.get(shape)
        if candidates is None:
            candidates = self.candidates(shape)
        for envelope in candidates if depth < MAX_NESTED else ():
            held = envelope.unwrap(event)
            if held is not None:
                self._inside(envelope.name, held, around, names, depth, lines)
                return True
        return False

    def is_line(self, text: str) -> bool:
        """Whether text that an envelope held is a line for sure, no further envelope and no JSON."""
        if not text or text[0] in JSON_BEGINS or "\x00" in text:
            return False
        for place, mark in self.marks:
            if text.startswith(mark, place):
                return all(envelope.unwrap(text) is None for envelope in self._texts)
        return True

    def candidates_of_bytes(self, first: bytes) -> tuple[BytesEnvelope, ...]:
        """The envelopes that bytes may be which begin with this one."""
        return tuple(envelope for envelope in self._bytes if first in firsts_of(envelope))

    def candidates(self, shape: tuple[str, ...]) -> tuple[ObjectEnvelope, ...]:
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


def firsts_of(envelope: BytesEnvelope) -> list[bytes]:
    """What values that it may be begin with; what all begin with when it does not say."""
    firsts: bytes | None = getattr(envelope, "firsts", None)
    return [b"", *(bytes([first]) for first in (range(256) if firsts is None else firsts))]


def json_object(value: bytes) -> dict[str, Any] | None:
    """The object of a value that begins as one; None for what takes more care than strict JSON in UTF-8."""
    if len(value) > MAX_CONTAINERS:
        return None
    try:
        event: dict[str, Any] = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return event
