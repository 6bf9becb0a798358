"""From many records to their templates at once: what is worked out once a kind, and the rest as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.records import Record
from encoder_core.templates import TemplateBatch, Templates
from encoder_core.templates.columns import Choice, is_text
from stream_processors.detection.matching import TEXTS, plan_of


@dataclass(frozen=True, slots=True)
class Matches:
    """Templates of n records, in order: what ``match_record`` says of each."""

    ids: NDArray[np.uint64]
    """Id of each one's template, (n,)."""
    texts: TemplateBatch
    """Their free texts: what varies in those are its parameters."""
    starts: NDArray[np.int64]
    """Those of a record are from ``starts[place]`` to ``starts[place + 1]``, one at most but for errors, (n + 1,)."""
    choices: Sequence[Choice | None]
    """What the columns of a record come to, its parameters among it; None for a format that is text."""

    def __len__(self) -> int:
        return len(self.ids)

    def template(self, place: int) -> str:
        """The template of a record."""
        said = [self.texts.text(row) for row in range(self.starts[place], self.starts[place + 1])]
        choice = self.choices[place]
        return said[0] if choice is None else choice.template(said)


def match_records(records: Sequence[Record], templates: Templates) -> Matches:
    """The templates of records."""
    texts: list[str] = []
    starts: list[int] = [0]
    choices: list[Choice | None] = []
    columns = templates.columns
    for record in records:
        message = record.message
        if record.format in TEXTS:
            texts.append(record.text if message is None else message)
            choices.append(None)
        else:
            message = message if message and is_text(message) else ""
            choice = plan_of(record, columns).choice(record.fields, message)
            texts += filter(None, choice.texts(record.fields, message))
            choices.append(choice)
        starts.append(len(texts))
    batch = templates.batch(texts)
    ends = np.array(starts, dtype=np.int64)
    return Matches(_ids(batch, ends, choices, templates), batch, ends, choices)


def _ids(
    batch: TemplateBatch, starts: NDArray[np.int64], choices: Sequence[Choice | None], templates: Templates
) -> NDArray[np.uint64]:
    """Ids of whole templates: those of the texts, but for records of a kind."""
    ids = np.zeros(len(choices), dtype=np.uint64)
    has_text = starts[:-1] < starts[1:]
    ids[has_text] = batch.ids[starts[:-1][has_text]]
    of_texts, begins = batch.ids.tolist(), starts.tolist()
    for place, choice in enumerate(choices):
        if choice is None:
            continue
        first, last = begins[place], begins[place + 1]
        said = tuple(of_texts[first:last])
        known = choice.ids.get(said)
        if known is None:
            template = choice.template([batch.text(row) for row in range(first, last)])
            known = choice.note(said, int(templates.id_of(template), 16))
        ids[place] = known
    return ids
