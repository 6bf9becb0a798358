"""From many lines to their templates at once: what is worked out once a kind, and the rest as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.formats.json_bytes import KEY
from connectors.formats.numbers import Numbers
from connectors.formats.rows import Layout, Rows
from encoder_core.templates import Parameter, TemplateBatch, Templates
from encoder_core.templates.batch import decoded
from encoder_core.templates.columns import Choice, is_text
from encoder_core.templates.kinds import NOTHING
from encoder_core.templates.value_types import type_of
from stream_processors.detection.choosing import choice_keys, texts_of, whole_keys
from stream_processors.detection.layouts import Known

Places = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Starts, begins and ends of columns, begins and ends of messages."""
MOST_KEYS = 65_536
"""Choices, and templates of lines with columns, that are remembered by their hashes; more, and all begin anew."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Templates of n lines, in order: what ``match_record`` says of each."""

    ids: NDArray[np.uint64]
    """Id of each one's template, (n,)."""
    texts: TemplateBatch
    """Their free texts: what varies in those are its parameters."""
    starts: NDArray[np.int64]
    """Those of a line are from ``starts[place]`` to ``starts[place + 1]``, one at most but for errors, (n + 1,)."""
    choice_of: NDArray[np.int64]
    """Which of the choices the columns of each line come to, -1 for a format that is text, (n,)."""
    choices: Sequence[Choice]

    def __len__(self) -> int:
        return len(self.ids)

    def template(self, place: int) -> str:
        """The template of a line."""
        said = [self.texts.text(row) for row in range(self.starts[place], self.starts[place + 1])]
        choice = int(self.choice_of[place])
        return said[0] if choice < 0 else self.choices[choice].template(said)

    def parameters(self, place: int, layout: Layout, rows: Rows) -> Sequence[Parameter]:
        """The parameters of a line, as ``match_record`` has them. layout: of its columns."""
        first, number = int(rows.starts[place]), int(self.choice_of[place])
        texts = range(int(self.starts[place]), int(self.starts[place + 1]))
        if number < 0:
            return self.texts.match(texts[0]).parameters
        choice, spans = self.choices[number], {}
        for at, name in enumerate(layout.names, first):
            spans[name] = int(rows.begins[at]), int(rows.ends[at])
        begin, end = spans.get(choice.error, (-1, -1))
        found = []
        for text in texts:
            before = "error " if begin <= self.texts.line_begins[text] < end else ""
            found += [one._replace(slot=before + one.slot) for one in self.texts.match(text).parameters]
        for name in choice.parameters:
            value = decoded(self.texts.buffer[slice(*spans[name])].tobytes())
            if value not in NOTHING:
                found.append(Parameter(name, type_of(value), value))
        return found


class Matcher:
    """Finds the templates of lines. Safe to use from many threads."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._begin()

    def _begin(self) -> None:
        self._held = (
            Known(self._templates.columns),
            Numbers(),
            Numbers(),
        )  # together: another thread takes them

    def match(self, buffer: NDArray[np.uint8], layouts: Sequence[Layout], rows: Rows) -> Matches:
        """The templates of lines. buffer: what the spans of the rows are of."""
        known, keys, wholes = self._held
        if known.is_full or max(len(keys), len(wholes)) > MOST_KEYS:
            self._begin()
            known, keys, wholes = self._held
        spans = rows.starts, rows.begins, rows.ends, rows.text_begins, rows.text_ends
        plan_of = known.plans_of(buffer, layouts, rows)
        choice_of = self._choices(buffer, spans, plan_of, known, keys)
        starts, begins, ends = texts_of(buffer, spans, choice_of, known.chosen())
        texts = self._templates.mask(buffer, begins, ends)
        found = Matches(np.zeros(len(plan_of), np.uint64), texts, starts, choice_of, known.choices)
        is_record = choice_of >= 0
        found.ids[~is_record] = texts.ids[starts[:-1][~is_record]]
        found.ids[is_record] = self._ids(found, np.flatnonzero(is_record), known, wholes)
        return found

    def _choices(
        self,
        buffer: NDArray[np.uint8],
        spans: Places,
        plan_of: NDArray[np.int64],
        known: Known,
        keys: Numbers,
    ) -> NDArray[np.int64]:
        """The choice of each line, -1 for a format that is text."""
        wanted, unsure = choice_keys(buffer, spans, plan_of, known.arrays, KEY)
        choice_of = np.full(len(plan_of), -1, np.int64)
        sure = np.flatnonzero((plan_of >= 0) & ~unsure)
        choice_of[sure] = keys.find(wanted[sure])
        new = sure[choice_of[sure] < 0]
        if len(new):
            distinct, first = np.unique(wanted[new], return_index=True)
            numbers = [self._choice(buffer, spans, line, plan_of, known) for line in new[first].tolist()]
            with known.lock:
                keys.add(distinct.tolist(), numbers)
            choice_of[new] = keys.find(wanted[new])
        for line in np.flatnonzero(unsure).tolist():
            choice_of[line] = self._choice(buffer, spans, line, plan_of, known)
        return choice_of

    def _choice(
        self,
        buffer: NDArray[np.uint8],
        spans: Places,
        line: int,
        plan_of: NDArray[np.int64],
        known: Known,
    ) -> int:
        """The number of what the columns of one line come to."""
        starts, begins, ends, text_begins, text_ends = spans
        number = int(plan_of[line])
        layout, plan = known.plans[number]
        columns = {
            name: decoded(buffer[begins[at] : ends[at]].tobytes())
            for name, at in zip(layout.names, range(starts[line], starts[line + 1]), strict=True)
        }
        begin = int(text_begins[line])
        message = "" if begin < 0 else decoded(buffer[begin : text_ends[line]].tobytes())
        return known.number(number, plan.choice(columns, message if is_text(message) else ""))

    def _ids(
        self, found: Matches, lines: NDArray[np.int64], known: Known, wholes: Numbers
    ) -> NDArray[np.uint64]:
        """Ids of the templates of lines with columns."""
        wanted = whole_keys(found.choice_of, found.starts, found.texts.ids, KEY)[lines]
        ids = wholes.find(wanted)
        new = np.flatnonzero(ids == -1)
        if len(new):
            distinct, first = np.unique(wanted[new], return_index=True)
            made = [
                int(self._templates.id_of(found.template(line)), 16) for line in lines[new[first]].tolist()
            ]
            signed = np.array(made, np.uint64).view(np.int64)
            with known.lock:
                wholes.add(distinct.tolist(), signed.tolist())
            ids[new] = signed[np.searchsorted(distinct, wanted[new])]
        return ids.view(np.uint64)
