"""Templates of structured records: the kind, then the template of the free text; all else are parameters.

What a column is follows from its name alone, and whether a value tells a kind from the value alone. So a template is a
pure function of the record, whatever the order of its columns: ``action=login outcome=failure: no route to <ip>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False, slots=True)
class Choice:
    """What the values of a record's columns come to: one object for all records that are alike in that."""

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
    bare: str
    """The template of a record that says nothing at all."""

    def template(self, said: Sequence[str]) -> str:
        """The template of a record whose texts have these."""
        return ": ".join([self.kind, *said] if self.kind else said) or self.bare

    def texts(self, columns: Mapping[str, str], message: str) -> tuple[str, str]:
        """The free text and what went wrong, as far as they count; empty for none."""
        text = message if self.beside else columns[self.text] if self.text else ""
        error = columns[self.error] if self.error else ""
        if self.brief:
            return first_clause(text), first_clause(error)
        return first_line(text), first_line(error)


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
        return self.follow(self.plan(format, tuple(columns)), columns, message)

    def follow(self, plan: Plan, columns: Mapping[str, str], message: str | None = None) -> Match:
        """The same by the plan of the columns' names; columns: those that the plan was made of, and maybe others."""
        message = message if message and is_text(message) else ""
        choice = plan.choice(columns, message)
        said: list[str] = []
        parameters: list[Parameter] = []
        for before, text in zip(("", "error "), choice.texts(columns, message), strict=True):
            if text:
                found = self._of_text(text)
                said.append(found.template)
                parameters += [
                    Parameter(before + slot, kind, value) for slot, kind, value in found.parameters
                ]
        type_of = self._type_of
        parameters += [
            Parameter(name, type_of(value), value)
            for name in choice.parameters
            if (value := columns[name]) not in NOTHING
        ]
        template = choice.template(said)
        return Match(template, self._id_of(template), tuple(parameters))

    def plan(self, format: str, names: tuple[str, ...]) -> Plan:
        """How records in a format that have these columns are read."""
        plan = self._plans.get((format, names))
        if plan is None:
            plan = Plan(format, Kinds(format, sorted(names)))
            if len(self._plans) >= PLANS:
                self._plans.clear()
            if sum(map(len, names)) <= LONGEST_PLAN:
                self._plans[format, names] = plan
        return plan


class Plan:
    """How records with the same columns are read."""

    def __init__(self, format: str, kinds: Kinds) -> None:
        self._format = format
        self.kinds = kinds
        """What is known of the columns."""
        self._choices: dict[tuple[object, ...], Choice] = {}

    def choice(self, columns: Mapping[str, str], message: str) -> Choice:
        """What the values of a record come to. message: free text, or empty."""
        kinds = self.kinds
        values = [columns[name] for name in kinds.candidates]
        key = (
            *values,
            *[columns[name] == message for name in kinds.may_be_text],
            *[is_text(columns[name]) for name in kinds.may_be_text],
            not message,
        )
        choice = self._choices.get(key)
        if choice is None:
            choice = self._chosen(columns, message)
            if len(self._choices) >= CHOICES:
                self._choices.clear()
            if sum(map(len, values)) <= LONGEST_CHOICE:
                self._choices[key] = choice
        return choice

    def _chosen(self, columns: Mapping[str, str], message: str) -> Choice:
        kinds = self.kinds
        saying = kinds.saying(columns)
        free = [n for n in kinds.may_be_text if is_text(columns[n]) and n not in saying]
        texts = [name for name in kinds.texts if name in free]
        beside = bool(message) and all(columns[name] != message for name in kinds.texts)
        text = "" if beside else next((n for n in texts if columns[n] == message), next(iter(texts), ""))
        events, outcomes = kinds.chosen(saying, has_text=beside or bool(text))
        errors = [name for name in kinds.errors if name in free and columns[name] != message]
        error = "" if kinds.has_error_code(outcomes) else next(iter(errors), "")
        said = [saying[name] for name in (*events, *outcomes)]
        if not (events or beside or text or error):
            said.insert(0, kinds.bare)
        used = {*events, *outcomes, text, error}
        rest = tuple(name for name in kinds.rest if name not in used)
        return Choice(
            " ".join(said), text, beside, bool(rest) and kinds.has_code(events), error, rest, self._format
        )


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
