from __future__ import annotations

import numpy as np
import pytest

from connectors.findings import Pace
from stream_processors.detection.budget import Budget
from stream_processors.detection.policy import AlertPolicy

START = 1_700_000_000.0
LINES = 60_000
A_SECOND = 50.0


def exponential(seed: int, lines: int = LINES) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1, lines)


STREAMS = {
    "stationary": exponential(0),
    "creeping up": exponential(1) + np.linspace(0, 5, LINES),
    "creeping down": exponential(2) + np.linspace(5, 0, LINES),
    "steps": exponential(3) + np.repeat([0, 2, 1, 3, 0, 4, 2, 1, 5, 0], LINES // 10),
    "day and night": exponential(4) * (1 + 0.5 * np.sin(np.arange(LINES) / 5_000)),
    "heavy tail": np.exp(2 * np.random.default_rng(5).normal(size=LINES)),
    "few values": np.round(exponential(6)),
}


def policy(budget: str) -> AlertPolicy:
    return AlertPolicy(Budget.parse(budget), partition=0, model="m1")


def times_of(lines: int, a_second: float = A_SECOND) -> np.ndarray:
    return START + np.arange(lines) / a_second


def flagged(one: AlertPolicy, scores: np.ndarray, times: np.ndarray, size: int = 1_000) -> list[int]:
    """Places of the lines that are flagged."""
    return [
        int(place) + start
        for start in range(0, len(scores), size)
        for place in one.judge(scores[start : start + size], times[start : start + size]).places
    ]


@pytest.mark.parametrize(
    ("text", "share", "per_second"),
    [
        ("top 0.1 %", 0.001, None),
        ("Top 5%", 0.05, None),
        ("0.02 %", 0.0002, None),
        ("top 100 %", 1.0, None),
        ("20 an hour", None, 20 / 3_600),
        ("1 per  day", None, 1 / 86_400),
        ("2.5/minute", None, 2.5 / 60),
        ("7 a minute", None, 7 / 60),
    ],
)
def test_a_budget_is_a_share_or_a_number_in_a_time(text, share, per_second):
    budget = Budget.parse(text)
    assert (budget.share, budget.per_second) == (pytest.approx(share), pytest.approx(per_second))


@pytest.mark.parametrize(
    "text", ["", "20", "top", "0 an hour", "top 0 %", "top 101 %", "-5 an hour", "5 a week"]
)
def test_what_is_no_budget_is_named(text):
    with pytest.raises(ValueError, match="'"):
        Budget.parse(text)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("budget", ["top 10 %", "top 0.2 %", "300 an hour"])
def test_a_budget_is_met_within_a_fifth(budget, name):
    found = flagged(policy(budget), STREAMS[name], times_of(LINES))
    of = Budget.parse(budget)
    wanted = LINES * of.share if of.share else LINES / A_SECOND * of.per_second
    assert 0.8 * wanted <= len(found) <= 1.2 * wanted


def test_a_constant_stream_is_silent_and_what_stands_out_of_it_is_flagged():
    scores = np.full(20_000, 0.7)
    scores[[9_000, 18_000]] = 2.0
    for budget in ("top 20 %", "top 0.1 %", "100 an hour"):
        assert flagged(policy(budget), scores, times_of(len(scores))) == [9_000, 18_000]


def test_a_burst_of_unusual_lines_spends_little_more_than_the_budget_and_the_strangest_still_passes():
    scores = exponential(7)
    scores[30_000:33_000] += 8.0
    scores[50_000] = 60.0
    found = flagged(policy("top 0.1 %"), scores, times_of(len(scores)))
    assert 48 <= len(found) <= 84
    assert 50_000 in found


def test_the_partitions_of_a_source_share_a_budget_by_their_lines():
    lines = {0: 36_000, 1: 18_000, 2: 6_000}
    seconds = 2_000
    policies = {partition: policy("400 an hour") for partition in lines}
    counts = dict.fromkeys(lines, 0)
    scores = {partition: exponential(partition, count) for partition, count in lines.items()}
    parts = 100
    for part in range(parts):
        for partition, count in lines.items():
            size = count // parts
            at = slice(part * size, (part + 1) * size)
            times = times_of(count, count / seconds)[at]
            counts[partition] += len(policies[partition].judge(scores[partition][at], times).places)
        told = {partition: one.pacer.pace() for partition, one in policies.items()}
        for partition, one in policies.items():
            one.pacer.others = tuple(pace for other, pace in told.items() if other != partition)
    wanted = 400 * seconds / 3_600
    assert 0.8 * wanted <= sum(counts.values()) <= 1.2 * wanted
    for partition, count in lines.items():
        assert counts[partition] == pytest.approx(wanted * count / sum(lines.values()), rel=0.25, abs=4)


def test_a_partition_that_has_fallen_silent_leaves_its_part_to_the_others():
    one = policy("60 an hour")
    one.pacer.others = (Pace(8.0, START),)
    times = times_of(60_000, 8.0)
    found = flagged(one, exponential(8), times)
    late = [place for place in found if times[place] > START + 6_000]
    assert len(late) == pytest.approx(60 * (times[-1] - START - 6_000) / 3_600, rel=0.2)


def test_what_is_flagged_does_not_depend_on_batches_or_a_restart():
    scores, times = exponential(9, 30_000), times_of(30_000)
    whole = flagged(policy("top 0.5 %"), scores, times, size=4_096)
    assert flagged(policy("top 0.5 %"), scores, times, size=7) == whole
    first, second = policy("top 0.5 %"), policy("top 0.5 %")
    early = flagged(first, scores[:10_001], times[:10_001])
    second.restore(first.state())
    late = flagged(second, scores[10_001:], times[10_001:])
    assert early + [place + 10_001 for place in late] == whole


def test_lines_without_a_time_have_a_share_where_the_budget_is_for_one():
    found = flagged(policy("20 an hour"), exponential(10), np.zeros(LINES))
    assert 240 <= len(found) <= 360
