"""The lines of a step as arrays; ``Line`` objects are made of the few that people get to see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.records import LOGGER, SERVICE, Line, Record
from encoder_core.templates import Match, Parameter, Templates
from stream_processors.detection.hashing import hash_texts
from stream_processors.detection.matching import match_record
from stream_processors.detection.table import Entry, Rows, TemplateTable
from stream_processors.detection.wording import words_of_texts

Columns = Sequence[tuple[str, str]]
"""Names and values."""


class Distinct(NamedTuple):
    """The texts of a batch, each once, in the order of their first lines."""

    rows: NDArray[np.int32]
    """Rows of the table, (texts,)."""
    first: NDArray[np.int64]
    """Place of each one's first line, (texts,)."""
    of: NDArray[np.int64]
    """Place among them of each line's, (lines,)."""
    counts: NDArray[np.int64]
    """Lines of each, (texts,)."""


@dataclass(frozen=True)
class LineBatch:
    """Lines of one partition, in order. Made once; a part of it is another one."""

    rows: Rows
    """What ``templates`` are rows of."""
    offsets: NDArray[np.int64]
    """(lines,), as all that follows but for columns and words."""
    indexes: NDArray[np.int32]
    times: NDArray[np.float64]
    """Seconds since the epoch."""
    templates: NDArray[np.int32]
    severities: NDArray[np.uint8]
    kinds: NDArray[np.uint64]
    """Hash of format and service: words are counted for each kind of line."""
    broken: NDArray[np.bool_]
    """Whether its parser rejected it."""
    starts: NDArray[np.int64]
    """(lines + 1,): the columns of a line are ``slots[starts[line]:starts[line + 1]]``, and ``values`` likewise."""
    slots: NDArray[np.uint64]
    """(columns,): hash of a kind and a column's name."""
    values: NDArray[np.uint64]
    """(columns,): hash of the value."""
    word_starts: NDArray[np.int64]
    """(lines + 1,): the words of a line's values, ``words[word_starts[line]:word_starts[line + 1]]``."""
    words: NDArray[np.uint64]
    """(words,): hashes of the words in what varies, those of a line once each; templates have the others."""
    show: Callable[[int], Line]
    """The line of a place, made on demand."""
    match: Callable[[Line], Match]
    """The template and parameters of one."""

    def __len__(self) -> int:
        return len(self.offsets)

    def line(self, place: int) -> Line:
        """One line as an object, which says whether its text was cut."""
        line = self.show(place)
        line.cut = bool(self.rows.cut[self.templates[place]])
        return line

    @cached_property
    def distinct(self) -> Distinct:
        """The batch's texts."""
        rows, first, of, counts = np.unique(
            self.templates, return_index=True, return_inverse=True, return_counts=True
        )
        order = np.argsort(first)
        ranks = np.empty_like(order)
        ranks[order] = np.arange(len(order))
        return Distinct(rows[order], first[order], ranks[of.reshape(-1)], counts[order])

    def parameters(self, place: int) -> Sequence[Parameter]:
        """What varies in a line, as text."""
        return self.match(self.show(place)).parameters

    def take(self, places: NDArray[np.int64]) -> LineBatch:
        """The lines of some places, in their order."""
        starts, columns = _ragged(self.starts, places)
        word_starts, words = _ragged(self.word_starts, places)
        show = self.show
        return replace(
            self,
            offsets=self.offsets[places],
            indexes=self.indexes[places],
            times=self.times[places],
            templates=self.templates[places],
            severities=self.severities[places],
            kinds=self.kinds[places],
            broken=self.broken[places],
            starts=starts,
            slots=self.slots[columns],
            values=self.values[columns],
            word_starts=word_starts,
            words=self.words[words],
            show=lambda place: show(int(places[place])),
        )

    def parts(self, size: int) -> Sequence[LineBatch]:
        """The batch in parts of up to ``size`` lines; one of none for a batch without lines."""
        if len(self) <= size:
            return [self]
        return [
            self.take(np.arange(start, min(start + size, len(self)))) for start in range(0, len(self), size)
        ]

    @classmethod
    def of(cls, lines: Sequence[Line], table: TemplateTable, matching: Matching | None = None) -> LineBatch:
        """The batch of lines as objects. matching: what knows their templates, the usual one without."""
        matching = matching or Matching()
        found = [matching.of(line.record) for line in lines]
        keys = np.array([entry.key for entry, *_ in found], dtype=np.uint64)
        rows, templates = table.place(keys, lambda place: found[place][0])
        slots = [f"{kind}/{name}" for _, kind, columns, _ in found for name, _ in columns]
        values = [value for _, _, columns, _ in found for _, value in columns]
        word_starts, words = words_of_texts([varied for *_, varied in found])
        return cls(
            rows=rows,
            offsets=np.array([line.offset for line in lines], dtype=np.int64),
            indexes=np.array([line.index for line in lines], dtype=np.int32),
            times=np.array([line.timestamp for line in lines], dtype=np.float64),
            templates=templates,
            severities=np.array([line.record.severity for line in lines], dtype=np.uint8),
            kinds=hash_texts([kind for _, kind, *_ in found]),
            broken=np.array([line.record.parse_error is not None for line in lines], dtype=bool),
            starts=np.cumsum([0, *(len(columns) for _, _, columns, _ in found)], dtype=np.int64),
            slots=hash_texts(slots),
            values=hash_texts(values),
            word_starts=word_starts,
            words=words,
            show=lambda place: lines[place],
            match=lambda line: matching.match(line.record),
        )


def _ragged(
    starts: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of lists that lie one behind another: where those of some places begin then, and where each element was."""
    begins = starts[places]
    counts = starts[places + 1] - begins
    after = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return after, np.repeat(begins - after[:-1], counts) + np.arange(after[-1])


class Matching:
    """What a record is a case of: the text that the encoder reads, its template, its kind and its columns.

    by_line: the encoder reads each distinct line, not its template.
    """

    def __init__(self, templates: Templates | None = None, *, by_line: bool = False) -> None:
        self._templates = templates or Templates()
        self._by_line = by_line

    def match(self, record: Record) -> Match:
        """A record's template and parameters."""
        return match_record(record, self._templates)

    def of(self, record: Record) -> tuple[Entry, str, Columns, str]:
        """A record's entry of the table, the name of its kind, its columns, and all that varies in one text."""
        match = self.match(record)
        template = int(match.id, 16)
        if self._by_line:
            entry = Entry(int(hash_texts([record.text])[0]), record.text, template, match.template)
        else:
            entry = Entry(template, match.template, template, match.template)
        columns = [(name, value) for name, value in record.fields.items() if _counts(name, record)]
        varied = [value for slot, _, value in match.parameters if slot not in record.fields]
        return entry, kind_of(record), columns, "\n".join([*varied, *(value for _, value in columns)])


def kind_of(record: Record) -> str:
    """What a line's words and columns are counted with: format and service, unless only an envelope names it."""
    service = "" if SERVICE in record.given else record.fields.get(SERVICE, "")
    return f"{record.format}/{service}"


def _counts(name: str, record: Record) -> bool:
    """Whether a column says something of the line: not where in a program it was written, nor in which place."""
    return name != LOGGER and name not in record.given
