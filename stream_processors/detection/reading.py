"""From a partition's messages to lines, in steps that take whole messages: parsing, joining, bounds, times.

What is held back, since it may be continued, ends a step before it. So what is applied never has to be undone, and what
was held is read again by whoever goes on from the store.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from connectors.envelopes import Reader, ReadingSettings
from connectors.envelopes.confluent import Schemas
from connectors.envelopes.envelope import Undecodable
from connectors.envelopes.joining import Group, Joiner, Part, joined
from connectors.formats.clock import believed
from connectors.records import Line, Message
from stream_processors.detection.ahead import WHOLE, Ahead, line_of, scan_messages
from stream_processors.detection.arriving import Messages, Queue
from stream_processors.detection.lines import ScannedLines

FEW = 16
"""When fewer messages wait, each is read by itself."""
HELD_LINES = 10_000
"""Lines that may be held back; when more are, nothing waits for a continuation any longer."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A line, or a whole message, that could not be processed, and why."""

    line: Line
    error: Exception
    whole: bool = False
    """Whether it is the message, with all of its lines."""
    lines: int = 1
    """How many it counts as."""
    ours: bool = True
    """Whether it may be our fault; False where the message itself says that it can't be read here."""


@dataclass(slots=True)
class Step:
    """Lines of whole messages of one partition, to take effect together."""

    end: int
    """Offset after them."""
    lines: Sequence[Line] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    joined: dict[tuple[int, int], list[Line]] = field(default_factory=dict)
    """Of a line that is made of several, offset and index to the parts, not parsed."""

    @property
    def offsets(self) -> set[int]:
        """Of the messages that its lines begin in."""
        lines = self.lines
        found = (
            set(lines.offsets.tolist())
            if isinstance(lines, ScannedLines)
            else {line.offset for line in lines}
        )
        return found | {failure.line.offset for failure in self.failed}

    def whole(self, failed: Iterable[Failed]) -> list[Failed]:
        """Failures of lines, those of joined ones once for each of their parts."""
        return [
            replace(failure, line=part)
            for failure in failed
            for part in self.joined.get((failure.line.offset, failure.line.index), [failure.line])
        ]


