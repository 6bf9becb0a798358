"""What an envelope is: a shipper's way to wrap lines, told by a signature and undone into what was inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

MAX_MESSAGE_BYTES = 32 << 20
"""What a message may hold when it is unpacked; a longer one is read as text only."""


@dataclass(slots=True)
class Inner:
    """One line as its envelope held it."""

    line: str | dict[str, Any]
    """Text is read as if it had come alone, further envelopes included. An object is a line by itself:
    its members are the
    content, and the envelope has left its own out."""
    time: float | None = None
    """The shipper's time in seconds since the epoch: counts when the line itself states none."""
    severity: int = 0
    """OpenTelemetry's number, 0 when the shipper states none: counts when the line itself states none."""
    columns: dict[str, str] = field(default_factory=dict)
    """Where it came from, under the names of ``connectors.records.ORIGIN``, and the few other columns
    that are content (a
    shipper's ``error.type``). The line's own columns of the same name win."""
    shipper: Mapping[str, Any] | None = None
    """All other metadata, as nested as it came: the envelope's own object without the message will do. Never flattened
    unless someone asks."""
    program: str | None = None
    """Of syslog, where the shipper took it apart: the text is ``program: line``, as if the header were still there."""
    error: str | None = None
    """Why part of it could not be read: the record's ``parse_error``."""
    stream: str = ""
    """What the lines around it in order came from: a file on a host, standard output or error of a container. Names of
    columns (``#Fields``) and continuation lines hold within one stream."""
    partial: bool = False
    """True when the line goes on in the next one of its stream (CRI's ``P``)."""


class ObjectEnvelope(Protocol):
    """An envelope that is a JSON object (or a map of another encoding)."""

    name: str

    def matches(self, names: frozenset[str]) -> bool:
        """Whether an object with these top-level names may be one: asked once for each set of names,
        then remembered.
        """

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The lines in it; None when the values say that it is no such envelope. An empty list: nothing
        to read (a control
        message). Never raises for any content; ``event`` is not changed.
        """


class TextEnvelope(Protocol):
    """An envelope that is text around, mostly before, the line.

    It may have a ``mark``, a place and what each such text has there, e.g. ``(0, "<")``: only text with a mark is shown
    to envelopes, and all of it when one of them has none.
    """

    name: str

    def unwrap(self, text: str) -> list[Inner] | None:
        """As above; must be quick to say None: every text line is shown to it."""


class BytesEnvelope(Protocol):
    """An envelope of bytes that are no text: told by its first bytes.

    It may have ``firsts``, the bytes that such a value begins with: one that begins with none of them is shown to no
    envelope, unless one of them does not say.
    """

    name: str

    def unwrap(self, value: bytes) -> list[Inner | bytes] | None:
        """As above. Bytes are a value that is read as if it had come alone (what a compressed one held).

        Raises ValueError, with one line that says why, when it is surely such an envelope and can't be read;
        Undecodable when the message is to be a dead letter.
        """


class Undecodable(ValueError):  # noqa: N818
    """A message that can't be read here, although nothing is wrong with us; one line says what it would take."""


class RegistryUnreachable(RuntimeError):  # noqa: N818
    """A schema could not be asked for, which is not the message's fault: it is to be read again later."""
