"""How the tests read a message: through the whole reader, as it comes from Kafka."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.envelopes import Reader
from connectors.formats import parse
from connectors.records import ORIGIN, PID, Record


def read_all(event: Any) -> list[Record]:
    """The records of a message, given as text or as the object that its JSON holds."""
    return Reader().read(event.encode() if isinstance(event, str) else orjson.dumps(event))


def read_one(event: Any) -> Record:
    """The record of a message that holds one line."""
    [record] = read_all(event)
    return record


def same_as_alone(record: Record, line: str) -> bool:
    """Whether an enveloped line reads as it does alone: text, time, and where it came from."""
    alone = parse(line.encode())
    names = (*ORIGIN, PID)
    return (record.text, record.time) == (alone.text, alone.time) and all(
        record.fields.get(name) == alone.fields.get(name) for name in names
    )


def is_plain(event: Any) -> bool:
    """Whether an object is read as an application's own: no envelope, every member kept."""
    record = read_one(event)
    return record.envelope == "" and record.text == parse(orjson.dumps(event)).text
