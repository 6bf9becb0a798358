"""When a place of a frame varies: by how many different words have stood in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_processors.detection.frames import Frame
from stream_processors.detection.words import NAME

NAMES = 4
"""Different names in a place after which it is one that varies."""
NOUNS = 8
"""Different words of the language of logs in a place after which it is one that varies."""
FEW_WORDS = 4
"""Times as many are needed where only one word is left to tell what is said."""
FIXED, NAMES_VARY, WORDS_VARY = 0, 1, 2


@dataclass(slots=True)
class Place:
    """A frame, and the forms that fit it."""

    words: int
    """Words that are left in the frame."""
    names: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """By key of the form, what it has in the places left out, where all of that are names."""
    others: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """The same where it is another word."""
    seen_names: list[set[str]] = field(default_factory=list)
    """Different names of each place, no more than matter."""
    seen: set[str] = field(default_factory=set)
    """Different words of all places, no more than matter."""
    varies: int = 0
    """``FIXED``, ``NAMES_VARY`` or ``WORDS_VARY``."""

    def take(self, key: int, frame: Frame) -> None:
        """Adds a form that fits."""
        needed = FEW_WORDS if self.words == 1 else 1
        joined = " ".join(frame.fillers)
        if len(self.seen) < NOUNS * needed:
            self.seen.add(joined)
        if frame.kind != NAME:
            self.others[key] = frame.fillers
            return
        self.names[key] = frame.fillers
        if not self.seen_names:
            self.seen_names = [set() for _ in frame.fillers]
        if len(self.seen_names) != len(frame.fillers):  # lists of varying length: one place
            self.seen_names = [{" ".join(names) for names in self.names.values()}]
        values = frame.fillers if len(self.seen_names) == len(frame.fillers) else (joined,)
        for place, value in zip(self.seen_names, values, strict=True):
            if len(place) < NAMES * needed:
                place.add(value)

    def forget(self, key: int) -> bool:
        """Drops a form; true when none is left."""
        self.names.pop(key, None)
        self.others.pop(key, None)
        return not self.names and not self.others

    def evidence(self, placeholder: bool) -> tuple[int, str]:
        """How much varies, and why. placeholder: a template has a placeholder in each of the places."""
        needed = FEW_WORDS if self.words == 1 else 1
        if len(self.seen) >= NOUNS * needed // (2 if placeholder else 1):
            return WORDS_VARY, f"{len(self.seen)} words in one place: {_some(self.seen)}"
        if self.seen_names and all(len(place) >= NAMES * needed for place in self.seen_names):
            return NAMES_VARY, f"{len(self.seen_names[0])} names in one place: {_some(self.seen_names[0])}"
        if placeholder and self.names and needed == 1:
            return NAMES_VARY, f"a name where others have a placeholder: {_some(self.seen_names[0])}"
        return FIXED, ""


def _some(values: set[str]) -> str:
    return ", ".join(sorted(value[:32] for value in values)[:4])
