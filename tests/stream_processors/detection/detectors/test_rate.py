from __future__ import annotations

import numpy as np
import pytest

from connectors.records import Record
from stream_processors.detection.detectors.bursts import DAY, SETTLED
from stream_processors.detection.detectors.rate import Rate
from tests.stream_processors.detection.detectors.lines import columns, parts, seen_of, text

QUIET = [text("cache ready"), text("job done"), columns(action="login", user="alice")]


def steady(minutes: int, start: float = 0.0) -> tuple[list[Record], list[float]]:
    """Each quiet line once a minute."""
    times = [start + 20.0 * n for n in range(3 * minutes)]
    return [QUIET[n % 3] for n in range(3 * minutes)], times


def scores(kind: Rate, records: list[Record], times: list[float]) -> np.ndarray:
    return kind.observe(seen_of(records, times)).scores


@pytest.fixture
def kind():
    kind = Rate()
    assert scores(kind, *steady(300)).max() < 1.0
    return kind


def test_a_flood_surprises_more_the_longer_it_lasts(kind):
    seen = seen_of([QUIET[0]] * 40, [6_000.0 * 3 + n / 10 for n in range(40)])
    found = kind.observe(seen).scores
    assert np.all(np.diff(found[3:]) >= 0) and found[-1] > found[20] > 5
    assert kind.explain(seen, 39).text == "this kind of line: 39 a minute, usually 1"


def test_a_flood_of_one_value_is_named():
    kind = Rate()
    records = [columns(rule=f"r{n % 4}", host=f"h{n % 3}") for n in range(900)]
    scores(kind, records, [10.0 * n for n in range(900)])
    seen = seen_of(
        [columns(rule="r1", host=f"h{n % 3}") for n in range(30)], [9_000.0 + n for n in range(30)]
    )
    surprises = kind.observe(seen)
    scores(kind, records, [9_100.0 + 10.0 * n for n in range(900)])
    assert seen.batch.part(29, int(surprises.causes[29])) == ("rule", "r1")


def test_a_source_that_bursts_all_day_is_not_surprised():
    quiet, bursting, found = Rate(), Rate(), []
    for kind, size in ((quiet, 1), (bursting, 60)):
        for hour in range(24):
            scores(kind, *steady(30, 3_600.0 * hour))
            burst = [text(f"batch of kind {'abcdefghijklmnopqrstuvwxyz'[hour]} done")] * size
            scores(kind, burst, [3_600.0 * hour + 2_000 + n / 10 for n in range(size)])
        flood = scores(kind, [text("disk failed")] * 60, [90_000.0 + n / 10 for n in range(60)])
        found.append(flood.max())
    assert found[1] < 0.8 * found[0]


def test_a_flood_does_not_become_usual_while_it_lasts(kind):
    found = scores(kind, [QUIET[1]] * 5_000, [20_000.0 + n / 10 for n in range(5_000)])
    assert found[1_000:].min() > 5


def test_nothing_is_said_of_the_first_minutes_after_a_day_of_silence(kind):
    assert not scores(kind, [QUIET[0]] * 50, [500_000.0 + n / 10 for n in range(50)]).any()


def test_a_burst_that_came_before_surprises_less(kind):
    burst = [QUIET[1]] * 40
    first = scores(kind, burst, [20_000.0 + n / 10 for n in range(40)]).max()
    again = scores(kind, burst, [26_000.0 + n / 10 for n in range(40)]).max()
    assert again < 0.8 * first


def test_a_burst_at_the_same_hour_of_each_day_does_not_surprise():
    kind, found = Rate(), []
    for day in range(3):
        scores(kind, *steady(200, day * DAY))
        found.append(
            scores(
                kind, [text("backup of 1 file")] * 60, [day * DAY + 15_000.0 + n / 10 for n in range(60)]
            ).max()
        )
    assert found[0] > 5 and found[2] < 2.5


def test_nothing_is_said_of_the_first_minutes_and_late_lines_turn_no_clock_back():
    kind = Rate()
    assert not scores(kind, [QUIET[0]] * 50, [SETTLED * n / 60 for n in range(50)]).any()
    scores(kind, *steady(300, SETTLED))
    late = scores(kind, [QUIET[0]] * 5, [18_000.0, 100.0, 200.0, 18_001.0, 300.0])
    assert late.max() < 6.0


def test_a_wrong_time_in_the_future_does_not_stop_the_clock(kind):
    scores(kind, [QUIET[0]], [9e9])
    records, times = steady(300, 18_000.0)
    assert scores(kind, records, times)[-300:].max() < 1.0


@pytest.mark.parametrize("time", [0.0, float("nan")])
def test_places_take_the_part_of_time_where_there_is_none(time):
    kind = Rate()
    usual = [QUIET[n * n % 3] for n in range(8_000)]
    assert scores(kind, usual, [time] * len(usual)).max() < 3.0
    seen = seen_of([text("disk failed")] * 50, [time] * 50)
    found = kind.observe(seen).scores
    assert found[-1] > 1.5
    assert "in 500 lines" in kind.explain(seen, 49).text


@pytest.mark.parametrize("size", [1, 7])
def test_scores_do_not_depend_on_how_the_stream_is_cut_or_on_a_restart(size):
    records, times = steady(60)
    records, times = [*records, *[QUIET[2]] * 20], [*times, *[times[-1] + n / 5 for n in range(20)]]
    whole = scores(Rate(), records, times)
    kind, found = Rate(), []
    for at, part in enumerate(parts(seen_of(records, times), size)):
        if at == 17:
            saved, kind = kind.state(), Rate()
            kind.restore(saved)
        found.append(kind.observe(part).scores)
    np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-5)
    assert whole.max() > 3


def test_what_is_unlearned_is_not_usual(kind):
    taught = Rate()
    taught.restore(kind.state())
    for one in (kind, taught):
        for hour in range(6):
            seen = seen_of([QUIET[0]] * 30, [20_000.0 + 3_600 * hour + n * 50 for n in range(30)])
            one.observe(seen)
            if one is kind:
                one.unlearn(seen, np.arange(30))
    last = seen_of([QUIET[0]] * 30, [45_000.0 + n / 10 for n in range(30)])
    usual = [one.observe(last) and one.explain(last, 29).numbers["usual"] for one in (kind, taught)]
    assert usual[0] < 0.95 * usual[1]
