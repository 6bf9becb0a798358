"""How structured fields become one text: ``key=value`` of all but the times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import itemgetter

MAX_FIELDS = 200
MAX_VALUE = 256
"""Longest value in the text, in characters; ``Record.fields`` keeps the whole."""

# Normalised (lower case, letters and digits only). The event's own time, best known names.
_EVENT_TIME_KEYS = frozenset(
    {"time", "timestamp", "ts", "rt", "date", "datetime", "isotimestamp", "logtime", "localtime", "asctime"}
    | {"eventtime", "eventtimestamp", "utctime", "unixtime", "calendartime", "systemtime", "devtime"}
    | {"timecreated", "timegenerated", "timegeneratedutc", "creationtime", "createdatetime", "published"}
)
# Read as the event's time where none of those is there.
_SECOND_TIME_KEYS = frozenset(
    {"t", "msec", "epochsecond", "epochmillis", "timemillis", "timems", "timestampms", "timeunixnano"}
    | {"timeiso8601", "timelocal", "dateutc", "datetimeutc", "eventtimeutc", "generatedtime", "timereported"}
    | {"eventdate", "logdate", "loggedat", "loggingtime", "sourcetimestamp", "realtimetimestamp"}
    | {"requestreceivedtimestamp", "servertimestamp", "eventcreationtime", "occurredat", "observedtime"}
)
_OTHER_TIME_KEYS = frozenset(
    {"starttime", "endtime", "createdat", "updatedat", "creationdate", "publishdate", "lastupdated"}
    | {"receivedtime", "receipttime", "devicereceipttime", "eventreceivedtime", "ingesttime"}
    | {"ingestiontime", "expirationdate"}
)

Leaves = dict[str, "str | list[str]"]
"""Fields under their dotted names; a list where one name has several values."""


class Slot(dict["str | tuple[str, ...]", str]):
    """What the values of one name add to the text: a blank and ``key=value``, nothing for what stays out.

    Several values under one name are a tuple. Remembers the first values; one that is full of them, as that of an
    identifier is, works each out.
    """

    __slots__ = ("key",)
    VALUES = 256
    LONGEST = 128

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def __missing__(self, value: str | tuple[str, ...]) -> str:
        if type(value) is str:
            kept, length = value, len(value)
        else:
            kept = ",".join(filter(None, value))
            length = sum(map(len, value)) + len(value)
        text = f" {self.key}={kept[:MAX_VALUE]}" if kept else ""
        if len(self) < self.VALUES and length <= self.LONGEST:
            self[value] = text
            SLOTS.count()
        return text


class SilentSlot(Slot):
    """That of a time: no value is in the text."""

    __slots__ = ()

    def __missing__(self, value: str | tuple[str, ...]) -> str:
        return ""


class Slots(dict[str, Slot]):
    """The slot of each dotted name; what all of them hold is bounded, and forgotten when it is too much."""

    NAMES = 8_192
    VALUES = 200_000
    LONGEST = 128

    def __init__(self) -> None:
        super().__init__()
        self.forgets: list[Callable[[], None]] = [self.clear]
        """Called to forget: whoever holds slots lets go of them."""
        self._room = self.VALUES

    def __missing__(self, name: str) -> Slot:
        key, _, is_time = _key(name)
        slot = SilentSlot(key) if is_time else Slot(key)
        if len(name) <= self.LONGEST:
            if len(self) >= self.NAMES:
                self.forget()
            self[name] = slot
        return slot

    def count(self) -> None:
        """One more value is remembered somewhere."""
        self._room -= 1
        if self._room < 0:
            self.forget()

    def forget(self) -> None:
        """Begins anew."""
        self._room = self.VALUES
        for forget in self.forgets:
            forget()


SLOTS = Slots()


def add_leaf(leaves: Leaves, name: str, value: str) -> None:
    """Set a field unless there are ``MAX_FIELDS``; further values under one name make it a list.

    Lists are joined once at the end: appending to strings would be quadratic for a hostile line.
    """
    known = leaves.get(name)
    if known is None:
        if len(leaves) < MAX_FIELDS:
            leaves[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        leaves[name] = [known, value]


def joined(leaves: Leaves) -> dict[str, str]:
    """The fields of a record: every leaf as one string, lists joined by ``,``."""
    return {name: leaf if isinstance(leaf, str) else ",".join(leaf) for name, leaf in leaves.items()}


def short_key(name: str) -> str:
    """The last dotted component, ``type`` of ``userIdentity.type``."""
    return name.rpartition(".")[2] or name


@lru_cache(maxsize=4096)
def event_times(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a record's names whose value may be the time of the event, the best first."""
    ranked = [(rank, name) for name in names if (rank := _key(name)[1])]
    return tuple(name for _, name in sorted(ranked, key=itemgetter(0)))


def render(fields: Mapping[str, str | list[str]]) -> str:
    """``key=value`` pairs in the order of ``fields``, times and empty values left out.

    When nothing is left the names alone are given, which still tell one kind of record from another.
    """
    parts = [SLOTS[name][value if type(value) is str else tuple(value)] for name, value in fields.items()]
    return "".join(parts)[1:] or bare(fields)


def bare(names: Iterable[str]) -> str:
    """The text of a record that has nothing but times and empty values."""
    return " ".join([f"{short_key(name)}=" for name in names])


def _key(name: str) -> tuple[str, int, bool]:
    """Short key; rank among names of the event's time, 0 for none; whether it names any time."""
    # Long names are not worth remembering, and a sender could fill the memory with them.
    return _known_key(name) if len(name) <= 128 else (short_key(name), 0, False)


@lru_cache(maxsize=8192)
def _known_key(name: str) -> tuple[str, int, bool]:
    key = short_key(name)
    normalised = re.sub(r"[^a-z0-9]", "", key.lower())
    first = normalised in _EVENT_TIME_KEYS
    rank = 1 if first else 2 if normalised in _SECOND_TIME_KEYS else 0
    return key, rank, first or normalised in _OTHER_TIME_KEYS or normalised.endswith("timestamp")
