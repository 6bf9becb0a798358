"""Messages of one source through detection into a store, with no broker: what a file scan and the library share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from connectors.decisions import Applied
from connectors.envelopes import ReadingSettings
from connectors.findings import Changes
from connectors.records import Line, Message
from stream_processors.alerts.folding import fold
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.lines import ScannedLines
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.reading import FEW, Failed, LineReader, Step
from stream_processors.detection.sources import Sources


class Keeper(Protocol):
    """What takes the changes of a step and answers what is decided."""

    def apply(self, changes: Changes) -> Applied:
        """As ``connectors.store.Store.apply``."""


class Taken(NamedTuple):
    """What became of a step."""

    lines: LineBatch
    """Those that failed among them."""
    changes: Changes
    failed: list[Failed]


class NumberedReader:
    """Messages to steps of lines; a message's offset is its number from 0, and a line's timestamp is its own time.

    A line without any time gets that of the line before it, 0 at the beginning. few: as for ``LineReader``.
    """

    def __init__(self, settings: ReadingSettings | None = None, *, few: int = FEW, start: int = 0) -> None:
        self.lines = LineReader(settings, start=start, few=few)
        self.end = start
        """The number of the next message."""
        self.latest = 0.0
        """The time of the last line."""

    def add(self, values: Iterable[bytes | Message]) -> list[Message]:
        """Takes messages, with a time where they are ``Message``; returns them with their numbers."""
        messages = [_numbered(value, number) for number, value in enumerate(values, self.end)]
        self.end += len(messages)
        self.lines.add(messages, self.end)
        return messages

    def skip(self, end: int) -> None:
        """Messages up to a number were read before."""
        self.end = end
        self.lines.add([], end)

    def steps(self, most_lines: int, *, whole: bool = False) -> Iterator[Step]:
        """What can be read by now, about ``most_lines`` lines a step. whole: nothing is held back."""
        before = self.end if whole else None
        while (step := self.lines.step(most_lines, before=before)) is not None:
            self.latest = _carry(step.lines, self.latest)
            yield step


def _numbered(value: bytes | Message, number: int) -> Message:
    return replace(value, offset=number) if isinstance(value, Message) else Message(number, 0.0, value)


def _carry(lines: Sequence[Line], latest: float) -> float:
    """Gives lines without a time that of the line before them; returns that of the last one."""
    if isinstance(lines, ScannedLines):
        lines.carry(latest)
        return float(lines.times[-1]) if len(lines) else latest
    for line in lines:
        latest = line.timestamp = line.timestamp or latest
    return latest


def everything(changes: Changes) -> None:
    """All that is found is kept."""


class Feed:
    """Steps of one source, in order, through detection into what keeps its answers.

    trim: takes out of a step's changes, its alerts folded, what is not to be kept.
    """

    def __init__(
        self,
        source: str,
        pipeline: Pipeline,
        sources: Sources,
        keeper: Keeper,
        *,
        applied: int | None = None,
        trim: Callable[[Changes], None] = everything,
    ) -> None:
        self.sources = sources
        self._source, self._pipeline, self._keeper, self._trim = source, pipeline, keeper, trim
        self.applied = applied
        """Offset after the last step."""

    def take(self, step: Step, *, now: float = 0.0) -> Taken:
        """Takes the lines of a step. now: seconds since the epoch, 0 for no clock: nothing then ends by time."""
        changes = self._changes(step.end, now)
        lines = self._pipeline.batch(step.lines)
        failed = self._pipeline.process_batch(lines, self.sources, changes, step.failed)
        self._apply(changes)
        return Taken(lines, changes, failed)

    def finish(self) -> Changes:
        """Scores lines that still wait for the end of the warm-up."""
        changes = self._changes(self.applied or 0, 0.0)
        self.sources.finish(changes)
        self._apply(changes)
        return changes

    def _changes(self, end: int, now: float) -> Changes:
        return Changes(self._source, 0, expected=self.applied, end=end, now=now)

    def _apply(self, changes: Changes) -> None:
        fold(changes)
        self._trim(changes)
        self.sources.decided(self._keeper.apply(changes))
        self.applied = changes.end
