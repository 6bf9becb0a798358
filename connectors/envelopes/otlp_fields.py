"""The fields of OpenTelemetry's logs: how Protobuf and JSON have them, as tables for compiled code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UNKNOWN, MESSAGE, TEXT, HEX, TIME, REAL, INTEGER, COUNT, BOOL, BESIDE, BESIDE_FIXED, BESIDE_TEXT = range(12)
"""What a field is: a message; text; bytes that JSON has as hexadecimal digits; nanoseconds; a double; an integer of 64
bits; one of 31 bits or less; true or false; and what no line has: a varint, four bytes, text.
"""
LENGTH = 2
"""Wire type of what states its length."""
WIRE_TYPES = np.array([8, LENGTH, LENGTH, LENGTH, 1, 1, 0, 0, 0, 0, 5, LENGTH], np.uint8)
"""Of each kind of field; 8 is none."""
NUMBERS = 16
"""All numbers of fields are below this."""

DATA, GROUP, RESOURCE, SCOPED, SCOPE, RECORD, PAIR, VALUE, LIST, PAIRS = range(10)
"""The messages. Of a VALUE's fields one is there."""
_FIELDS: dict[int, tuple[tuple[int, str, int, int, bool], ...]] = {
    DATA: ((1, "resourceLogs", MESSAGE, GROUP, True),),
    GROUP: (
        (1, "resource", MESSAGE, RESOURCE, False),
        (2, "scopeLogs", MESSAGE, SCOPED, True),
        (3, "schemaUrl", TEXT, 0, False),
    ),
    RESOURCE: ((1, "attributes", MESSAGE, PAIR, True), (2, "", BESIDE, 0, False)),
    SCOPED: (
        (1, "scope", MESSAGE, SCOPE, False),
        (2, "logRecords", MESSAGE, RECORD, True),
        (3, "schemaUrl", TEXT, 0, False),
    ),
    SCOPE: (
        (1, "name", TEXT, 0, False),
        (2, "version", TEXT, 0, False),
        (3, "attributes", MESSAGE, PAIR, True),
        (4, "droppedAttributesCount", COUNT, 0, False),
    ),
    RECORD: (
        (1, "timeUnixNano", TIME, 0, False),
        (2, "severityNumber", COUNT, 0, False),
        (3, "severityText", TEXT, 0, False),
        (5, "body", MESSAGE, VALUE, False),
        (6, "attributes", MESSAGE, PAIR, True),
        (7, "", BESIDE, 0, False),
        (8, "", BESIDE_FIXED, 0, False),
        (9, "traceId", HEX, 0, False),
        (10, "spanId", HEX, 0, False),
        (11, "observedTimeUnixNano", TIME, 0, False),
        (12, "eventName", TEXT, 0, False),
    ),
    PAIR: ((1, "key", TEXT, 0, False), (2, "value", MESSAGE, VALUE, False)),
    VALUE: (
        (1, "stringValue", TEXT, 0, False),
        (2, "boolValue", BOOL, 0, False),
        (3, "intValue", INTEGER, 0, False),
        (4, "doubleValue", REAL, 0, False),
        (5, "arrayValue", MESSAGE, LIST, False),
        (6, "kvlistValue", MESSAGE, PAIRS, False),
    ),
    LIST: ((1, "values", MESSAGE, VALUE, True),),
    PAIRS: ((1, "values", MESSAGE, PAIR, True),),
}
"""Number, name in JSON, kind, message and whether there may be many. Bytes as a value are left out: who has them reads
the message in another way.
"""


class Fields(NamedTuple):
    """Fields by message and number, (messages * NUMBERS,) each but ``names``."""

    kinds: NDArray[np.uint8]
    messages: NDArray[np.int64]
    """Which message a field of that kind is."""
    repeated: NDArray[np.bool_]
    names: NDArray[np.uint8]
    """All names behind one another, with what is around them up to the value, and eight bytes more."""
    name_starts: NDArray[np.int64]
    """With one more for the end of the last."""


def _tables() -> Fields:
    size = len(_FIELDS) * NUMBERS
    kinds, messages, repeated = np.zeros(size, np.uint8), np.zeros(size, np.int64), np.zeros(size, np.bool_)
    names = [b""] * size
    for message, fields in _FIELDS.items():
        for number, name, kind, held, several in fields:
            place = message * NUMBERS + number
            kinds[place], messages[place], repeated[place] = kind, held, several
            names[place] = f'"{name}":'.encode() + b"[" * several
    starts = np.cumsum([0, *map(len, names)], dtype=np.int64)
    return Fields(kinds, messages, repeated, np.frombuffer(b"".join(names) + bytes(8), np.uint8), starts)


FIELDS = _tables()
