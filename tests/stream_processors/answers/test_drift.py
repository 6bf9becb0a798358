"""Drift of generated logs in a real store: none in a month that stays the same, and the right one when lines change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.drift import CHANGES, FIRST, LAST, MODEL, Partition, after, drifted, lines_of
from connectors.days import DAY
from connectors.findings import Changes
from encoder_core import Encoder
from stream_processors.answers.drift import GONE, LINES, TEMPLATES, UNLIKE, WORDS
from stream_processors.detection.pipeline import Pipeline
from tests.connectors.conftest import redis_store  # noqa: F401


@pytest.fixture(scope="module")
def pipeline():
    encoder = Encoder.from_path()
    return Pipeline(encoder, count_words=encoder.count_words)


@pytest.fixture
def store(redis_store):  # noqa: F811
    return redis_store(clock=lambda: (FIRST + 31) * DAY)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_month_that_stays_the_same_is_no_drift_on_any_day(store, pipeline, seed):
    Partition(store, pipeline).take(lines_of(30, seed, 200))
    told = [after(store, day) for day in range(30)]
    assert [(one.retrain, drifted(one)) for one in told] == [(False, [])] * 30
    assert [len(one.measures) for one in told] == [0] * 4 + [6] * 26
    assert told[0].because == "0 days to compare with, at least 3 are needed"
    assert told[29].because == "nothing drifted"
    assert all(measure.now is not None for one in told[4:] for measure in one.measures)
    week = after(store, 29, period=7, reference=21)
    assert (week.retrain, drifted(week), len(week.days.now)) == (False, [], 7)


@pytest.mark.parametrize(
    ("change", "measures", "never", "retrain"),
    [
        ("release", {LINES, TEMPLATES, GONE}, {UNLIKE, WORDS}, False),
        ("service", {LINES, UNLIKE}, {GONE}, True),
        ("format", {LINES, GONE, UNLIKE}, set(), True),
        ("language", {LINES, WORDS}, {GONE}, True),
    ],
)
def test_what_changes_is_told_on_its_day_by_the_right_measures(
    store, pipeline, change, measures, never, retrain
):
    Partition(store, pipeline).take(lines_of(LAST + 1, 3, 400, CHANGES[change]))
    before, found = after(store, LAST - 1), after(store, LAST)
    assert (before.retrain, drifted(before)) == (False, [])
    assert {*drifted(found)} >= measures
    assert not {*drifted(found)} & never
    assert found.retrain is retrain
    reasons = {WORDS, UNLIKE} & {*drifted(found)} if retrain else measures
    assert all(name in found.because for name in reasons)


def counts(store, source: str):
    """All that is counted of days, without how scores are spread: each partition has its own."""
    return [replace(one, scores=(sum(one.scores),)) for one in store.days(source, FIRST + 4)]


def test_four_partitions_count_what_one_does_and_a_restart_loses_and_doubles_nothing(store, pipeline):
    messages = lines_of(4, 4, 200)
    of_days = [[one for one in messages if one.timestamp // DAY == FIRST + day] for day in range(4)]
    one, two = Partition(store, pipeline, "one"), Partition(store, pipeline, "restarted")
    four = [Partition(store, pipeline, "four", number) for number in range(4)]
    for day, part in enumerate(of_days):
        one.take(part)
        for partition in four:
            partition.take(part[partition.number :: 4])
        two.take(part[:120], snapshot=True)
        two.take(part[120:])
        if day < 3:
            two.die_and_come_back(messages)
    assert counts(store, "one") == counts(store, "four") == counts(store, "restarted")
    days = store.days("four", FIRST + 4)
    assert sum(day.lines for day in days) == store.stats("four").lines > 600
    assert all(sum(day.scores) == day.lines for day in days)


def test_days_of_another_model_and_days_without_lines_are_not_compared_with(store):
    end = None
    for day in range(10):
        changes = Changes("logs", 0, expected=end, end=day + 1)
        model = "old" if day < 4 else MODEL
        lines = 0 if day == 6 else 50 if day == 8 else 500
        changes.days = {FIRST + day: {f"lines:{model}": lines, "words": 9 * lines}} if lines else {}
        store.apply(changes)
        end = day + 1
    found = after(store, 9)
    assert [one.day - FIRST for one in found.days.before] == [
        4,
        5,
    ]  # 7 is after a day without lines, 8 has few
    assert found.because == "2 days to compare with, at least 3 are needed"
    assert after(store, 8).because == "50 lines, at least 100 of one model are needed"
    assert after(store, 30).because == "0 lines, at least 100 of one model are needed"
