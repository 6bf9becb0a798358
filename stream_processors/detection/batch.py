"""The lines of a step as arrays; ``Line`` objects are made of the few that people get to see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.formats.rows import Layout, ragged
from connectors.records import Line
from encoder_core.templates import Parameter, Templates
from stream_processors.detection.columns import CountedColumns, counted_names
from stream_processors.detection.hashing import hash_spans, hash_texts
from stream_processors.detection.lines import ScannedLines
from stream_processors.detection.matches import Matcher, Matches
from stream_processors.detection.spans import spans_of
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
    parameters: Callable[[int], Sequence[Parameter]]
    """What varies in the line of a place, as text."""
    names: Callable[[int], Sequence[str]]
    """The names of what varies in the line of a place: of columns, then numbers of parameters."""

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

    def part(self, place: int, part: int) -> tuple[str, str]:
        """Name and value of one of the parts that vary in a line. part: its place in ``slots``."""
        value = self.buffer[self.begins[part] : self.ends[part]].tobytes().decode("utf-8", "replace")
        return self.names(place)[part - int(self.starts[place])], value

    def take(self, places: NDArray[np.int64]) -> LineBatch:
        """The lines of some places, in their order."""
        starts, parts = ragged(self.starts, places)
        word_starts, words = ragged(self.word_starts, places)
        show, names, parameters = self.show, self.names, self.parameters
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
            parameters=lambda place: parameters(int(places[place])),
            names=lambda place: names(int(places[place])),
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
        """The batch of lines. matching: what knows their templates, the usual one without."""
        matching = matching or Matching()
        if not isinstance(lines, ScannedLines):
            lines = ScannedLines.of(lines)
        buffer, layouts, rows = lines.buffer, lines.layouts, lines.rows
        matches = matching.matcher.match(buffer, layouts, rows)
        number_of, counted = matching.counted.of(buffer, layouts, rows)
        spans = spans_of(rows, number_of, counted, matches)
        places, templates = table.place(
            matching.keys(lines, matches), lambda place: matching.entry(lines, matches, place)
        )
        word_starts, words = words_of_spans(buffer, spans.begins, spans.ends, spans.starts)
        return cls(
            rows=places,
            offsets=lines.offsets,
            indexes=lines.indexes,
            times=lines.times,
            templates=templates,
            severities=rows.severities,
            kinds=counted.kinds[number_of],
            broken=rows.broken,
            starts=spans.starts,
            slots=spans.slots,
            values=hash_spans(buffer, spans.begins, spans.ends),
            types=spans.types,
            buffer=buffer,
            begins=spans.begins,
            ends=spans.ends,
            text_begins=spans.text_begins,
            text_ends=spans.text_ends,
            word_starts=word_starts,
            words=words,
            show=lines.__getitem__,
            parameters=lambda place: matches.parameters(place, layouts[rows.layouts[place]], rows),
            names=lambda place: names_of(layouts[rows.layouts[place]], matches, place),
        )


class Matching:
    """What lines are cases of: their templates, and the text that the encoder reads.

    by_line: the encoder reads each distinct line, not its template.
    """

    def __init__(self, templates: Templates | None = None, *, by_line: bool = False) -> None:
        self.templates = templates or Templates()
        self.matcher, self.counted = Matcher(self.templates), CountedColumns()
        self._by_line = by_line

    def keys(self, lines: Sequence[Line], matches: Matches) -> NDArray[np.uint64]:
        """What the vector of each line is kept by, uint64 (lines,)."""
        return hash_texts([line.record.text for line in lines]) if self._by_line else matches.ids

    def entry(self, lines: Sequence[Line], matches: Matches, place: int) -> Entry:
        """A line's entry of the table."""
        template, text = int(matches.ids[place]), matches.template(place)
        if self._by_line:
            line = lines[place].record.text
            return Entry(int(hash_texts([line])[0]), line, template, text)
        return Entry(template, text, template, text)


def names_of(layout: Layout, matches: Matches, place: int) -> list[str]:
    """Names of what varies in a line, in order: those of columns, then numbers of the parameters of its texts."""
    starts = matches.texts.starts
    texts = range(int(matches.starts[place]), int(matches.starts[place + 1]))
    numbers = [str(slot) for text in texts for slot in range(int(starts[text + 1] - starts[text]))]
    return [*counted_names(layout.names), *numbers]
