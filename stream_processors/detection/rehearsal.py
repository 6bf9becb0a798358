"""Compiles one part of what most lines need and keeps it on disk: ``python -m stream_processors.detection.rehearsal
PART``. What lines pass before that part is plain Python here, so that parts are compiled side by side.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.formats import text_scan
from connectors.formats.compiled import found
from connectors.records import Message
from encoder_core.encoder import Embedded
from encoder_core.templates import Templates, compiled, scan
from stream_processors.detection.pipeline import KNOWN_GOOD, Pipeline
from stream_processors.detection.reading import LineReader

WIDTH = 4


class Nothing:
    """In place of the encoder."""

    dim = WIDTH

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        """Any vectors."""
        vectors = np.random.default_rng(len(lines)).normal(size=(len(lines), WIDTH)).astype(np.float32)
        return Embedded(vectors, np.zeros(len(lines), np.bool_))


def _no_lines(data: Any, begins: Any, ends: Any, key: Any, notes: Any, starts: Any, spans: Any) -> None:
    """In place of ``read_lines``: it knows none, so that all are read the plain way."""
    notes[:, found.CODE], starts[:] = found.UNKNOWN, 0


def _plain_scan(
    data: NDArray[np.uint8],
    begins: Any,
    ends: Any,
    fixed: bool,
    line: int,
    starts: Any,
    kinds: Any,
    value_begins: Any,
    value_ends: Any,
) -> int:
    """In place of ``scan_lines``."""
    text = data.tobytes()
    for place in range(line, len(begins)):
        begin, end, first = int(begins[place]), int(ends[place]), int(starts[place])
        starts[place + 1] = scan.scan(text, begin, end, fixed, kinds, value_begins, value_ends, first)
    return len(begins)


def _any_ids(*arguments: Any) -> None:
    """In place of ``hash_lines``: each line has a template of its own."""
    arguments[-1][:] = np.arange(1, 1 + len(arguments[-1]))


def compile_templates() -> None:
    """The templates of texts."""
    Templates().batch([KNOWN_GOOD % "one"])


def compile_lines() -> None:
    """The reading of lines of text."""
    reader = LineReader()
    reader.add([Message(at, 0.0, (KNOWN_GOOD % at).encode()) for at in range(64)], 64)
    reader.step(64)


def compile_detection() -> None:
    """All else."""
    text_scan.read_lines = _no_lines
    compiled._scan_lines, compiled._hash_lines = _plain_scan, _any_ids
    Pipeline(Nothing()).warm_up()


if __name__ == "__main__":
    gc.set_threshold(100_000, 50, 50)  # it takes a tenth of the time
    {"templates": compile_templates, "lines": compile_lines, "detection": compile_detection}[sys.argv[1]]()
