"""Lines of text as rows: what compiled code knows of them for sure. All else is left to the plain way."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from connectors.formats.clock import Clock
from connectors.formats.compiled.found import (
    AUDIT,
    CODE,
    CONSTANTS,
    DIGITS,
    FORM,
    MINUTE,
    NUMBER,
    OFFSET,
    PAIRS,
    SEVERITY,
    TEXT_BEGIN,
    TEXT_END,
    UNKNOWN,
    WIDTH,
    layout_of,
)
from connectors.formats.compiled.lines import read_lines
from connectors.formats.compiled.moments import epoch_seconds
from connectors.formats.compiled.pair_values import read_values
from connectors.formats.json_bytes import KEY, Array
from connectors.formats.pair_shapes import PairShape, PairShapes
from connectors.formats.rows import Layouts, Rows

_CONSTANTS = np.frombuffer(CONSTANTS, np.uint8)
_POWERS = np.array([*(10.0**digits for digits in range(10)), np.nan])
_SHAPES = PairShapes()


def scan_texts(
    buffer: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    layouts: Layouts,
    clock: Clock,
) -> tuple[Rows, NDArray[np.uint8]]:
    """The rows of n lines of text: format, columns, text, time, severity as ``formats.parse_text`` gives them.

    buffer: UTF-8. begins, ends: int64 (n,), where each line is. No line is empty, begins with ``{``, has a NUL or over
    16,000 bytes; none is a header line that names columns (``#Fields``), or of a stream that had one.
    layouts: gives numbers to formats and names. clock: of times that state no zone.
    Spans of what comes back are of ``buffer`` and, from its end on, of the bytes that come back beside it.
    """
    buffer = buffer.view()
    buffer.flags.writeable = False  # to numba, what can be written is another type
    lines = len(begins)
    room = int((ends - begins).sum())
    found = np.zeros((lines, WIDTH), np.int64)
    starts = np.zeros(lines + 1, np.int64)
    spans = np.empty((room, 2), np.int64)
    read_lines(buffer, begins, ends, KEY, found, starts, spans.reshape(-1))
    spans = spans[: starts[-1]]
    codes, first, of = np.unique(found[:, CODE], return_index=True, return_inverse=True)
    numbers, shapes = np.full(len(codes), -1, np.int32), {}
    for place, code in enumerate(codes.tolist()):
        if code & FORM in (PAIRS, AUDIT):
            line = first[place]
            begin, columns = begins[line], slice(starts[line], starts[line + 1])
            shape = _SHAPES.of(
                code, buffer[begin : ends[line]].tobytes(), spans[columns] - begin, code & FORM == AUDIT
            )
            if shape is not None:
                shapes[place] = shape
                numbers[place] = layouts.number("logfmt", shape.names)
        elif code != UNKNOWN:
            numbers[place] = layouts.number(*layout_of(code))
    known = numbers[of]
    extra = _CONSTANTS
    if shapes:
        extra = _with_values(buffer, of, shapes, starts, spans, found, room)
        known[found[:, CODE] == UNKNOWN] = -1
    times = _times(found, known, clock)
    if (known < 0).any():
        keeps = np.repeat(known >= 0, np.diff(starts))
        spans = spans[keeps]
        starts[1:] = np.cumsum(np.where(known >= 0, np.diff(starts), 0))
    rows = Rows(
        known,
        times,
        found[:, SEVERITY].astype(np.uint8),
        found[:, TEXT_BEGIN],
        found[:, TEXT_END],
        np.zeros(lines, np.bool_),
        starts,
        spans[:, 0],
        spans[:, 1],
    )
    return rows, extra


def _with_values(
    buffer: Array,
    of: Array,
    shapes: Mapping[int, PairShape],
    starts: Array,
    spans: Array,
    found: Array,
    room: int,
) -> Array:
    """Adds what the values of pairs say to their lines; what the spans are of that are not of the buffer."""
    number = np.full(int(of.max()) + 1, -1, np.int64)
    number[list(shapes)] = np.arange(len(shapes))
    row = number[of]
    lines = np.flatnonzero(row >= 0)
    roles = [shape.roles for shape in shapes.values()]
    role_starts = np.cumsum([0, *map(len, roles)])
    extra = np.empty(len(_CONSTANTS) + room // 2, np.uint8)
    extra[: len(_CONSTANTS)] = _CONSTANTS
    used = read_values(
        *(buffer, lines, row[lines], role_starts, np.concatenate(roles)),
        *(starts, spans, extra, len(_CONSTANTS), found),
    )
    return extra[:used]


def _times(found: Array, known: Array, clock: Clock) -> Array:
    """When lines were; one whose minute is none of the calendar is not known."""
    minutes, of = np.unique(np.where(known >= 0, found[:, MINUTE], 0), return_inverse=True)
    whole = np.array([epoch_seconds(key, clock) if key else 0.0 for key in minutes.tolist()])
    times = whole[of] + found[:, NUMBER] / _POWERS[found[:, DIGITS]] - found[:, OFFSET]
    known[np.isnan(whole)[of]] = -1
    return times
