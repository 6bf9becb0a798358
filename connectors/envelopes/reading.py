"""Reading: envelopes are undone one after the other, then each line is parsed by its own format."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

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
from connectors.envelopes.settings import ReadingSettings
from connectors.envelopes.unread import Unread, add_around
from connectors.envelopes.unwrapping import Unwrapper
from connectors.records import INFO, Record

if TYPE_CHECKING:
    from connectors.envelopes.columnar import ColumnarReader, Scanned
    from connectors.envelopes.planning import Undoes


log = logging.getLogger("secencoder.reading")


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
        objects: tuple[ObjectEnvelope, ...] = chosen(known.objects, wanted)
        if self.settings.message_field or self.settings.metadata_fields:
            objects = (Custom(self.settings.message_field, self.settings.metadata_fields), *objects)
        # Compression and binary encodings are no shipper's: they are undone around the named one too.
        encodings: tuple[BytesEnvelope, ...] = () if wanted == plugins.NONE else known.bytes
        if schemas is not None:
            encodings = tuple(Confluent(schemas) if isinstance(e, Confluent) else e for e in encodings)
        self._envelopes = Unwrapper(objects, chosen(known.texts, wanted), encodings)
        self._columnar: ColumnarReader | None = None
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
                self._envelopes.value(value, None, "", 0, lines)
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

    @property
    def signs(self) -> tuple[frozenset[bytes], list[tuple[int, str]]]:
        """What values begin with that are to be shown to envelopes of bytes, and the marks of those of text."""
        return self._envelopes.firsts, self._envelopes.marks

    def scan(self, values: Sequence[bytes | None]) -> Scanned | None:
        """The lines of many messages as arrays; None where they must be read one by one: one waits for its continuation
        in a later message, or the compiled way has a fault, which is logged. Raises RegistryUnreachable.
        """
        if self._columnar is None:
            from connectors.envelopes.columnar import (
                ColumnarReader,
            )  # compiled code, which takes seconds to load

            self._columnar = ColumnarReader(self, self.settings.zone, self._max_text)
        try:
            return self._columnar.scan(values)
        except RegistryUnreachable:
            raise
        except Exception:
            log.exception("%s messages are read one by one", len(values))
            return None

    def candidates(self, event: dict[str, Any]) -> tuple[ObjectEnvelope, ...]:
        """The envelopes that an object may have, the first to be asked first."""
        return self._envelopes.candidates(tuple(event))

    def candidates_of_bytes(self, first: bytes) -> tuple[BytesEnvelope, ...]:
        """The envelopes that bytes may have which begin with one, the first to be asked first."""
        return self._envelopes.candidates_of_bytes(first)

    def undo(self, envelope: Undoes, event: dict[str, Any]) -> list[Unread]:
        """The lines of an object in an outermost envelope. Raises as ``unwrap`` does, and ValueError."""
        lines: list[Unread] = []
        self._envelopes.undo(envelope, event, lines)
        return lines

    def is_line(self, text: str) -> bool:
        """Whether text that an envelope held is a line for sure, no further envelope and no JSON."""
        return self._envelopes.is_line(text)

    def unwrap_again(self, unread: Unread) -> Unread:
        """A line that was put together from pieces, without the envelopes that only now show."""
        lines: list[Unread] = []
        if isinstance(unread.line, str):
            self._envelopes.text(unread.line, unread.around, unread.envelope, 0, lines)
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
            record = formats.parse_object(line, text, self.settings.zone)
            if around is not None and around.error:
                record.parse_error = around.error
        if record is None:
            return None
        if around is not None or envelope:
            add_around(record, line if text is None else text, around, envelope)
        if not record.severity:
            record.severity = INFO
        if len(record.text) > self._max_text:
            record.text, record.cut = record.text[: self._max_text], True
        return record


def chosen(envelopes: tuple[N, ...], wanted: str) -> tuple[N, ...]:
    """Those of the setting: all for ``auto``, none for ``none``, else the named one."""
    return envelopes if wanted == plugins.AUTO else tuple(e for e in envelopes if e.name == wanted)


def read(value: bytes | None) -> list[Record]:
    """The records of one message, read with the default settings."""
    return Reader().read(value)
