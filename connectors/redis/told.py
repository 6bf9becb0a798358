"""What this process has told a store of the slots of templates: it is not told again, whichever partition finds it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from connectors.patterns import SlotSummary, Template, together

TEMPLATES = 4_096
"""Templates of which it is known, of all sources; with more of them all begin anew, and are told once more."""
Slots = dict[tuple[str, str], SlotSummary]
"""By slot and type."""


class ToldSlots:
    """Slots as the store has them at least. Safe to use from many threads: what is told twice is found out there."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], Slots] = {}

    def news(self, source: str, templates: Sequence[Template]) -> list[Template]:
        """Changes of templates without the slots of which the store has all there is."""
        return [
            replace(one, parameters=tuple(self._more(self._told.get((source, one.id), {}), one.parameters)))
            if one.parameters
            else one
            for one in templates
        ]

    @staticmethod
    def _more(known: Slots, slots: Iterable[SlotSummary]) -> Iterable[SlotSummary]:
        for slot in slots:
            before = known.get((slot.slot, slot.type))
            if before is None or together(before, slot) != before:
                yield slot

    def told(self, source: str, templates: Sequence[Template], missing: Iterable[str]) -> None:
        """The store has taken these changes. missing: of templates that it has no text of."""
        for one in templates:
            if one.parameters:
                if len(self._told) >= TEMPLATES and (source, one.id) not in self._told:
                    self._told = {}
                slots = self._told.setdefault((source, one.id), {})
                for slot in one.parameters:
                    place = slot.slot, slot.type
                    slots[place] = together(slots[place], slot) if place in slots else slot
        for name in missing:
            self._told.pop((source, name), None)

    def forget(self) -> None:
        """The store may have lost everything."""
        self._told = {}
