"""Lines as kinds of surprise see them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from connectors.records import Line, Record
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.detectors.kind import Seen
from stream_processors.detection.table import TemplateTable

TABLE = TemplateTable(4)


def seen_of(records: Sequence[Record], times: Sequence[float] | None = None) -> Seen:
    """Lines of records, one a second without times; each template is a pattern of its own."""
    times = times if times is not None else range(len(records))
    lines = [
        Line(n, float(time), record) for n, (record, time) in enumerate(zip(records, times, strict=True))
    ]
    batch = LineBatch.of(lines, TABLE)
    templates = batch.rows.templates[batch.templates]
    return Seen(batch, templates, templates)


def text(message: str) -> Record:
    """A line of text."""
    return Record(message, "raw")


def columns(**fields: str) -> Record:
    """A line of columns."""
    return Record("", "json", fields)


def parts(seen: Seen, size: int) -> list[Seen]:
    """The lines in batches of so many."""
    return [seen.take(np.arange(at, min(at + size, len(seen)))) for at in range(0, len(seen), size)]
