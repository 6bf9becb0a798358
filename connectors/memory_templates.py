"""The templates of one source in memory, and what was decided about them."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from typing import Any

from connectors.decisions import MOST_NEWS, Decided, News, SourceApplied
from connectors.patterns import HOURS, Merge, Template, together
from connectors.store import counted_minutes

Minutes = dict[int, int]
"""Minutes since the epoch to lines."""


class SourceTemplates:
    """What a source's partitions say of templates, put together; the first one's decision stays."""

    def __init__(self) -> None:
        self._templates: dict[str, Template] = {}
        self._hours: dict[str, dict[int, tuple[int, Minutes]]] = {}
        self._pattern_of: dict[str, str] = {}
        self._merges: dict[str, Merge] = {}
        self._today: dict[str, str] = {}
        self._log: dict[str, int] = {}
        self._merge_log: dict[str, int] = {}
        self._position = 0

    @property
    def patterns(self) -> int:
        """How many patterns there are."""
        return len({self._pattern_of.get(name, name) for name in self._templates})

    def apply(
        self, templates: list[Template], merges: list[Merge], seen: int | None, now: float
    ) -> SourceApplied:
        """Adds what one step says. ``seen``, ``now``: as ``Findings.seen``; seconds since the epoch."""
        otherwise, mine = {}, set()
        for change in templates:
            decided = self._add(change, now)
            if change.text:
                mine.add(change.id)
                if decided != change.pattern:
                    otherwise[change.id] = decided
        for merge in merges:
            self._merge(merge, now)
        missing = (change.id for change in templates if not self._templates[change.id].text)
        news = None if seen is None else self._news(seen, MOST_NEWS, mine)
        return SourceApplied(otherwise, tuple(missing), news)

    def _add(self, change: Template, now: float) -> str:
        """Adds to a template, or founds it; returns its pattern."""
        old, last_seen = self._templates.get(change.id), min(change.last_seen, now)
        kept = replace(change, last_seen=last_seen, minutes=())
        if old is not None:
            slots = {(slot.slot, slot.type): slot for slot in old.parameters}
            for slot in change.parameters:
                place = slot.slot, slot.type
                slots[place] = together(slots[place], slot) if place in slots else slot
            founder = old if old.text or not change.text else change
            remade = change.text and change.model != old.model
            kept = replace(
                founder,
                count=old.count + change.count,
                first_seen=min(old.first_seen, change.first_seen),
                last_seen=max(old.last_seen, last_seen),
                vector=change.vector if remade else founder.vector,
                model=change.model if remade else founder.model,
                minutes=(),
                parameters=tuple(slots.values()),
            )
        self._templates.pop(change.id, None)  # the order is that of their use
        self._templates[change.id] = kept
        self._count(change, now)
        if change.text and change.id not in self._pattern_of:
            self._pattern_of[change.id] = self.pattern_of_today(change.pattern)
        if change.text and (old is None or not old.text or old.model != change.model):
            self._log[change.id] = self._next(now)
        return self._pattern_of.get(change.id, change.id)

    def _count(self, change: Template, now: float) -> None:
        hours = self._hours.setdefault(change.id, {})
        for minute, count in counted_minutes(change.minutes, now).items():
            hour, place = minute // 60, minute // 60 % HOURS
            latest, counts = hours.get(place, (-1, {}))
            if hour > latest:
                hours[place] = hour, {minute: count}
            elif hour == latest:
                counts[minute] = counts.get(minute, 0) + count

    def _next(self, now: float) -> int:
        """Positions go up with the clock: one of a source that was forgotten and began anew is known as old."""
        self._position = max(self._position + 1, math.floor(now * 1_000))
        return self._position

    def pattern_of_today(self, pattern: str) -> str:
        """What a pattern became part of, or the pattern itself."""
        return self._today.get(pattern, pattern)

    def pattern_of(self, template: str) -> str:
        """The pattern of a template today; the template itself where it is not known."""
        return self._pattern_of.get(template, template)

    def _merge(self, merge: Merge, now: float) -> None:
        gone, stays = self.pattern_of_today(merge.pattern), self.pattern_of_today(merge.into)
        if gone == stays:
            return
        founders = [self._templates.get(name) for name in (gone, stays)]
        if None not in founders:
            seen = [(founder.first_seen, founder.id) for founder in founders if founder is not None]
            if seen[0] < seen[1]:
                gone, stays = stays, gone
        self._merges[gone] = Merge(gone, stays, merge.time, merge.reason)
        self._merge_log[gone] = self._next(now)
        self._today[gone] = gone
        for pointing in (self._today, self._pattern_of):
            for name, pattern in pointing.items():
                if pattern == gone:
                    pointing[name] = stays

    def _news(self, seen: int, most: float, mine: set[str]) -> News:
        later = [(at, name, True) for name, at in self._log.items() if at > seen]
        later += [(at, name, False) for name, at in self._merge_log.items() if at > seen]
        later = [entry for entry in sorted(later) if not (entry[2] and entry[1] in mine)]
        shown = later if len(later) <= most else later[: int(most)]
        return News(
            tuple(self._decided(name) for _, name, is_template in shown if is_template),
            tuple(self._merges[name] for _, name, is_template in shown if not is_template),
            self._position if shown is later else shown[-1][0],
        )

    def _decided(self, name: str) -> Decided:
        kept = self._templates[name]
        return Decided(name, kept.text, self._pattern_of[name], kept.first_seen, kept.vector, kept.model)

    def known(self) -> News:
        """All decisions there are."""
        return self._news(0, math.inf, set())

    def read(self) -> list[Template]:
        """Every template with its pattern of today."""
        return [
            replace(
                kept,
                pattern=self._pattern_of.get(name, name),
                minutes=tuple(
                    sorted(
                        pair for _, counts in self._hours.get(name, {}).values() for pair in counts.items()
                    )
                ),
            )
            for name, kept in self._templates.items()
        ]

    def merges(self) -> list[Merge]:
        """How patterns merged, latest first."""
        return [
            self._merges[name]
            for name in sorted(self._merge_log, key=self._merge_log.__getitem__, reverse=True)
        ]

    def forget(self, most: int) -> None:
        """Forgets the templates unused for longest, an eighth of ``most`` at once when there are more, and likewise the
        oldest merges.
        """
        keep = most - most // 8
        if len(self._templates) > most:
            for name in list(islice(self._templates, len(self._templates) - keep)):
                self._templates.pop(name)
                self._hours.pop(name, None)
                self._pattern_of.pop(name, None)
                self._log.pop(name, None)
        if len(self._merge_log) > most:
            for name in list(islice(self._merge_log, len(self._merge_log) - keep)):
                self._merge_log.pop(name)
                self._merges.pop(name, None)
                self._today.pop(name, None)

    def state(self) -> dict[str, Any]:
        """All but what is counted by minute."""
        return {
            "templates": list(self._templates.values()),
            "pattern_of": self._pattern_of,
            "merges": list(self._merges.values()),
            "today": self._today,
            "log": self._log,
            "merge_log": self._merge_log,
            "position": self._position,
        }

    def restore(
        self,
        templates: list[Template],
        pattern_of: dict[str, str],
        merges: list[Merge],
        today: dict[str, str],
        log: dict[str, int],
        merge_log: dict[str, int],
        position: int,
    ) -> None:
        """Takes up what ``state`` gave."""
        self._templates = {template.id: template for template in templates}
        self._merges = {merge.pattern: merge for merge in merges}
        self._hours, self._pattern_of, self._today = {}, pattern_of, today
        self._log, self._merge_log, self._position = log, merge_log, position
