from __future__ import annotations

import numpy as np
import pytest

from connectors.records import Record
from stream_processors.detection.detectors.kind import Seen
from stream_processors.detection.detectors.risk import FORGOTTEN, Risk
from tests.stream_processors.detection.detectors.lines import columns, parts, seen_of

ODD = ["created", "dumped", "stopped", "removed"]


def follow(risk: Risk, records: list[Record], nats: list[float]) -> np.ndarray:
    return risk.follow(seen_of(records), np.array(nats, dtype=np.float64))


def quiet(count: int) -> list[Record]:
    return [columns(action="login", user=f"user{'abcdefghij'[n % 10]}") for n in range(count)]


@pytest.fixture
def risk() -> Risk:
    risk = Risk()
    follow(risk, quiet(400), [1.0] * 400)
    return risk


def of_mallory(risk: Risk, words: list[str], nats: float = 8.0) -> np.ndarray:
    """Lines of several templates about one user."""
    return risk.follow(templates_of(words), np.full(len(words), nats))


def templates_of(words: list[str]) -> Seen:
    """Lines about one user, each word a template."""
    seen = seen_of([columns(user="mallory") for _ in words])
    return Seen(seen.batch, np.array([ord(word[0]) for word in words], dtype=np.uint64), seen.patterns)


def test_several_odd_lines_about_one_thing_raise_those_that_follow(risk):
    found = of_mallory(risk, [*ODD, *ODD])
    assert not found[:2].any()
    assert 1.0 < found[2] < found[4]


def test_one_odd_line_raises_nothing_nor_does_one_template_that_repeats(risk):
    assert not of_mallory(risk, ["created"] * 20).any()


def test_usual_lines_about_it_lower_the_risk_and_raise_none(risk):
    assert not of_mallory(Risk(), ODD * 3, nats=2.0).any()
    of_mallory(risk, ODD)
    high = of_mallory(risk, ["created"])[0]
    of_mallory(risk, ["created"] * 30, nats=0.5)
    assert of_mallory(risk, ["created"])[0] < 0.4 * high


def test_what_a_few_values_of_a_column_say_names_no_single_thing(risk):
    def level_of(count: int) -> list[Record]:
        return [
            columns(level=("info", "info", "warn")[n % 3], user=f"u{'abcdefgh'[n % 8]}") for n in range(count)
        ]

    follow(risk, level_of(90), [2.0] * 90)
    odd = seen_of(level_of(60))
    odd = Seen(odd.batch, np.arange(60, dtype=np.uint64) % 7, odd.patterns)
    risk.follow(odd, np.full(60, 8.0))
    seen = seen_of([columns(level="warn", user="new"), columns(level="fatal", user="ua")])
    found = risk.follow(seen, np.ones(2))
    assert found[0] == 0
    assert found[1] > 0 and seen.batch.part(1, int(risk._said.causes[1]))[0] == "user"


def test_risk_is_forgotten(risk):
    of_mallory(risk, ODD)
    lines = int(-10_000 * np.log(FORGOTTEN)) + 1_000
    follow(risk, quiet(lines), [1.0] * lines)
    assert not of_mallory(risk, ["created"]).any()


def test_the_reason_names_the_value(risk):
    seen = seen_of(quiet(2))
    assert risk.follow(seen, np.ones(2)).max() == 0 and risk.explain(seen, 0) is None
    seen = templates_of(list("abcdef"))
    found = risk.follow(seen, np.full(6, 8.0))
    reason = risk.explain(seen, 5)
    assert reason is not None and reason.score == pytest.approx(found[5])
    assert reason.text == "user 'mallory' was in 5 lines of 5 templates before, unusual ones among them"


@pytest.mark.parametrize("size", [1, 7])
def test_it_does_not_depend_on_how_lines_are_cut_nor_on_a_restart(size):
    records = [columns(action=f"act{n % 7}", user=f"user{'abcdefghij'[n % 10]}") for n in range(200)]
    nats = np.random.default_rng(0).exponential(4.0, size=200)
    seen = seen_of(records)
    seen = Seen(seen.batch, np.arange(200, dtype=np.uint64) % 7, seen.patterns)
    whole = Risk().follow(seen, nats)
    risk, found, at = Risk(), [], 0
    for number, part in enumerate(parts(seen, size)):
        if number == 13:
            saved, risk = risk.state(), Risk()
            risk.restore(saved)
        found.append(risk.follow(part, nats[at : at + len(part)]))
        at += len(part)
    np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-5)
    assert whole.max() > 1
