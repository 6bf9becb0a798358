"""What a partition and the store agree on about a source's templates: what each is, its pattern, what merged.

A step tells the store what is new here, and the store's answer says what it decided otherwise and what others decided.
Nothing of it is in a snapshot: a partition that opens takes it from the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from connectors.decisions import Decided, News, SourceApplied
from connectors.findings import Findings, Merge, Template
from stream_processors.detection.patternbook import TEMPLATES, Decisions, Known, PatternBook

Value = TypeVar("Value")


class Agreement:
    """One partition's part in the decisions about one source. No I/O, one thread.

    model: identity of the model whose vectors it tells; what the store has of another one is told again, once.
    """

    def __init__(self, *, model: str = "", limit: int = TEMPLATES) -> None:
        self._model, self._limit = model, limit
        self._book = PatternBook(limit)
        self._whole: OrderedDict[str, None] = OrderedDict()  # templates that the store has whole, by use
        self._into: OrderedDict[str, str] = OrderedDict()  # merges as the store has them
        self._pending: list[Merge] = []
        self._told: list[Template] = []
        self._seen = 0

    @property
    def due(self) -> bool:
        """Whether there are merges to tell, which the next step takes along, with or without lines."""
        return bool(self._pending)

    def knows(self, template: str) -> bool:
        """Whether counts and times alone of a template are enough for ``decide``; the rest may be left empty."""
        return template in self._whole

    def pattern_of(self, template: str) -> str:
        """The pattern of a template of an earlier or the present step; its own id for one that was forgotten.

        Of two patterns that are one the book may keep another name than the store: the store's is right.
        """
        try:
            pattern = self._book.pattern_of(template)
        except KeyError:
            return template
        while pattern in self._into:
            pattern = self._into[pattern]
        return pattern

    def decide(self, templates: Iterable[Template], findings: Findings) -> None:
        """Adds to the findings what a step has of templates: those that are not known whole, with their patterns."""
        self._told = list(templates)
        whole = [template for template in self._told if template.text]
        self._book.use(template.id for template in self._told if not template.text)
        self._note(self._book.add([Known(one.id, one.text, None, one.first_seen) for one in whole]))
        findings.templates += [
            replace(template, pattern=self.pattern_of(template.id)) if template.text else template
            for template in self._told
        ]
        findings.merges += self._pending
        findings.seen = self._seen

    def take(self, answer: SourceApplied) -> None:
        """Takes the store's answer to the step."""
        self._pending = []
        self._keep(template.id for template in self._told)
        for name in answer.missing:
            self._whole.pop(name, None)
        self._told = []
        news = answer.news or News(seen=self._seen)
        self._adopt(news, answer.patterns)

    def resume(self, known: News) -> None:
        """Begins with all that the store knows."""
        self._adopt(known, {})

    def _adopt(self, news: News, otherwise: Mapping[str, str]) -> None:
        self._seen = max(self._seen, news.seen)
        patterns = {**{one.id: one.pattern for one in news.templates}, **otherwise}
        merges = [(merge.pattern, merge.into) for merge in news.merges]
        for pattern, into in merges:
            self._into.pop(into, None)  # what patterns become part of has not merged itself, or no more
            remember(self._into, [(pattern, into)], self._limit)
        if patterns or merges:
            self._note(self._book.adopt([known_from(one) for one in news.templates], patterns, merges))
        self._keep(one.id for one in news.templates if one.model == self._model)

    def _keep(self, names: Iterable[str]) -> None:
        remember(self._whole, ((name, None) for name in names), self._limit)

    def _note(self, decisions: Decisions) -> None:
        self._pending += [Merge(*merge) for merge in decisions.merges]


def remember(kept: OrderedDict[str, Value], pairs: Iterable[tuple[str, Value]], limit: int) -> None:
    """Keeps pairs as the latest ones, at most ``limit`` in all."""
    for name, value in pairs:
        kept[name] = value
        kept.move_to_end(name)
    while len(kept) > limit:
        kept.popitem(last=False)


def known_from(decided: Decided) -> Known:
    """A template as the book takes it."""
    return Known(decided.id, decided.text, None, decided.first_seen)
