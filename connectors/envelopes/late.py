"""Records of which a part is made when someone asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

from connectors.records import Record

if TYPE_CHECKING:
    from connectors.envelopes.envelope import Inner
    from connectors.envelopes.planning import Columns
    from connectors.envelopes.reading import Reader
    from connectors.envelopes.spans import Spans
    from connectors.envelopes.unread import Unread


class LateRecord(Record):
    """A record as any other; what it has not yet it takes from the bytes that were read together with it, and once
    they are gone, or for what they do not tell, by reading its message once more.
    """

    __slots__ = ("_around", "_columns", "_index", "_reader", "_row", "_spans", "_value")

    def __init__(self, reader: Reader, value: bytes, index: int) -> None:
        self._reader, self._value, self._index = reader, value, index
        self.format, self.parse_error, self.cut = "json", None, False

    @classmethod
    def of(cls, record: Record, reader: Reader, value: bytes, index: int) -> LateRecord:
        """A record that has all but the shipper's word."""
        late = cls(reader, value, index)
        late.text, late.format, late.fields, late.time = (
            record.text,
            record.format,
            record.fields,
            record.time,
        )
        late.severity, late.parse_error, late.cut = record.severity, record.parse_error, record.cut
        late.message, late.line, late.envelope = record.message, record.line, record.envelope
        late.given = record.given
        return late

    def scanned(self, spans: ReferenceType[Spans], row: int, columns: Columns, around: Inner | None) -> None:
        """Notes where text, columns and message are."""
        self._spans, self._row, self._columns, self._around = spans, row, columns, around

    def __getattr__(self, name: str) -> Any:
        """Called for what is not there yet."""
        if name in ("line", "shipper"):
            unread = self._unread()
            around, text = unread.around, unread.text
            is_plain = around is None and not unread.envelope
            self.line = None if is_plain else unread.line if text is None else text
            self.shipper = None if around is None else around.shipper
        elif name in ("text", "fields", "message"):
            self._fill()
        else:
            raise AttributeError(name)
        return getattr(self, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _ALL)

    __hash__ = None  # type: ignore[assignment]

    def _unread(self) -> Unread:
        return self._reader.unwrap(self._value)[self._index]

    def _fill(self) -> None:
        spans = self._spans()
        if spans is None:
            record = self._reader.parse(self._unread())
            assert record is not None, "an object names no columns of others"
            self.text, self.fields, self.message = record.text, record.fields, record.message
            return
        plan, parts = self._columns.plan, spans.parts(self._row, self._columns)
        self.text, self.message = plan.text(parts), plan.message(parts)
        self.fields = fields = plan.fields(parts)
        if self._around is not None:
            for name, value in self._around.columns.items():
                fields.setdefault(name, value)


_ALL = tuple(Record.__dataclass_fields__)
