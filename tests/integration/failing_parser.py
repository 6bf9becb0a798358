"""``secencoder`` with a parser that raises for marked lines, as a defect of a parser or an encoder would."""

from __future__ import annotations

from functools import partial

from connectors.formats import parse
from connectors.records import Record
from stream_processors import worker
from stream_processors.cli import main

MARK = b"poison"


class PoisonedLineError(RuntimeError):
    """What the parser raises."""


def parser(value: bytes | None) -> Record:
    if value and MARK in value:
        raise PoisonedLineError(f"a line with {MARK.decode()}")
    return parse(value)


if __name__ == "__main__":
    worker.Pipeline = partial(worker.Pipeline, parser=parser)  # type: ignore[assignment,misc]
    main()
