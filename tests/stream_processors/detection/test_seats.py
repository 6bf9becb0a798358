from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection import seats
from stream_processors.detection.seats import LEAST_LINES, OTHERS, RARE, Seats


def taken(some: Seats, names) -> list[tuple[str, str | None]]:
    return [some.take(name) for name in names]


def test_the_first_names_have_a_seat_and_the_others_share_one():
    assert taken(Seats(2), "abcabd") == [(name, None) for name in ("a", "b", RARE, "a", "b", RARE)]


def test_a_source_that_outnumbers_the_rarest_one_takes_its_seat():
    some = Seats(2)
    taken(some, "ab" + "a" * 100 + "b" * 40)
    found = taken(some, "c" * 200)
    at = found.index(("c", "b"))
    assert 80 <= at < 90, "when it has twice as many"
    assert set(found[:at]) == {(RARE, None)}
    assert set(found[at + 1 :]) == {("c", None)}
    assert (some.seated, "b" in some) == (["a", "c"], False)
    assert some.take("b") == (RARE, None)


def test_a_source_of_few_lines_takes_nobodys_seat():
    some = Seats(1)
    found = taken(some, ["once", *["rare"] * (int(LEAST_LINES) - 1)])
    assert found[-1] == (RARE, None)
    assert taken(some, ["rare"] * 3)[-1] == ("rare", None)


def test_a_seat_is_lost_to_a_later_crowd_however_many_lines_came_long_ago(monkeypatch):
    monkeypatch.setattr(seats, "GROWTH", 1 + 1 / 100)
    some = Seats(2)
    taken(some, ["old"] * 5_000 + ["steady"] * 10)
    assert ("new", "old") in taken(some, ["steady", "new"] * 500)


def test_names_that_never_come_again_take_no_seat_and_little_room():
    """An id for every line: each inherits the count of the one it replaces, but not as its own lines."""
    some = Seats(3)
    taken(some, ["a", "b", "c"])
    found = {seat for seat, _ in taken(some, (f"id-{n}" for n in range(5_000)))}
    assert found == {RARE}
    assert len(some.state()["json"].tobytes()) < 200 * OTHERS * 3


def test_counts_are_made_lighter_before_they_overflow(monkeypatch):
    names = np.random.default_rng(0).choice(list("abcde"), 3_000, p=[0.4, 0.3, 0.2, 0.06, 0.04])
    expected = Seats(2)
    found = taken(expected, names)
    monkeypatch.setattr(seats, "HEAVIEST", 1.01)
    light = Seats(2)
    assert taken(light, names) == found


def test_restored_seats_are_taken_as_the_saved_ones():
    names = np.random.default_rng(1).choice([f"s{n}" for n in range(40)], 4_000)
    names[2_000:] = np.roll(names[2_000:], 7)
    saved, restored = Seats(5), Seats(5)
    taken(saved, names[:2_000])
    restored.restore(saved.state())
    assert taken(restored, names[2_000:]) == taken(saved, names[2_000:])


def test_with_fewer_seats_than_before_those_seated_last_leave():
    saved, restored = Seats(4), Seats(2)
    taken(saved, "abcd")
    restored.restore(saved.state())
    assert restored.shrink() == ["c", "d"]
    assert (restored.seated, restored.take("c")) == (["a", "b"], (RARE, None))
    with pytest.raises(ValueError, match="at least 1"):
        Seats(0)
