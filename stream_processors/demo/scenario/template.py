"""What a kind of line is: a name, a weight and a function that writes one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment

Writer = Callable[[Draw, Moment], str]

# Shared by the JSON systems; `json.dumps` with separators would build an encoder for every line.
compact_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of ordinary line; `weight` is relative to the other kinds of its system."""

    name: str
    weight: float
    write: Writer


@dataclass(frozen=True, slots=True)
class System:
    """A log source: its share of all lines, how far office hours swing that share, its kinds of line."""

    name: str
    share: float
    swing: float
    templates: list[Template] = field(default_factory=list)

    def add(self, name: str, weight: float, write: Writer) -> None:
        """Register a kind of line as `<system>.<name>`."""
        self.templates.append(Template(f"{self.name}.{name}", weight, write))

    def kind(self, name: str, weight: float) -> Callable[[Writer], Writer]:
        """Register the decorated function as the writer of `<system>.<name>`."""

        def register(write: Writer) -> Writer:
            self.add(name, weight, write)
            return write

        return register
