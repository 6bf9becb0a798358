"""Templates of structured records: the kind, then the template of the free text; all else are parameters.

What a column is follows from its name alone, and whether a value tells a kind from the value alone. So a template is a
pure function of the record, whatever the order of its columns: ``action=login outcome=failure: no route to <ip>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from encoder_core.templates.kinds import NOTHING, Kinds
from encoder_core.templates.match import Match, Parameter

PLANS = 4_096
"""Sets of columns that are remembered; more, and all begin anew."""
LONGEST_PLAN = 8_192
"""Characters of the names of a set that is."""
CHOICES = 256
"""Kinds that are remembered of one set of columns."""
LONGEST_CHOICE = 512
LONGEST_TEXT = 4_096
"""Characters of free text that are read."""

# Two letters in a row: anything less is no text.
_LETTERS = re.compile(r"[^\W\d_]{2}").search
_CLAUSE = re.compile(r"[:;.](?=\s|$)")


class Choice(NamedTuple):
    """What the values of a record's columns come to."""

    kind: str
    """What they say of the kind."""
    text: str
    """Column of the free text, empty for none."""
    beside: bool
    """Whether the message is in none of the columns."""
    brief: bool
    """Whether the first clause of the text is enough: a code tells the kind, and columns hold the values."""
    error: str
    """Column of a text that says what went wrong, empty for none."""
    parameters: tuple[str, ...]
    """Columns that are parameters, in the order of their names."""


class Columns:
    """Templates of records.

    of_text: the template of free text; type_of: the type of a whole value; id_of: the id of a template.
    """

    def __init__(
        self, of_text: Callable[[str], Match], type_of: Callable[[str], str], id_of: Callable[[str], str]
    ) -> None:
        self._of_text, self._type_of, self._id_of = of_text, type_of, id_of
        self._plans: dict[tuple[str, tuple[str, ...]], Plan] = {}

    def match(self, format: str, columns: Mapping[str, str], message: str | None = None) -> Match:
        """The template of a record, and its parameters: those of the text by number, then columns by name.

        format: what the columns came in. message: the free text when it is known, be it one of the columns or none.
        """
        said = message if message and is_text(message) else ""
        choice = self._plan(format, tuple(columns)).choice(columns, said)
        parts: list[str] = []
        parameters: list[Parameter] = []
        text = said if choice.beside else columns[choice.text] if choice.text else ""
        error = columns[choice.error] if choice.error else ""
        for before, value in (("", text), ("error ", error)):
            if line := first_clause(value) if choice.brief else first_line(value):
                found = self._of_text(line)
                parts.append(found.template)
                parameters += [
                    parameter._replace(slot=before + parameter.slot) for parameter in found.parameters
                ]
        template = ": ".join([choice.kind, *parts] if choice.kind else parts) or format
        for name in choice.parameters:
            if (value := columns[name]) not in NOTHING:
                parameters.append(Parameter(name, self._type_of(value), value))
        return Match(template, self._id_of(template), tuple(parameters))

    def _plan(self, format: str, names: tuple[str, ...]) -> Plan:
        plan = self._plans.get((format, names))
        if plan is None:
            plan = Plan(Kinds(format, sorted(names)))
            if len(self._plans) >= PLANS:
                self._plans.clear()
            if sum(map(len, names)) <= LONGEST_PLAN:
                self._plans[format, names] = plan
        return plan


class Plan:
    """How records with the same columns are read."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._choices: dict[tuple[str | bool, ...], Choice] = {}

    def choice(self, columns: Mapping[str, str], message: str) -> Choice:
        """What the values of a record come to."""
        kinds = self._kinds
        key: tuple[str | bool, ...] = (
            *[columns[name] for name in kinds.candidates],
            *[columns[name] == message for name in kinds.texts],
            *[is_text(columns[name]) for name in kinds.may_be_text],
            bool(message),
        )
        choice = self._choices.get(key)
        if choice is None:
            choice = self._chosen(columns, message)
            if len(self._choices) >= CHOICES:
                self._choices.clear()
            if sum([len(value) for value in key if type(value) is str]) <= LONGEST_CHOICE:
                self._choices[key] = choice
        return choice

    def _chosen(self, columns: Mapping[str, str], message: str) -> Choice:
        kinds = self._kinds
        saying = kinds.saying(columns)
        free = [n for n in kinds.may_be_text if is_text(columns[n]) and n not in saying]
        texts = [name for name in kinds.texts if name in free]
        beside = bool(message) and all(columns[name] != message for name in kinds.texts)
        text = "" if beside else next((n for n in texts if columns[n] == message), next(iter(texts), ""))
        has_text = beside or bool(text)
        events, outcomes = kinds.chosen(saying, has_text=has_text)
        errors = [name for name in kinds.errors if name in free and columns[name] != message]
        error = "" if kinds.has_error_code(outcomes) else next(iter(errors), "")
        said = [saying[name] for name in (*events, *outcomes)]
        if not (events or has_text or error):
            said.insert(0, kinds.bare)
        used = {*events, *outcomes, text, error}
        rest = tuple(name for name in kinds.rest if name not in used)
        return Choice(" ".join(said), text, beside, bool(rest) and kinds.has_code(events), error, rest)


def is_text(value: str) -> bool:
    """Whether a value is more than a sign or a number."""
    return value not in NOTHING and _LETTERS(value) is not None


def first_line(text: str) -> str:
    """The first line that is not empty, without blanks around it: what is below repeats or details it."""
    return text[:LONGEST_TEXT].lstrip().partition("\n")[0].rstrip()


def first_clause(text: str) -> str:
    """The first line up to its first colon, semicolon or full stop."""
    line = first_line(text)
    end = _CLAUSE.search(line)
    return line[: end.start()] if end else line
