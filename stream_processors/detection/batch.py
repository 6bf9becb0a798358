"""The lines of a step as arrays; ``Line`` objects are made of the few that people get to see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.records import Line, Record
from encoder_core.templates import Match, Parameter, Templates
from stream_processors.detection.columns import CountedColumns
from stream_processors.detection.hashing import hash_spans, hash_texts
from stream_processors.detection.matches import Matches, match_records
from stream_processors.detection.matching import match_record
from stream_processors.detection.spans import slot_names, spans_of
from stream_processors.detection.table import Entry, Rows, TemplateTable
from stream_processors.detection.wording import words_of_spans


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
    """(lines,), as all that follows but for parts, buffer and words."""
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
    """(lines + 1,): what varies in a line is ``slots[starts[line]:starts[line + 1]]``, and so down to ``ends``: first
    its counted columns, then the parameters of its free text (``spans``)."""
    slots: NDArray[np.uint64]
    """(parts,): of a column the hash of kind and name; of a parameter that of its text's template and its number."""
    values: NDArray[np.uint64]
    """(parts,): hash of the value alone, whatever slot it stands in."""
    types: NDArray[np.uint8]
    """(parts,): 0 for a column; for a parameter 1 + its type's place in ``encoder_core.templates.match.TYPES``, behind
    which are those of a user's masks."""
    buffer: NDArray[np.uint8]
    """Where the values are, in UTF-8: that of a part is ``buffer[begins[part]:ends[part]]``."""
    begins: NDArray[np.int64]
    """(parts,)"""
    ends: NDArray[np.int64]
    """(parts,)"""
    text_begins: NDArray[np.int64]
    """Where the free text of each line begins in ``buffer``, (lines,)."""
    text_ends: NDArray[np.int64]
    """Where it ends, (lines,): where it begins for a line without."""
    word_starts: NDArray[np.int64]
    """(lines + 1,): the words of a line's values, ``words[word_starts[line]:word_starts[line + 1]]``."""
    words: NDArray[np.uint64]
    """(words,): hashes of the words in what varies, those of a line once each; templates have the others."""
    show: Callable[[int], Line]
    """The line of a place, made on demand."""
    match: Callable[[Line], Match]
    """The template and parameters of one."""
    names: Callable[[Line], Sequence[str]]
    """The names of what varies in one: of columns, then numbers of parameters."""

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

    def part(self, place: int, part: int) -> tuple[str, str]:
        """Name and value of one of the parts that vary in a line. part: its place in ``slots``."""
        value = self.buffer[self.begins[part] : self.ends[part]].tobytes().decode("utf-8", "replace")
        return self.names(self.show(place))[part - int(self.starts[place])], value

    def take(self, places: NDArray[np.int64]) -> LineBatch:
        """The lines of some places, in their order."""
        starts, parts = _ragged(self.starts, places)
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
            slots=self.slots[parts],
            values=self.values[parts],
            types=self.types[parts],
            begins=self.begins[parts],
            ends=self.ends[parts],
            text_begins=self.text_begins[places],
            text_ends=self.text_ends[places],
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
        records = [line.record for line in lines]
        matches = match_records(records, matching.templates)
        rows, templates = table.place(
            matching.keys(records, matches), lambda place: matching.entry(records[place], matches, place)
        )
        columns = CountedColumns.of(records)
        spans = spans_of(columns, matches)
        word_starts, words = words_of_spans(spans.buffer, spans.begins, spans.ends, spans.starts)
        return cls(
            rows=rows,
            offsets=np.array([line.offset for line in lines], dtype=np.int64),
            indexes=np.array([line.index for line in lines], dtype=np.int32),
            times=np.array([line.timestamp for line in lines], dtype=np.float64),
            templates=templates,
            severities=np.array([record.severity for record in records], dtype=np.uint8),
            kinds=columns.kinds,
            broken=np.array([record.parse_error is not None for record in records], dtype=bool),
            starts=spans.starts,
            slots=spans.slots,
            values=hash_spans(spans.buffer, spans.begins, spans.ends),
            types=spans.types,
            buffer=spans.buffer,
            begins=spans.begins,
            ends=spans.ends,
            text_begins=spans.text_begins,
            text_ends=spans.text_ends,
            word_starts=word_starts,
            words=words,
            show=lambda place: lines[place],
            match=lambda line: match_record(line.record, matching.templates),
            names=lambda line: slot_names(line.record, matching.templates),
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
    """What records are cases of: their templates, and the text that the encoder reads.

    by_line: the encoder reads each distinct line, not its template.
    """

    def __init__(self, templates: Templates | None = None, *, by_line: bool = False) -> None:
        self.templates = templates or Templates()
        self._by_line = by_line

    def keys(self, records: Sequence[Record], matches: Matches) -> NDArray[np.uint64]:
        """What the vector of each record is kept by, uint64 (records,)."""
        return hash_texts([record.text for record in records]) if self._by_line else matches.ids

    def entry(self, record: Record, matches: Matches, place: int) -> Entry:
        """A record's entry of the table."""
        template, text = int(matches.ids[place]), matches.template(place)
        if self._by_line:
            return Entry(int(hash_texts([record.text])[0]), record.text, template, text)
        return Entry(template, text, template, text)
