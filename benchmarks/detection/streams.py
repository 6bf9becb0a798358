"""A labelled stream, as raw messages and as the lines that our readers make of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.records import Line
from stream_processors.detection.batch import LineBatch, Matching
from stream_processors.detection.table import TemplateTable
from stream_processors.scan import BATCH_LINES, batched, read_steps

ORDINARY, UNUSUAL, IGNORED = 0, 1, -1
FEW_UNUSUAL = 5
Scores = NDArray[np.float64]


class Made(NamedTuple):
    """Streams that are made together when they are wanted, and the names of their sets."""

    names: Sequence[str]
    make: Callable[[], Iterable[Stream]]


@dataclass(frozen=True, eq=False)
class Stream:
    """Messages in order, and what is right about each.

    labels: ORDINARY, UNUSUAL, or IGNORED where a message counts neither way, int8 (messages,). kinds: what attack or
    fault an unusual message is of. groups: the session of each, where a label is one of a session. variant: seed or
    shape, where a set has several streams.
    """

    name: str
    family: str
    messages: Sequence[bytes]
    labels: NDArray[np.int8]
    kinds: Sequence[str]
    groups: Sequence[str] | None = None
    variant: str = ""

    def __len__(self) -> int:
        return len(self.messages)

    @cached_property
    def lines(self) -> Sequence[Line]:
        """The lines in them, in order; a line's offset is the number of its message."""
        return [line for step in read_steps(self.messages) for line in step.lines]

    @cached_property
    def texts(self) -> Sequence[str]:
        """The text of each line, without its header and what its shipper added."""
        return [line.record.text for line in self.lines]

    @cached_property
    def templates(self) -> tuple[NDArray[np.uint64], dict[int, str]]:
        """The template id of each line, (lines,), and the text of each."""
        table, matching = TemplateTable(1), Matching()
        texts: dict[int, str] = {}
        ids = [np.empty(0, dtype=np.uint64)]
        for some in batched(self.lines, BATCH_LINES):
            batch = LineBatch.of(some, table, matching)
            of, rows = batch.rows.templates, batch.distinct.rows
            ids.append(of[batch.templates])
            texts |= {int(of[row]): batch.rows.shapes[row] for row in rows.tolist()}
        return np.concatenate(ids), texts

    def by_message(self, scores: Scores) -> Scores:
        """The highest score of the lines of each message, (messages,), of scores of lines, (lines,)."""
        found = np.full(len(self), -np.inf)
        np.maximum.at(found, [line.offset for line in self.lines], scores)
        return np.where(np.isneginf(found), scores.min(initial=0.0), found)

    @cached_property
    def digest(self) -> str:
        """Hash of the messages."""
        found = hashlib.sha256()
        for message in self.messages:
            found.update(len(message).to_bytes(4, "little") + message)
        return found.hexdigest()

    def first(self, count: int) -> Stream:
        """Its first messages; with too few unusual ones among them, as many from half as many before the first one."""
        if len(self) <= count:
            return self
        unusual = np.flatnonzero(self.labels == UNUSUAL)
        start = 0
        if (unusual < count).sum() < FEW_UNUSUAL and len(unusual):
            start = max(0, min(int(unusual[0]) - count // 2, len(self) - count))
        part = slice(start, start + count)
        return replace(
            self,
            messages=self.messages[part],
            labels=self.labels[part],
            kinds=self.kinds[part],
            groups=None if self.groups is None else self.groups[part],
        )
