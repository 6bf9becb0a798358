"""What an envelope passes on without looking at it: all else in two objects being equal, both are undone alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds

Path = tuple[str, ...]
"""Names from the outside to the inside; those of a list's items are the list's own."""

KEPT, LINE, TIME, CONTENT, HEADLINE, BESIDE = range(6)
"""What a value is to its envelope: looked at; the line, as text; the time; a part of a line that is an object; the
same, of which the first line counts; nothing but the shipper's."""


class Passing(NamedTuple):
    """The values of one envelope's object that it passes on, by their paths."""

    line: Path | None = None
    """Text that is the line."""
    strips: bool = False
    """Whether line ends behind that are left out."""
    time: Path | None = None
    seconds: Callable[[Any], float | None] = seconds
    """How the time is read; an object where it gives None is undone in the plain way."""
    headline: Path | None = None
    content: tuple[Path, ...] = ()
    """What is below these is a part of the line, an object, whatever it is."""
    beside: tuple[Path, ...] = ()
    """What is below these is the shipper's alone."""
    kept: tuple[Path, ...] = ()
    """What is below these is looked at, although it is below one of the others."""
    stream: tuple[Path, ...] = ()
    """What only says which stream a line is of, such as the path of its file: looked at where that matters."""

    def role(self, path: Path) -> int:
        """What a value is."""
        if path == self.line:
            return LINE
        if path == self.time:
            return TIME
        if path == self.headline:
            return HEADLINE
        if _is_below(path, self.kept) or _is_below(path, self.stream):
            return KEPT
        if _is_below(path, self.content):
            return CONTENT
        return BESIDE if _is_below(path, self.beside) else KEPT

    def without_streams(self) -> Passing:
        """Where nothing depends on the stream of a line."""
        return self._replace(beside=self.beside + self.stream, stream=())


@runtime_checkable
class Passes(Protocol):
    """An object's envelope that can say what it passes on."""

    name: str

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The lines of an object."""

    def passing(self, event: dict[str, Any]) -> Passing | None:
        """What it passes on of an object that it undoes, by the names and types in it alone; None when it looks at all.

        Numbers, texts and nothing else are passed on; words such as ``true`` count as looked at.
        """


EVERYTHING = Passing(content=((),))
"""Of an object that is a line by itself."""


def _is_below(path: Path, places: tuple[Path, ...]) -> bool:
    return any(path[: len(place)] == place for place in places)
