"""The lines of many messages as arrays over one buffer, without a Python object a line.

What compiled code does not know for sure goes the plain way (``Reader.parse``), and its record is put into the same
arrays. So both say the same of every line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.formats.rows import Layout, Rows
from connectors.records import Record


class Scanned(NamedTuple):
    """n lines of k messages in order."""

    buffer: NDArray[np.uint8]
    """What the spans of ``rows`` are of."""
    layouts: Sequence[Layout]
    """What the numbers of ``rows.layouts`` stand for."""
    messages: NDArray[np.int64]
    """Number of each line's message among those that were given (n,), never falling."""
    indexes: NDArray[np.int32]
    """Place of each line among those of its message (n,)."""
    rows: Rows
    """What is understood of each line, envelopes and all: every line has a layout and a severity."""
    record: Callable[[int], Record]
    """The record of a line, from its message, read the plain way."""
    failed: Mapping[tuple[int, int], Exception]
    """What messages and lines could not be read with, by message and index; -1 for a message with all of its lines."""

    def __len__(self) -> int:
        return len(self.messages)