class LineReader:
    """Reads the messages of one partition of a topic.

    start: offset of the first one to come. schemas: what knows those of Confluent's wire format. few: when fewer
    messages wait, each is read by itself.
    """

    def __init__(
        self,
        settings: ReadingSettings | None = None,
        *,
        start: int = 0,
        schemas: Schemas | None = None,
        few: int = FEW,
    ) -> None:
        self.reader = Reader(settings, schemas=schemas)
        self._by_line = self.reader.settings.time == "line"
        self._traces = self.reader.settings.multiline
        self._joiner = Joiner(traces=self._traces)
        self._messages = Queue()
        self._few = few
        self._ahead: Ahead | None = None
        self._groups: list[Group] = []
        self._failed: list[Failed] = []
        self._end = self._done = start
        self._closed = False

    def add(self, messages: Messages | Iterable[Message], end: int) -> None:
        """Takes messages in the order of their offsets; ``end`` is the offset after them."""
        self._messages.add(messages if isinstance(messages, Messages) else Messages.of([*messages]))
        self._end = max(self._end, end)

    def state(self) -> bytes:
        """What header lines said of the lines to come, for a snapshot."""
        return self.reader.headers.state()

    def restore(self, state: bytes) -> None:
        """Takes up what ``state`` gave. Raises ValueError when it is not that."""
        try:
            self.reader.headers.restore(state)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not the state of a reader: {error}") from error

    @property
    def done(self) -> int:
        """Offset after the last step."""
        return self._done

    @property
    def until(self) -> float | None:
        """When what is held back is due, on the monotonic clock; None when nothing is."""
        return self._joiner.until

    def close(self) -> None:
        """No message is to come: the next steps hold nothing back."""
        self._closed = True

    def step(self, most_lines: int, *, before: int | None = None) -> Step | None:
        """The next step, of at least one message and about ``most_lines`` lines; None when there is nothing to take.

        before: an offset that no step goes across; lines before it wait for nothing. Raises what is neither the
        message's fault nor ours (a registry that can't be reached): nothing is taken then.
        """
        limit = self._end if before is None or before <= self._done else min(before, self._end)
        if not self._traces and (step := self._scan(most_lines, limit)) is not None:
            return step
        now = time.monotonic()
        while True:
            taken = self._take(most_lines, limit, now)
            self._joiner.close(now)  # after what has come meanwhile: it may go on with what waits
            if before == limit or self._closed or len(self._groups) > HELD_LINES:
                self._joiner.close()
            end = self._boundary(limit)
            if end > self._done:
                return self._cut(end)
            if not taken:
                return None
            most_lines += len(self._groups)

    def _scan(self, most_lines: int, limit: int) -> Step | None:
        """The step as arrays; None when there are few messages, or when a line waits for its continuation."""
        if self._ahead is None:
            if self._groups or self._failed or self._joiner.until is not None:
                return None
            messages = self._messages.together(most_lines, limit)
            if messages.size < self._few:
                return None
            self._ahead = scan_messages(self.reader, messages, by_line=self._by_line)
            if self._ahead is None:
                return None
            self._messages.drop(messages.size)
        part, self._ahead = self._ahead.cut(most_lines, limit)
        self._done = limit
        if self._ahead is not None:
            self._done = int(self._ahead.messages.offsets[0])
        elif self._messages:
            self._done = min(limit, self._messages.first)
        failed = [
            Failed(line_of(message), error, whole=True, ours=False)
            if index == WHOLE
            else Failed(line_of(message, index), error)
            for message, index, error in part.failed
        ]
        return Step(self._done, part.lines, failed)

    def _take(self, most_lines: int, limit: int, now: float) -> bool:
        """Unwraps messages until there are enough lines; whether there was any."""
        taken = False
        add, groups = self._joiner.add, self._groups
        while self._messages and self._messages.first < limit and len(groups) < most_lines:
            try:
                found = self.reader.unwrap(self._messages.value)
            except Undecodable as error:
                message, found = self._messages.pop(), []
                self._failed.append(Failed(line_of(message), error, whole=True, ours=False))
            else:
                message = self._messages.pop()
            for index, unread in enumerate(found):
                group = add(Part(message, index, unread), now)
                if group is not None:
                    groups.append(group)
            taken = True
        return taken

    def _boundary(self, limit: int) -> int:
        """Where a step may end: before what is not taken yet, before every open line, and across no joined one."""
        end = limit
        if self._messages:
            end = min(end, self._messages.first)
        if (first := self._joiner.first) is not None:
            end = min(end, first)
        for group in reversed(self._groups):
            if len(group) > 1 and group[0].message.offset < end <= group[-1].message.offset:
                end = group[0].message.offset
        return end

    def _cut(self, end: int) -> Step:
        """The step up to ``end``; what comes after it stays held back."""
        step = Step(end)
        held = next((at for at, group in enumerate(self._groups) if group[0].message.offset >= end), None)
        ready = self._groups[:held]
        self._groups = self._groups[len(ready) :]
        step.failed = [failure for failure in self._failed if failure.line.offset < end]
        self._failed = [failure for failure in self._failed if failure.line.offset >= end]
        self._parse(ready, step)
        self._done = end
        return step

    def _parse(self, groups: list[Group], step: Step) -> None:
        """Adds each group's line to the step, or why it can't be parsed; nothing for a line that names columns."""
        parse, by_line, now = self.reader.parse, self._by_line, time.time()
        lines: list[Line] = []
        for group in groups:
            message, index, unread = group[0].message, group[0].index, group[0].unread
            if len(group) > 1:
                unread = self.reader.unwrap_again(joined(group))
                step.joined[message.offset, index] = [line_of(p.message, p.index) for p in group]
            try:
                record = parse(unread)
            except Exception as error:
                step.failed.append(Failed(line_of(message, index), error))
                continue
            if record is not None:
                if len(group) > 1 and isinstance(unread.line, str):
                    record.line = unread.line  # the message alone would show its first part only
                happened = believed(record.time, message.timestamp, now) if by_line else message.timestamp
                lines.append(line_of(message, index, record, happened))
        step.lines = lines
