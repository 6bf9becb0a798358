from __future__ import annotations

import csv

import pytest

from benchmarks.stream import scale
from benchmarks.stream.__main__ import COLUMNS

FIGURES = {
    "one worker, warm": (50_000, 20.0, 2e8, 3e7),
    "Faust agent, no-op": (5_000, "", "", ""),
    "one worker on one core, warm": (40_000, 20.0, 2e8, 3e7),
    "2 workers on 2 cores, warm": (70_000, 20.0, 2e8, 3e7),
}


@pytest.fixture
def results(tmp_path):
    rows = [
        ["mix", what, 1_000, 400, rate, rate, rate, *used, "2 cores"]
        for what, (rate, *used) in FIGURES.items()
    ]
    with (tmp_path / "stream.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    (tmp_path / "stages.csv").write_text("stage,mix\nstore,0.25\nreading,0.75\n")
    return tmp_path


def test_workers_follow_from_lines_and_leave_room_to_catch_up(results):
    (found,) = scale.measured(results / "stream.csv")
    assert scale.needs(found, 40e6, None) == ["400", "100,000", "50,000", "3", "6", "2.0", "20.00", "30"]
    assert scale.needs(found, None, 1e6)[3] == "29"


def test_the_page_has_ratios_and_stages_the_largest_first(results):
    text = scale.updated(f"a\n{scale.BEGIN}old\n{scale.END}b\n", scale.page(results))
    assert "a warm worker on the mix: 10 times a Faust agent that does nothing" in text
    assert "two workers on two cores: 1.8 times one on one" in text
    assert text.index("reading | 75.0 %") < text.index("store | 25.0 %")
    assert "old" not in text
    assert scale.updated(text, scale.page(results)) == text


def test_the_page_on_scale_is_made_from_the_results():
    published = scale.RESULTS / "stream.csv"
    text = (scale.RESULTS.parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
    expected = scale.page(scale.RESULTS) if published.exists() else "No run has been published yet."
    assert scale.updated(text, expected) == text
