"""A step that is read as arrays is the batch that its lines are as objects."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.records import Message
from encoder_core.templates import Templates
from stream_processors.demo.scenario import scenario
from stream_processors.demo.scenario.envelopes import ENVELOPES, wrap
from stream_processors.detection.batch import LineBatch, Matching
from stream_processors.detection.lines import ScannedLines
from stream_processors.detection.matching import match_record
from stream_processors.detection.reading import LineReader
from stream_processors.detection.table import TemplateTable

LINES = list(scenario(lines=150))
ARRAYS = ("offsets", "indexes", "times", "templates", "severities", "kinds", "broken", "starts", "slots")
ARRAYS += ("values", "types", "word_starts", "words")


def read(values: list[bytes], few: int) -> list[LineBatch]:
    """The second time, so that what can be known is."""
    reader, table, matching = LineReader(few=few), TemplateTable(4), Matching()
    batches = []
    for first in (0, len(values)):
        messages = [Message(first + at, 1.8e9, value) for at, value in enumerate(values)]
        reader.add(messages, first + len(values))
        reader.close()
        while (step := reader.step(10_000)) is not None:
            assert isinstance(step.lines, ScannedLines) == (few == 1)
            batches.append(LineBatch.of(step.lines, table, matching))
    return batches


def texts(batch: LineBatch) -> list[bytes]:
    spans = [(batch.begins, batch.ends), (batch.text_begins, batch.text_ends)]
    return [
        batch.buffer[begin:end].tobytes()
        for begins, ends in spans
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]


@pytest.mark.parametrize("envelope", ["", *ENVELOPES])
def test_arrays_are_those_of_the_lines_one_by_one(envelope):
    values = [m.value for m in wrap(LINES, envelope)] if envelope else [x.line.encode() for x in LINES]
    for scanned, plain in zip(read(values, 1), read(values, 1 << 30), strict=True):
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(scanned, name), getattr(plain, name), err_msg=name)
        assert texts(scanned) == texts(plain)
        assert scanned.line(7) == plain.line(7)
        for place in range(len(scanned)):
            match = match_record(plain.line(place).record, Templates())
            assert tuple(scanned.parameters(place)) == tuple(plain.parameters(place)) == match.parameters
