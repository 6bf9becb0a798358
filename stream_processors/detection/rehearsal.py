"""Compiles one part of what most lines need and keeps it on disk: ``python -m stream_processors.detection.rehearsal
PART``. What lines pass before that part is plain Python here, so that parts are compiled side by side.
"""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from connectors import kernels
from connectors.formats import words8
from connectors.records import Message

if TYPE_CHECKING:
    from encoder_core.encoder import Embedded

TEXT = "Jun 14 15:16:01 web1 sshd[4721]: Accepted publickey for %s from 192.0.2.7 port 50022 ssh2"
PAIRS = 'time=2026-06-14T15:16:01Z level=info user="%d" msg="cache ready"'
ENVELOPED = (
    '{"@timestamp":"2026-06-14T15:16:01.000Z","@metadata":{"beat":"filebeat"},"host":{"name":"web1"},'
    '"log":{"offset":%d,"file":{"path":"/var/log/auth.log"}},"message":"Jun 14 15:16:01 web1 su[7]: \\"by root\\""}'
)
WIDTH = 4


class Nothing:
    """In place of the encoder."""

    dim = WIDTH

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        """Any vectors."""
        from encoder_core.encoder import Embedded

        vectors = np.random.default_rng(len(lines)).normal(size=(len(lines), WIDTH)).astype(np.float32)
        return Embedded(vectors, np.zeros(len(lines), np.bool_))


def _leave_out_lines() -> None:
    """``read_lines`` knows no line, so that all are read the plain way."""
    from connectors.formats import text_scan
    from connectors.formats.compiled.found import CODE, UNKNOWN

    def no_lines(data: Any, begins: Any, ends: Any, key: Any, found: Any, starts: Any, spans: Any) -> None:
        found[:, CODE], starts[:] = UNKNOWN, 0

    text_scan.read_lines = no_lines


def _leave_out_templates() -> None:
    """Rules are run as plain Python, and each line has a template of its own."""
    from encoder_core.templates import compiled, scan

    def plain_scan(
        data: NDArray[np.uint8],
        line_begins: Any,
        line_ends: Any,
        fixed: bool,
        line: int,
        starts: Any,
        kinds: Any,
        begins: Any,
        ends: Any,
    ) -> int:
        text = data.tobytes()
        for place in range(line, len(line_begins)):
            begin, end, count = int(line_begins[place]), int(line_ends[place]), int(starts[place])
            starts[place + 1] = scan.scan(text, begin, end, fixed, kinds, begins, ends, count)
        return len(line_begins)

    def any_ids(*arguments: Any) -> None:
        arguments[-1][:] = np.arange(1, 1 + len(arguments[-1]))

    compiled._scan_lines, compiled._hash_lines = plain_scan, any_ids


def _leave_out_batches() -> None:
    """What makes arrays of lines is run as plain Python. Before it is imported."""
    detection = "stream_processors.detection."
    kernels.plain = (
        "connectors.",
        *(detection + name for name in ("choosing", "columns", "spans", "wording")),
    )
    words8.eight = lambda data, at: data[at : at + 8].view(np.uint64)[0]
    warnings.simplefilter("ignore")  # numbers that overflow, as they are to


def compile_templates() -> None:
    """The templates of texts."""
    from encoder_core.templates import Templates

    Templates().batch([TEXT % "one"])


def compile_lines() -> None:
    """The reading of lines of text, and of an envelope around them."""
    from stream_processors.detection.reading import LineReader

    reader = LineReader()
    for message in ENVELOPED, PAIRS, TEXT:
        for _ in range(3):  # an envelope is known from the second time on
            reader.add([Message(at, 0.0, (message % at).encode()) for at in range(64)], 64)
            reader.step(64)


def compile_batches() -> None:
    """Lines as arrays."""
    _leave_out_lines()
    _leave_out_templates()
    from stream_processors.detection.pipeline import Pipeline

    Pipeline(Nothing()).rehearse(batches=True)


def compile_kinds() -> None:
    """Detection of lines that are arrays."""
    _leave_out_batches()
    _leave_out_lines()
    _leave_out_templates()
    from stream_processors.detection.pipeline import Pipeline

    Pipeline(Nothing()).rehearse()


PARTS: dict[str, Callable[[], None]] = {
    "templates": compile_templates,
    "lines": compile_lines,
    "batches": compile_batches,
    "kinds": compile_kinds,
}


if __name__ == "__main__":
    gc.set_threshold(100_000, 50, 50)  # it takes a tenth of the time
    PARTS[sys.argv[1]]()
