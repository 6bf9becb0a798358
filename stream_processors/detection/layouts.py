"""What is known of lines with the same columns: which of these tell their kind, and which may be free text."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.formats.json_bytes import KEY
from connectors.formats.recorded import TEXTS
from connectors.formats.rows import Layout, Rows
from encoder_core.templates.columns import Choice, Columns, Plan
from encoder_core.templates.kinds import is_class, is_code, is_error_code, is_status, is_word
from stream_processors.detection.choosing import ANY, DIGITS, MESSAGE, NO_DIGITS, variants_of
from stream_processors.detection.hashing import joined_bytes
from stream_processors.detection.matching import FACILITIES, own_names

MOST_PLANS = 8_192
"""Plans that are remembered; more, and all begin anew."""
_MADE_OF: dict[object, int] = {
    is_code: DIGITS,
    is_error_code: DIGITS,
    is_status: DIGITS,
    is_class: NO_DIGITS,
    is_word: NO_DIGITS,
}
Variant = tuple[Layout, bool, bool]
"""A layout, whether ``facility`` is of a header around the record, whether ``msg`` is that of an audit's event."""


class Arrays(NamedTuple):
    """Plans one behind another, see ``choosing.choice_keys``."""

    kind_starts: NDArray[np.int64]
    kinds: NDArray[np.int64]
    made_of: NDArray[np.int64]
    text_starts: NDArray[np.int64]
    texts: NDArray[np.int64]


class Choices(NamedTuple):
    """Choices one behind another, see ``choosing.texts_of``."""

    texts: NDArray[np.int64]
    errors: NDArray[np.int64]
    briefs: NDArray[np.bool_]


class Known:
    """Plans and choices by number; numbers are not given again. Safe to use from many threads."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._facilities = _hashes(sorted(FACILITIES))
        self.lock = Lock()
        self.plans: list[tuple[Layout, Plan]] = []
        self.choices: list[Choice] = []
        self._numbers: dict[Variant, int] = {}
        self._chosen_numbers: dict[tuple[object, ...], int] = {}
        self._rows: list[tuple[list[int], list[int], list[int]]] = []
        self._chosen: list[tuple[int, int, bool]] = []
        self._arrays, self._choices = _arrays([]), _choices([])

    @property
    def is_full(self) -> bool:
        """Whether who holds it is to begin a new one."""
        return len(self.plans) > MOST_PLANS or len(self.choices) > 4 * MOST_PLANS

    def plans_of(self, buffer: NDArray[np.uint8], layouts: Sequence[Layout], rows: Rows) -> NDArray[np.int64]:
        """The plan of each line, int64 (lines,), -1 for a format that is text."""
        numbers = np.unique(rows.layouts)
        audits, facilities = np.full((2, len(layouts)), -1, np.int64)
        for number in numbers.tolist():
            layout = layouts[number]
            if layout.format not in TEXTS:
                if "facility" in layout.names:
                    facilities[number] = layout.names.index("facility")
                if layout.format == "logfmt" and "msg" in layout.names:
                    audits[number] = layout.names.index("msg")
        variant = np.zeros(len(rows.layouts), np.int64)
        if (audits >= 0).any() or (facilities >= 0).any():
            of = rows.layouts
            audit, facility = variants_of(
                buffer, rows.starts, rows.begins, rows.ends, audits[of], facilities[of], KEY
            )
            variant = 2 * audit + np.isin(facility, self._facilities)
        pairs, of = np.unique(4 * rows.layouts.astype(np.int64) + variant, return_inverse=True)
        found = [
            self._plan((layouts[pair >> 2], bool(pair & 1), bool(pair & 2)))
            if layouts[pair >> 2].format not in TEXTS
            else -1
            for pair in pairs.tolist()
        ]
        return np.array(found, np.int64)[of.reshape(-1)] if found else np.zeros(0, np.int64)

    def _plan(self, variant: Variant) -> int:
        number = self._numbers.get(variant)
        return self._add(variant) if number is None else number

    def _add(self, variant: Variant) -> int:
        layout, around, audit = variant
        plan = self._columns.plan(layout.format, own_names(layout.format, layout.names, around, audit))
        places = {name: place for place, name in enumerate(layout.names)}
        kinds = plan.kinds
        with self.lock:
            self.plans.append((layout, plan))
            self._rows.append(
                (
                    [places[name] for name in kinds.candidates],
                    [_MADE_OF.get(kinds.test(name), ANY) for name in kinds.candidates],
                    [places[name] for name in kinds.may_be_text],
                )
            )
            self._arrays = _arrays(self._rows)
            self._numbers[variant] = number = len(self.plans) - 1
        return number

    def number(self, plan: int, choice: Choice) -> int:
        """The number of a choice of a plan."""
        key = plan, choice.kind, choice.text, choice.beside, choice.brief, choice.error
        with self.lock:
            number = self._chosen_numbers.get(key)
            if number is None:
                names = self.plans[plan][0].names
                text = MESSAGE if choice.beside else names.index(choice.text) if choice.text else -1
                error = names.index(choice.error) if choice.error else -1
                self.choices.append(choice)
                self._chosen.append((text, error, choice.brief))
                number = self._chosen_numbers[key] = len(self.choices) - 1
        return number

    @property
    def arrays(self) -> Arrays:
        """All plans so far."""
        return self._arrays

    def chosen(self) -> Choices:
        """All choices so far."""
        with self.lock:
            if len(self._choices.texts) != len(self._chosen):
                self._choices = _choices(self._chosen)
            return self._choices


def _arrays(rows: Sequence[tuple[list[int], list[int], list[int]]]) -> Arrays:
    kinds, made_of, texts = ([row[at] for row in rows] for at in range(3))
    return Arrays(_starts(kinds), _flat(kinds), _flat(made_of), _starts(texts), _flat(texts))


def _choices(rows: Sequence[tuple[int, int, bool]]) -> Choices:
    return Choices(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.bool_),
    )


def _starts(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.cumsum([0, *map(len, lists)], dtype=np.int64)


def _flat(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.array([item for one in lists for item in one], np.int64)


def _hashes(texts: Sequence[str]) -> NDArray[np.uint64]:
    """The hashes that ``variants_of`` gives to facilities."""
    buffer, begins, ends = joined_bytes(texts)
    column = np.zeros(len(texts), np.int64)
    return variants_of(buffer, np.arange(len(texts) + 1), begins, ends, column - 1, column, KEY)[1]
