"""Lines that came as a message each and are one: the frames of a stack trace, the pieces of a long line (CRI's ``P``).

Nothing here waits: what is held back stays with the caller, who applies nothing from the first held line on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import pairwise

from connectors.envelopes.unread import Unread
from connectors.records import Message

MOST_LINES = 500
"""Lines that are joined to one at most; what comes after them begins the next one."""
MOST_CHARACTERS = 256 << 10
"""Characters of a joined line at most, likewise."""
MOST_SECONDS = 1.0
"""How long an open line waits for its continuation."""

_CONTINUES = re.compile(r"\s|Caused by:|at |Traceback|Suppressed:|\.\.\. [0-9]+ ")
_TRACEBACK = "Traceback (most recent call last)"
# The last line of a Python traceback is the only one that begins at the margin.
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:: |:?$)")


@dataclass(slots=True)
class Part:
    """One line of a message."""

    message: Message
    index: int
    unread: Unread


Group = list[Part]
"""Parts that are one line; most have one."""


@dataclass(slots=True)
class Open:
    """A group that its stream's next line may continue."""

    group: Group
    touched: float
    characters: int
    partial: bool
    """Whether the line surely goes on."""
    traceback: bool = False
    """Whether the last line of a Python traceback is still to come."""


@dataclass(slots=True)
class Joiner:
    """The open lines of one partition, one a stream.

    traces: whether stack traces are joined; partial lines always are. Times are seconds of any steady clock.
    """

    traces: bool
    _open: dict[str, Open] = field(default_factory=dict)

    def add(self, part: Part, now: float) -> Group | None:
        """The group that a line begins; None when it continues one that was given before."""
        unread = part.unread
        around = unread.around
        partial = around is not None and around.partial
        if not (self.traces or partial or self._open):
            return [part]
        stream = stream_of(part)
        known = self._open.pop(stream, None)
        text = unread.line
        if known is not None and isinstance(text, str) and self._continues(known, text):
            known.group.append(part)
            known.partial, known.touched = partial, now
            known.characters += len(text)
            if partial or self.traces:
                self._keep(stream, known)
            return None
        group = [part]
        if partial or (self.traces and isinstance(text, str)):
            self._keep(stream, Open(group, now, len(text), partial, str(text).startswith(_TRACEBACK)))
        return group

    def _continues(self, known: Open, text: str) -> bool:
        if known.partial:
            return True
        if known.traceback and _RAISED.match(text):
            known.traceback = False
            return True
        if text.startswith(_TRACEBACK):
            known.traceback = True
        return _CONTINUES.match(text) is not None

    def _keep(self, stream: str, line: Open) -> None:
        if len(line.group) < MOST_LINES and line.characters < MOST_CHARACTERS:
            self._open[stream] = line

    def close(self, now: float | None = None) -> None:
        """Ends the lines that waited for MOST_SECONDS; all of them without a time."""
        if now is None:
            self._open.clear()
        for stream in [s for s, line in self._open.items() if line.touched + MOST_SECONDS <= (now or 0.0)]:
            del self._open[stream]

    @property
    def first(self) -> int | None:
        """Offset of the first line that is open."""
        return min((line.group[0].message.offset for line in self._open.values()), default=None)

    @property
    def until(self) -> float | None:
        """When the first of the open lines has waited long enough; None when none is open."""
        return min((line.touched + MOST_SECONDS for line in self._open.values()), default=None)


def stream_of(part: Part) -> str:
    """What a line and its continuation have in common: what its envelope names, else the message's key."""
    around = part.unread.around
    if around is not None and around.stream:
        return around.stream
    return part.message.key.decode("utf-8", "replace") if part.message.key else ""


def joined(group: Group) -> Unread:
    """The line that a group is: pieces of a partial line as they were cut, the lines of a trace under each other."""
    first = group[0].unread
    pieces = [str(first.line)]
    for before, part in pairwise(group):
        around = before.unread.around
        pieces += ["" if around is not None and around.partial else "\n", str(part.unread.line)]
    around = first.around and replace(first.around, partial=False)
    return first._replace(line="".join(pieces), around=around)
