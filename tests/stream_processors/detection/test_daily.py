"""What a partition counts by day."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.days import DAY, lines_of, scores_in
from connectors.findings import Findings
from stream_processors.detection.daily import DayCounts
from stream_processors.detection.table import TemplateTable
from tests.fakes import batch_of, make_line


def told(counts: DayCounts) -> dict[int, dict[str, int]]:
    findings = Findings("logs")
    counts.tell(findings)
    return findings.days


@pytest.fixture
def counts():
    return DayCounts("m")


def test_lines_and_the_words_of_their_templates_count_in_the_day_of_the_line(counts):
    table = TemplateTable(64, count_words=lambda text: (len(text.split()), text.count("kaputt")))
    texts = ["one kaputt", "port 17 is kaputt", "one kaputt", "fine"]
    times = [DAY - 1.0, DAY, float("nan"), 3.5 * DAY]
    lines = [
        make_line(n, text, timestamp=time) for n, (text, time) in enumerate(zip(texts, times, strict=True))
    ]
    counts.read(batch_of(lines, table=table))
    assert told(counts) == {
        0: {lines_of("m"): 2, "words": 4, "unknown": 2},
        1: {lines_of("m"): 1, "words": 4, "unknown": 1},
        3: {lines_of("m"): 1, "words": 1},
    }
    assert told(counts) == {}  # once


def test_scores_count_in_bins_of_the_day_and_the_last_bin_has_no_end(counts):
    counts.scored(np.array([DAY, DAY, DAY, 9.0 * DAY]), np.array([0.0, 0.49, 0.5, 700.0]))
    counts.scored(np.array([DAY]), np.array([7.5]))
    counts.scored(np.empty(0), np.empty(0))
    assert told(counts) == {1: {scores_in(0): 2, scores_in(1): 1, scores_in(15): 1}, 9: {scores_in(15): 1}}
