"""A worker that does everything but understand its lines: what delivery alone would let through.

Run as ``secencoder worker`` is, with its settings: ``python -m benchmarks.stream.delivery``. Messages are fetched,
handed to a thread, applied to the store with their offsets and committed; nothing is parsed, embedded or kept.
"""

from __future__ import annotations

import sys

from connectors.findings import Changes
from stream_processors.detection import pipeline, reading
from stream_processors.detection.arriving import Queue
from stream_processors.detection.reading import Step

COMMAND = ("-m", "benchmarks.stream.delivery")


class UnreadLines(reading.LineReader):
    """Lets messages go by unread."""

    def step(self, most_lines: int, *, before: int | None = None) -> Step | None:
        """All that was added, without a line."""
        if self._end <= self._done:
            return None
        self._messages = Queue()
        self._done = self._end
        return Step(self._end)


def count_only(self: object, lines: object, detector: object, changes: Changes, *_: object) -> list[object]:
    """In place of ``Pipeline.process``."""
    return []


def main() -> None:
    from stream_processors.delivery import opening

    opening.LineReader = UnreadLines  # type: ignore[attr-defined, misc]
    pipeline.Pipeline.process = count_only  # type: ignore[assignment, method-assign]
    from stream_processors.cli import main as cli

    sys.argv[1:] = ["worker", "--log-level", "warning"]
    cli()


if __name__ == "__main__":
    main()
