"""``secencoder`` with a parser that raises for marked lines, as a defect of a parser or an encoder would."""

from __future__ import annotations

from connectors.envelopes import Reader
from connectors.envelopes.unread import Unread
from connectors.records import Record
from stream_processors.cli import main

MARK = "poison"
parse = Reader.parse


class PoisonedLineError(RuntimeError):
    """What the parser raises."""


def parser(reader: Reader, unread: Unread) -> Record | None:
    if MARK in str(unread.line):
        raise PoisonedLineError(f"a line with {MARK}")
    return parse(reader, unread)


if __name__ == "__main__":
    Reader.parse = parser  # type: ignore[method-assign]
    main()
