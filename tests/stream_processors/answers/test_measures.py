"""Numbers that drift, and those that only vary."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.findings import Template
from stream_processors.answers.distances import newcomers
from stream_processors.answers.measures import Measure, histogram, rate, stability


def shares(*percent: float, of: int = 10_000) -> list[tuple[int, int]]:
    return [(round(of * one / 100), of) for one in percent]


STEADY = shares(2.0, 2.1, 1.9, 2.0, 2.2, 1.8, 2.0)


@pytest.mark.parametrize(
    ("before", "now", "drifted"),
    [
        (STEADY, shares(9), True),
        (STEADY, shares(4.5), False),  # far outside of the spread, and too little to matter
        (shares(2, 12, 5, 9, 1, 14, 8), shares(16), False),  # such days there were
        (STEADY[:6] + shares(30), shares(9), True),  # one day's drift does not hide the next one's
        (STEADY, [(3, 30)], False),  # of so few it is chance
        (STEADY, shares(0), False),
    ],
)
def test_a_share_drifts_when_it_is_outside_of_its_days_and_of_chance_and_matters(before, now, drifted):
    assert rate("share", before, now, 0.03).drifted is drifted


def test_a_measure_says_what_it_was_is_and_may_be():
    found = rate("share", STEADY, shares(9, 11), 0.03)
    assert found.now == pytest.approx(0.1)
    assert found.usual == pytest.approx(0.0197, abs=1e-4)
    assert found.limit == pytest.approx(found.usual + 0.03)
    assert found.days == pytest.approx([0.02, 0.021, 0.019, 0.02, 0.022, 0.018, 0.02])


def test_too_few_days_or_none_with_anything_tell_nothing():
    nothing = Measure("share")
    assert not nothing.drifted
    assert rate("share", STEADY[:2], shares(50), 0.03) == nothing
    assert rate("share", STEADY, [(0, 0)], 0.03) == nothing
    assert histogram("share", [(0, 0)] * 7, [(5, 5)]) == nothing


def test_a_distribution_drifts_when_its_shares_change_and_not_with_the_number_of_lines():
    draw = np.random.default_rng(1)
    before = [draw.multinomial(lines, [0.7, 0.2, 0.08, 0.02]) for lines in (900, 5_000, 800, 1_500, 2_000)]
    usual, other = (draw.multinomial(3_000, p) for p in ([0.7, 0.2, 0.08, 0.02], [0.5, 0.2, 0.1, 0.2]))
    before, usual, other = ([*map(np.ndarray.tolist, before)], usual.tolist(), other.tolist())
    assert not histogram("scores", before, [usual]).drifted
    assert histogram("scores", before, [other]).drifted
    assert stability(np.array([70.0, 30.0]), np.array([700.0, 300.0])) == pytest.approx(0, abs=1e-3)


def test_new_templates_are_as_far_as_their_nearest_of_an_earlier_day():
    vectors = {"a": (1, 0), "b": (0, 1), "c": (0.8, 0.6), "d": (0.6, 0.8), "other": (1, 0)}
    days = {"a": 5, "b": 5, "c": 7, "d": 7, "other": 4}
    templates = [
        Template(
            name,
            name,
            name,
            9,
            days[name] * 86_400.0,
            0.0,
            vector=np.array(vectors[name], dtype="<f2").tobytes(),
            model="other" if name == "other" else "m",
            born=(0 if name == "b" else days[name], 3),
        )
        for name in vectors
    ]
    found = newcomers(templates, "m")
    assert found.of(7).distances == pytest.approx([0.2, 0.2], abs=1e-3)  # not to each other
    assert (found.days.tolist(), found.lines.tolist()) == ([7, 7], [3, 3])
    assert len(found.of(5).lines) == len(newcomers([], "m").lines) == 0
