from __future__ import annotations

from connectors.patterns import Pattern
from stream_processors.answers.trends import Trends, trends

HOUR = 27_000_000
"""The period is this hour of minutes since the epoch; ten hours are known before it."""
BEFORE = range(HOUR - 600, HOUR)
DURING = range(HOUR, HOUR + 60)


def pattern(name: str, minutes: dict[int, int]) -> Pattern:
    first, last = min(minutes) * 60.0, max(minutes) * 60.0
    return Pattern(
        name, sum(minutes.values()), first, last, "", b"", "", minutes=tuple(sorted(minutes.items()))
    )


def every(minutes: range, count: int = 1) -> dict[int, int]:
    return dict.fromkeys(minutes, count)


def of(**minutes: dict[int, int]) -> Trends:
    known = pattern("known", every(BEFORE) | every(DURING))
    return trends(
        [known, *(pattern(name, found) for name, found in minutes.items())], HOUR * 60, (HOUR + 60) * 60 - 1
    )


def groups(found: Trends) -> dict[str, str]:
    return {
        trend.pattern.id: name
        for name in ("new", "bursting", "gone", "normal")
        for trend in getattr(found, name)
        if trend.pattern.id != "known"
    }


def test_a_pattern_is_in_one_group_by_its_lines_in_the_period_and_before():
    found = of(
        new={HOUR + 5: 3},
        steady=every(range(HOUR - 600, HOUR + 60, 5), 2),
        seldom={HOUR - 300: 1, HOUR + 1: 2},
        flood=every(BEFORE, 2) | every(DURING, 7),
        spike=every(range(HOUR - 600, HOUR + 60, 7)) | {HOUR + 30: 40},
        gone=every(range(HOUR - 600, HOUR, 10), 4),
        nightly=every(range(HOUR - 580, HOUR - 570), 900),
        later={HOUR + 70: 9},
    )
    assert groups(found) == {
        "new": "new",
        "steady": "normal",
        "seldom": "normal",
        "flood": "bursting",
        "spike": "bursting",
        "gone": "gone",
    }
    spike, flood = found.bursting
    assert (spike.lines, spike.usual, spike.peak, spike.peak_at, spike.usual_peak) == (
        48,
        8.6,
        40,
        HOUR + 30,
        1,
    )
    assert (flood.lines, flood.usual) == (420, 120.0)
    assert (found.gone[0].lines, found.gone[0].usual) == (0, 24.0)
    assert (found.begin, found.end, found.before) == (HOUR, HOUR + 60, 600)
    assert found.lines == sum(t.lines for g in (found.new, found.bursting, found.normal) for t in g)


def test_where_nothing_is_known_of_before_all_is_normal():
    found = trends([pattern("a", every(DURING)), pattern("b", {HOUR + 50: 99})], HOUR * 60, (HOUR + 59) * 60)
    assert ([trend.pattern.id for trend in found.normal], found.before) == (["b", "a"], 0)
    assert not found.new + found.bursting + found.gone


def test_after_a_few_minutes_nothing_is_a_burst_or_gone_and_what_comes_first_now_is_new():
    some = [
        pattern("flood", {HOUR - 5: 1, HOUR + 1: 999}),
        pattern("over", every(range(HOUR - 5, HOUR), 9)),
        pattern("new", {HOUR + 1: 1}),
    ]
    assert groups(trends(some, HOUR * 60, (HOUR + 59) * 60)) == {"flood": "normal", "new": "new"}


def test_groups_do_not_depend_on_the_order_of_patterns():
    some = [pattern(f"p{n}", every(BEFORE) | {HOUR + n % 3: 20}) for n in range(9)]
    period = HOUR * 60, (HOUR + 59) * 60
    assert trends(some, *period) == trends(some[::-1], *period)
    assert [trend.pattern.id for trend in trends(some, *period).bursting] == [f"p{n}" for n in range(9)]
