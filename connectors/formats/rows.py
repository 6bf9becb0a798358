"""What is understood of many lines as arrays over one buffer: a record of each, without an object a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_LAYOUTS = 8_192
"""Layouts of one table; whoever holds a table with more begins a new one."""


class Layout(NamedTuple):
    """What lines with the same columns have in common."""

    format: str
    """One of ``connectors.formats.FORMATS``."""
    names: tuple[str, ...]
    """Of the columns, in the order of ``Record.fields``; those of ``Record.given`` are left out."""


class Layouts:
    """Layouts by number, each once."""

    def __init__(self) -> None:
        self._numbers: dict[Layout, int] = {}
        self.known: list[Layout] = []
        """By number."""

    def __len__(self) -> int:
        return len(self.known)

    def number(self, format: str, names: tuple[str, ...]) -> int:
        """The number of a layout."""
        layout = Layout(format, names)
        number = self._numbers.get(layout)
        if number is None:
            self._numbers[layout] = number = len(self.known)
            self.known.append(layout)
        return number


class Rows(NamedTuple):
    """n lines with m columns in all; every span is one of bytes in UTF-8, of a buffer that is known from elsewhere."""

    layouts: NDArray[np.int32]
    """Number of each one's layout (n,); -1 for a line that only the plain way knows: nothing else of it counts, and it
    has no columns."""
    times: NDArray[np.float64]
    """What ``Record.time`` is (n,), seconds since the epoch; nan for None."""
    severities: NDArray[np.uint8]
    """OpenTelemetry's number (n,); 0 where the line states none."""
    text_begins: NDArray[np.int64]
    """Where the free text begins (n,): ``Record.message``; in a format that is text (``text``, ``raw``, ``rfc3164``,
    ``rfc5424``) ``Record.text`` where there is no message; -1 where there is none at all."""
    text_ends: NDArray[np.int64]
    """Where it ends (n,)."""
    broken: NDArray[np.bool_]
    """Whether there is a ``Record.parse_error`` (n,)."""
    starts: NDArray[np.int64]
    """The columns of a line are those from ``starts[line]`` to ``starts[line + 1]``, as many as its layout has names,
    (n + 1,)."""
    begins: NDArray[np.int64]
    """Where the value of each column begins (m,)."""
    ends: NDArray[np.int64]
    """Where each ends (m,)."""

    @classmethod
    def unknown(cls, lines: int) -> Rows:
        """Of so many lines that only the plain way knows."""
        none = np.zeros(0, np.int64)
        return cls(
            np.full(lines, -1, np.int32),
            np.full(lines, np.nan),
            np.zeros(lines, np.uint8),
            np.full(lines, -1, np.int64),
            np.full(lines, -1, np.int64),
            np.zeros(lines, np.bool_),
            np.zeros(lines + 1, np.int64),
            none,
            none,
        )


def ragged(
    starts: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of lists that lie one behind another: where those of some places begin then, and where each element was."""
    begins = starts[places]
    counts = starts[places + 1] - begins
    after = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return after, np.repeat(begins - after[:-1], counts) + np.arange(after[-1])


def part_of(rows: Rows, first: int, end: int) -> Rows:
    """The lines from one place to another; their columns stay where they are."""
    return Rows(*(part[first:end] for part in rows[:6]), rows.starts[first : end + 1], *rows[7:])  # type: ignore[call-arg,arg-type]


def taken(rows: Rows, places: NDArray[np.int64]) -> Rows:
    """Some of the lines, in the order of their places."""
    starts, columns = ragged(rows.starts, places)
    return Rows(
        rows.layouts[places],
        rows.times[places],
        rows.severities[places],
        rows.text_begins[places],
        rows.text_ends[places],
        rows.broken[places],
        starts,
        rows.begins[columns],
        rows.ends[columns],
    )


def joined(parts: Sequence[Rows]) -> Rows:
    """The lines of several after one another, all spans being of the same buffer."""
    columns = np.cumsum([0, *(len(part.begins) for part in parts)]).tolist()
    starts = [part.starts[1:] + first for part, first in zip(parts, columns, strict=False)]
    return Rows(
        np.concatenate([part.layouts for part in parts]),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.severities for part in parts]),
        np.concatenate([part.text_begins for part in parts]),
        np.concatenate([part.text_ends for part in parts]),
        np.concatenate([part.broken for part in parts]),
        np.concatenate([np.zeros(1, np.int64), *starts]),
        np.concatenate([part.begins for part in parts]),
        np.concatenate([part.ends for part in parts]),
    )


def shifted(rows: Rows, by: int) -> Rows:
    """The same in a buffer where all begins so many bytes later."""
    texts = rows.text_begins >= 0
    return rows._replace(
        text_begins=rows.text_begins + by * texts,
        text_ends=rows.text_ends + by * texts,
        begins=rows.begins + by,
        ends=rows.ends + by,
    )
