"""What is known of all lines of one shape: which of their parts become which columns, text and time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import getitem, itemgetter
from typing import Any, NamedTuple

from connectors.formats.clock import UTC, Clock
from connectors.formats.pairs import SLOTS, SilentSlot, Slot, bare, event_times
from connectors.formats.severity import level_names, severity_of_field
from connectors.formats.times import parse_time
from connectors.records import UNSTATED, Record

Parts = list[Any]
"""What a line was taken apart into: strings, and tuples of the values of one name."""
Pick = Callable[[Parts], tuple[Any, ...]]


class Level(dict[str, int]):
    """Severities of the values of one name, remembered."""

    __slots__ = ("name",)
    VALUES = 64

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __missing__(self, value: str) -> int:
        severity = severity_of_field(self.name, value)
        if len(self) < self.VALUES and len(value) <= self.VALUES:
            self[value] = severity
        return severity


class Plan(NamedTuple):
    """The places of all that a record needs among the parts of a line."""

    names: tuple[str, ...]
    take: Pick
    slots: tuple[Slot, ...]
    show: Pick
    bare: str
    times: tuple[int, ...]
    levels: tuple[tuple[Level, int], ...]
    messages: tuple[int, ...]

    @classmethod
    def of(
        cls, places: Mapping[str, int], shown: Mapping[str, int] | None = None, messages: Sequence[int] = ()
    ) -> Plan:
        """From the places of columns, of those in the text where they differ, and of messages, the best first."""
        shown = places if shown is None else shown
        names = tuple(places)
        visible = [name for name in shown if type(SLOTS[name]) is not SilentSlot]
        return cls(
            names=names,
            take=picker(places.values()),
            slots=tuple([SLOTS[name] for name in visible]),
            show=picker([shown[name] for name in visible]),
            bare=bare(shown),
            times=tuple([places[name] for name in event_times(names)]),
            levels=tuple([(Level(name), places[name]) for name in level_names(names)]),
            messages=tuple(messages),
        )

    def record(
        self,
        format_: str,
        parts: Parts,
        time: float | None,
        clock: Clock = UTC,
    ) -> Record:
        """The record of a line; time: used when the line states none."""
        for place in self.times:
            if (stated := parse_time(parts[place], clock)) is not None:
                time = stated
                break
        severity = UNSTATED
        for level, place in self.levels:
            if severity := level[parts[place]]:
                break
        message = self.message(parts)
        return Record(self.text(parts), format_, self.fields(parts), time, severity, None, False, message)

    def text(self, parts: Parts) -> str:
        """What the encoder reads."""
        return "".join(map(getitem, self.slots, self.show(parts)))[1:] or self.bare

    def fields(self, parts: Parts) -> dict[str, str]:
        """The columns."""
        return dict(zip(self.names, self.take(parts)))  # noqa: B905 (as many by plan)

    def message(self, parts: Parts) -> str | None:
        """What the line says to people; None when it has no such part."""
        for place in self.messages:
            if message := parts[place]:
                return message  # type: ignore[no-any-return]
        return None


def picker(places: Iterable[int]) -> Pick:
    """What takes the parts at so many places as a tuple."""
    places = tuple(places)
    if len(places) > 1:
        return itemgetter(*places)
    return (lambda parts: (parts[places[0]],)) if places else (lambda parts: ())
