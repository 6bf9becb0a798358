"""From a partition's messages to lines, in steps that take whole messages: parsing, joining, bounds, times.

What is held back, since it may be continued, ends a step before it. So what is applied never has to be undone, and what
was held is read again by whoever goes on from the store.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice

from connectors.envelopes import Reader, ReadingSettings
from connectors.envelopes.confluent import Schemas
from connectors.envelopes.envelope import Undecodable
from connectors.envelopes.joining import Group, Joiner, Part, joined
from connectors.envelopes.unread import Unread
from connectors.formats.clock import believed
from connectors.records import Line, Message, Record

TOGETHER, FEW = 1_000, 16
"""Messages that are unwrapped together; when fewer than FEW wait, each is by itself."""
HELD_LINES = 10_000
"""Lines that may be held back; when more are, nothing waits for a continuation any longer."""
UNPARSED = Record(text="", format="raw")
"""The record of a line that could not be parsed."""


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
    lines: list[Line] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    joined: dict[tuple[int, int], list[Line]] = field(default_factory=dict)
    """Of a line that is made of several, offset and index to the parts, not parsed."""
    held: list[object] = field(default_factory=list)
    """The bytes that records take late parts from, while there is the step."""

    @property
    def offsets(self) -> set[int]:
        """Of the messages that its lines begin in."""
        return {line.offset for line in self.lines} | {failure.line.offset for failure in self.failed}

    def whole(self, failed: Iterable[Failed]) -> list[Failed]:
        """Failures of lines, those of joined ones once for each of their parts."""
        return [
            replace(failure, line=part)
            for failure in failed
            for part in self.joined.get((failure.line.offset, failure.line.index), [failure.line])
        ]


class LineReader:
    """Reads the messages of one partition of a topic.

    start: offset of the first one to come. schemas: what knows those of Confluent's wire format.
    """

    def __init__(
        self, settings: ReadingSettings | None = None, *, start: int = 0, schemas: Schemas | None = None
    ) -> None:
        self.reader = Reader(settings, schemas=schemas)
        self._by_line = self.reader.settings.time == "line"
        self._joiner = Joiner(traces=self.reader.settings.multiline)
        self._messages: deque[Message] = deque()
        self._unwrapped: deque[list[Unread] | None] = deque()
        """What is known of the first of them."""
        self._groups: list[Group] = []
        self._failed: list[Failed] = []
        self._end = self._done = start
        self._closed = False

    def add(self, messages: Iterable[Message], end: int) -> None:
        """Takes messages in the order of their offsets; ``end`` is the offset after them."""
        self._messages.extend(messages)
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

    def _take(self, most_lines: int, limit: int, now: float) -> bool:
        """Unwraps messages until there are enough lines; whether there was any."""
        taken = False
        add, groups = self._joiner.add, self._groups
        while self._messages and self._messages[0].offset < limit and len(groups) < most_lines:
            message = self._messages[0]
            if not self._unwrapped:
                self._unwrap_some()
            try:
                for index, unread in enumerate(self.reader.lines_of(message.value, self._unwrapped[0])):
                    group = add(Part(message, index, unread), now)
                    if group is not None:
                        groups.append(group)
            except Undecodable as error:
                self._failed.append(Failed(line_of(message), error, whole=True, ours=False))
            self._messages.popleft()
            self._unwrapped.popleft()
            taken = True
        return taken

    def _unwrap_some(self) -> None:
        """Unwraps the first messages together, unless they are few."""
        values = [message.value for message in islice(self._messages, TOGETHER)]
        self._unwrapped.extend(self.reader.unwrap_batch(values) if len(values) >= FEW else [None])

    def _boundary(self, limit: int) -> int:
        """Where a step may end: before what is not taken yet, before every open line, and across no joined one."""
        end = limit
        if self._messages:
            end = min(end, self._messages[0].offset)
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
        for group in groups:
            message, index, unread = group[0].message, group[0].index, group[0].unread
            if len(group) > 1:
                for part in group:
                    part.unread = self.reader.whole(part.unread)
                unread = self.reader.unwrap_again(joined(group))
                step.joined[message.offset, index] = [line_of(p.message, p.index) for p in group]
            try:
                record = parse(unread)
            except Exception as error:
                step.failed.append(Failed(line_of(message, index), error))
                continue
            if unread.late is not None and (not step.held or step.held[-1] is not unread.late.spans):
                step.held.append(unread.late.spans)
            if record is not None:
                if len(group) > 1 and isinstance(unread.line, str):
                    record.line = unread.line  # the message alone would show its first part only
                happened = believed(record.time, message.timestamp, now) if by_line else message.timestamp
                step.lines.append(line_of(message, index, record, happened))


def line_of(
    message: Message, index: int = 0, record: Record = UNPARSED, happened: float | None = None
) -> Line:
    """A line of a message, not parsed yet unless its record is given."""
    timestamp = message.timestamp if happened is None else happened
    return Line(message.offset, timestamp, record, message.key, message.value, message.headers, False, index)
