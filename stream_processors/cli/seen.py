"""The templates of an input and their patterns, as ``secencoder parse`` collects them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.records import Line
from encoder_core.templates import Match, Templates
from stream_processors.detection.matching import match_record
from stream_processors.detection.patternbook import Known, PatternBook

MOST = 100_000
"""Templates that are kept; lines of further ones are counted together."""
EXAMPLE = 1_024
"""Characters of an example that are kept."""


@dataclass(slots=True)
class Seen:
    """A template and the lines that have it."""

    id: str
    text: str
    example: str
    """Its first line."""
    first_seen: float
    count: int = 0


class SeenTemplates:
    """What was seen of an input: memory grows with its templates, never with its lines."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._seen: dict[str, Seen] = {}
        self._book: PatternBook | None = None
        self._patterns: dict[str, str] = {}
        self.others = 0
        """Lines of templates beyond ``MOST``."""

    def match(self, line: Line) -> Match:
        """The template and parameters of a line."""
        return match_record(line.record, self._templates)

    def note(self, line: Line, example: str) -> None:
        """Counts a line. example: what to show of it if it is the first of its template."""
        match = self.match(line)
        seen = self._seen.get(match.id)
        if seen is None:
            if len(self._seen) >= MOST:
                self.others += 1
                return
            seen = self._seen[match.id] = Seen(match.id, match.template, example[:EXAMPLE], line.timestamp)
        seen.count += 1

    def pattern_of(self, template: str) -> str:
        """The id of a template's pattern, as all templates noted so far decide it."""
        if self._book is None or len(self._book) < len(self._seen):
            self._book = PatternBook(limit=MOST)
            known = [Known(one.id, one.text, None, one.first_seen) for one in self._seen.values()]
            self._patterns = self._book.add(known).patterns
        return self._patterns.get(template, template)

    @property
    def pattern_count(self) -> int:
        """How many patterns the templates make."""
        return len({self.pattern_of(one) for one in self._seen})

    def by_count(self) -> Iterator[Seen]:
        """The most frequent first."""
        return iter(sorted(self._seen.values(), key=lambda seen: (-seen.count, seen.id)))

    def __len__(self) -> int:
        return len(self._seen)
