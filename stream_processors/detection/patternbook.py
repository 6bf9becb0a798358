"""Patterns: templates that say the same belong together.

Two templates say the same when their forms are equal, or when both fit a frame whose places are known to vary: enough
different words have stood there (``places``), or a name where another template has a placeholder. More templates only
ever join more, so a set of templates ends in the same groups in any order and any split into batches, on any number of
partitions that tell each other.

Words that say what happened (``words.SAID``) are never left out: failed and accepted, start and stop stay apart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_processors.detection.alignment import aligned
from stream_processors.detection.forms import form_of, key_of
from stream_processors.detection.frames import Frame, frames_of
from stream_processors.detection.places import FIXED, WORDS_VARY, Place

TEMPLATES = 4_096
"""Templates of a source that are known at once; those unused for longest are forgotten."""
SHOWN = 256
"""Templates of a pattern that its readable form is made of, at most."""
MERGES = 4_096
"""Patterns that have gone up in another whose ids are still followed, at most."""


class Known(NamedTuple):
    """A template."""

    id: str
    text: str
    vector: NDArray[np.float32] | None = None
    """Its centred unit vector, float32 (dim,), where there is one."""
    first_seen: float = 0.0
    """Seconds since the epoch."""


class Merge(NamedTuple):
    """A pattern that went up in another."""

    pattern: str
    into: str
    time: float
    """When the youngest template that shows it was first seen, in seconds since the epoch."""
    reason: str


@dataclass(slots=True)
class Decisions:
    """What was decided about templates."""

    patterns: dict[str, str]
    """Pattern of each template asked about."""
    merges: list[Merge]
    """Patterns decided earlier that turn out to say the same."""


@dataclass(slots=True)
class _Entry:
    """A form, and the templates that have it."""

    pattern: str
    templates: dict[str, None] = field(default_factory=dict)
    frames: list[int] = field(default_factory=list)


@lru_cache(maxsize=TEMPLATES)
def taken_apart(text: str) -> tuple[int, tuple[Frame, ...]]:
    """The key of a template's form, and its frames, kept for all books: a source's partitions know the same ones."""
    form = form_of(text)
    return key_of(form), tuple(frames_of(form))


class PatternBook:
    """The patterns of one source as one partition knows them. No I/O, one thread."""

    def __init__(self, limit: int = TEMPLATES) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self._limit = limit
        self._known: OrderedDict[str, tuple[str, int]] = (
            OrderedDict()
        )  # id -> text and key of the form, by use
        self._entries: dict[int, _Entry] = {}
        self._places: dict[int, Place] = {}
        self._alone: dict[int, tuple[int, Frame]] = {}
        """Frames that one form fits, with its key: most stay so, and a place takes a kilobyte."""
        self._founded: dict[str, float] = {}  # pattern -> when its founder was first seen
        self._members: dict[str, set[int]] = {}  # pattern -> keys of its forms
        self._into: OrderedDict[str, str] = OrderedDict()
        self._merges: list[Merge] = []
        self._new: set[str] = set()  # patterns founded by the call in progress
        self._time = 0.0

    def __len__(self) -> int:
        """Templates known."""
        return len(self._known)

    def add(self, known: Sequence[Known]) -> Decisions:
        """Decides the patterns of templates; one known already keeps its own and counts as used."""
        for template in known:
            self._learn(template, None)
        return self._decided([template.id for template in known])

    def adopt(
        self, known: Sequence[Known], patterns: Mapping[str, str], merges: Iterable[tuple[str, str]] = ()
    ) -> Decisions:
        """Takes what the store has decided: templates of others, patterns by template id, (pattern, into) pairs.

        ``patterns`` may name templates that are known here already: what the store says holds. The merges returned are
        those that nobody has recorded yet.
        """
        for template in known:
            self._learn(template, patterns.get(template.id))
        for template_id, pattern in patterns.items():
            if template_id in self._known:
                mine = self._entries[self._known[template_id][1]].pattern
                self._join(mine, self._pattern(pattern, self._time), "decided by another worker")
        for pattern, into in merges:
            self._obey(pattern, into)
        return self._decided([template.id for template in known])

    def pattern_of(self, template_id: str) -> str:
        """The pattern of a known template, now. Raises KeyError for one that is not known, or forgotten."""
        return self._entries[self._known[template_id][1]].pattern

    def use(self, template_ids: Iterable[str]) -> None:
        """Notes that templates were seen again: they are forgotten last."""
        for template_id in template_ids:
            if template_id in self._known:
                self._known.move_to_end(template_id)

    def readable(self, pattern: str) -> str:
        """The pattern's template: what its templates have in common, ``<*>`` elsewhere. "" when it isn't known."""
        members = sorted(self._members.get(self._follow(pattern), ()))
        ids = [name for key in members[:SHOWN] for name in sorted(self._entries[key].templates)[:SHOWN]]
        return aligned(sorted({self._known[name][0] for name in ids[:SHOWN]}))

    def state(self) -> dict[str, NDArray]:
        """The book as arrays, the templates in the order of their use."""
        texts = [text.encode("utf-8", "surrogatepass") for text, _ in self._known.values()]
        entries = [self._entries[key] for _, key in self._known.values()]
        varying = sorted(key for key, place in self._places.items() if place.varies)
        return {
            "ids": _numbers(self._known),
            "patterns": _numbers(entry.pattern for entry in entries),
            "texts": np.frombuffer(b"".join(texts), dtype=np.uint8),
            "ends": np.cumsum([len(text) for text in texts], dtype=np.int64),
            "founders": _numbers(self._founded),
            "founded": np.array(list(self._founded.values()), dtype=np.float64),
            "merged": _numbers(self._into),
            "into": _numbers(self._into.values()),
            "varying": np.array(varying, dtype=np.uint64),
            "varies": np.array([self._places[key].varies for key in varying], dtype=np.uint8),
            "time": np.array([self._time]),
        }

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """Takes up what ``state`` gave, the templates used last when it holds more than the limit now allows."""
        ids, patterns = _names(state["ids"]), _names(state["patterns"])
        ends = state["ends"].tolist()
        if not len(ids) == len(patterns) == len(ends):
            raise ValueError(
                f"{len(ids)} templates, {len(patterns)} patterns and {len(ends)} texts don't go together"
            )
        self.__init__(self._limit)  # type: ignore[misc]
        self._founded = dict(zip(_names(state["founders"]), state["founded"].tolist(), strict=True))
        self._into.update(zip(_names(state["merged"]), _names(state["into"]), strict=True))
        self._time = float(state["time"][0])
        varying = dict(zip(state["varying"].tolist(), state["varies"].tolist(), strict=True))
        data = state["texts"].tobytes()
        for template_id, pattern, begin, end in zip(ids, patterns, [0, *ends], ends, strict=False):
            text = data[begin:end].decode("utf-8", "surrogatepass")
            self._learn(Known(template_id, text), pattern, varying)
        self._forget()

    def _learn(
        self, template: Known, pattern: str | None, varying: Mapping[int, int] = MappingProxyType({})
    ) -> None:
        """Takes in a template. pattern: as decided elsewhere. varying: frames known to vary from before."""
        if template.id in self._known:
            self._known.move_to_end(template.id)
            return
        self._time = max(self._time, template.first_seen)
        key, frames = taken_apart(template.text)
        self._known[template.id] = template.text, key
        entry = self._entries.get(key)
        if entry is not None:
            entry.templates[template.id] = None
            if pattern is not None:
                self._join(
                    entry.pattern, self._pattern(pattern, template.first_seen), "alike but for what varies"
                )
            return
        if pattern is None:
            self._new.add(template.id)
        mine = self._pattern(pattern or template.id, template.first_seen)
        entry = self._entries[key] = _Entry(mine, {template.id: None})
        self._members.setdefault(mine, set()).add(key)
        for frame in frames:
            entry.frames.append(frame.key)
            place = self._place(frame.key)
            if place is None and frame.key not in self._entries and frame.key not in varying:
                self._alone[frame.key] = key, frame
                continue
            if place is None:
                place = self._places[frame.key] = Place(frame.words)
            place.varies = max(place.varies, varying.get(frame.key, FIXED))
            place.take(key, frame)
            self._fill(frame.key, key)
        if self._place(key) is not None:
            self._fill(key, key)

    def _place(self, frame: int) -> Place | None:
        """What fits a frame; None where nothing does."""
        alone = self._alone.pop(frame, None)
        if alone is not None:
            place = self._places[frame] = Place(alone[1].words)
            place.take(*alone)
        return self._places.get(frame)

    def _fill(self, frame: int, key: int) -> None:
        """Joins what fits a frame, as far as its places vary. key: of the form that is new."""
        place = self._places[frame]
        varies, reason = place.evidence(frame in self._entries)
        varies = max(varies, place.varies)
        if varies == FIXED:
            return
        fitting = [place.names, *([place.others] if varies == WORDS_VARY else [])]
        first = next((name for names in fitting for name in names), frame)
        if varies > place.varies:
            joining = [name for names in fitting for name in names]
        else:  # all but the new one are together already
            joining = [key] if any(key in names for names in fitting) else []
        if frame in self._entries and (varies > place.varies or frame == key):
            joining.append(frame)
        place.varies = varies
        for other in joining:
            self._join(self._entries[first].pattern, self._entries[other].pattern, reason)

    def _pattern(self, pattern: str, first_seen: float) -> str:
        """The pattern that ``pattern`` is now, which is noted if it's new."""
        now = self._follow(pattern)
        self._founded.setdefault(now, first_seen)
        return now

    def _follow(self, pattern: str) -> str:
        while pattern in self._into:
            pattern = self._into[pattern]
        return pattern

    def _join(self, one: str, other: str, reason: str) -> None:
        """Makes one pattern of two: the one decided before this call stays, else the one first seen earlier."""
        if one == other:
            return
        into, pattern = sorted(
            (one, other), key=lambda name: (name in self._new, self._founded.get(name, self._time), name)
        )
        self._absorb(pattern, into)
        if pattern in self._new:
            self._new.discard(pattern)
        else:
            self._merges.append(Merge(pattern, into, self._time, reason))

    def _absorb(self, pattern: str, into: str) -> None:
        keys = self._members.pop(pattern, set())
        for key in keys:
            self._entries[key].pattern = into
        self._members.setdefault(into, set()).update(keys)
        self._founded.setdefault(into, self._founded.pop(pattern, self._time))
        self._into[pattern] = into
        while len(self._into) > MERGES:
            self._into.popitem(last=False)

    def _obey(self, pattern: str, into: str) -> None:
        """Takes up a merge that is recorded already, in its direction."""
        mine, stays = self._follow(pattern), self._follow(into)
        if mine == stays == pattern:  # known here the other way round
            self._into.pop(into, None)
            stays = into
        if mine != stays:
            self._absorb(mine, stays)

    def _decided(self, ids: list[str]) -> Decisions:
        decisions = Decisions({name: self.pattern_of(name) for name in ids}, self._merges)
        self._merges, self._new = [], set()
        self._forget()
        return decisions

    def _forget(self) -> None:
        """Forgets the templates unused for longest, beyond the limit."""
        while len(self._known) > self._limit:
            template_id, (_, key) = self._known.popitem(last=False)
            entry = self._entries[key]
            del entry.templates[template_id]
            if entry.templates:
                continue
            del self._entries[key]
            for frame in entry.frames:
                if self._alone.pop(frame, None) is None and self._places[frame].forget(key):
                    del self._places[frame]
            members = self._members[entry.pattern]
            members.discard(key)
            if not members:
                del self._members[entry.pattern]
                self._founded.pop(entry.pattern, None)


def _numbers(names: Iterable[str]) -> NDArray[np.uint64]:
    return np.array([int(name, 16) for name in names], dtype=np.uint64)


def _names(numbers: NDArray) -> list[str]:
    return [f"{number:016x}" for number in numbers.tolist()]
