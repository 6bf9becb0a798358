import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.envelopes import stamps
from connectors.envelopes.stamps import seconds
from connectors.formats.times import parse_time

NOON = 1_795_608_000.0  # 2026-11-25T12:00:00Z


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        int(NOON),
        int(NOON) * 1_000,
        int(NOON) * 1_000_000,
        int(NOON) * 1_000_000_000,
        "2026-11-25T12:00:00Z",
        "2026-11-25T12:00:00.000Z",
        "2026-11-25T12:00:00.000000000Z",
        "2026-11-25T13:00:00.000+01:00",
        "1795608000",
        "1795608000000",
    ],
)
def test_the_unit_and_the_spelling_are_told_apart(value):
    assert seconds(value) == seconds(value) == NOON


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "2026-13-25T12:00:00Z", "2026-11-25T12:00:nanZ", "2026-11-25T12:00:1e9Z"),
        *("2026-11-25T12:00:-1Z", None, True, [], {}, 0, -5, 42, math.nan, math.inf, -math.inf, 10**40),
    ],
)
def test_what_is_no_time_is_none(value):
    seconds("2026-11-25T12:00:00Z")
    assert seconds(value) is None


def test_a_remembered_minute_gives_what_parsing_gives():
    draw = random.Random(1)
    for _ in range(500):
        value = (
            f"2026-0{draw.randint(1, 3)}-1{draw.randint(0, 9)}T1{draw.randint(0, 9)}:3{draw.randint(0, 9)}"
        )
        value += f":{draw.randint(0, 59):02}.{draw.randint(0, 999):03}Z"
        assert seconds(value) == pytest.approx(parse_time(value), abs=1e-6)


def test_remembered_minutes_are_bounded(monkeypatch):
    monkeypatch.setattr(stamps, "MINUTES", 10)
    for minute in range(60):
        assert seconds(f"2026-11-25T12:{minute:02}:30Z") == NOON + 60 * minute + 30
    assert len(stamps._minutes) <= 10


@given(st.text(max_size=40) | st.integers() | st.floats())
def test_any_value_is_a_time_of_this_century_or_none(value):
    moment = seconds(value)
    assert moment is None or moment == moment
