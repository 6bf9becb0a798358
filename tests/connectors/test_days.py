"""What is counted of each day, in both stores; Redis is a real one."""

from __future__ import annotations

import random

import pytest

from connectors.days import DAY, DAYS_KEPT, Day
from connectors.memory import MemoryStore
from connectors.redis import connect
from tests.connectors.steps import known, step, template

TODAY = 19_700
NOW = TODAY * DAY + 1_000.0


@pytest.fixture(params=["memory", "redis"])
def store(request):
    make = MemoryStore if request.param == "memory" else request.getfixturevalue("redis_store")
    return make(clock=lambda: NOW)


class Steps:
    """Steps of any partitions, one after the other."""

    def __init__(self, store) -> None:
        self._store, self._ends = store, {}

    def apply(self, *templates, partition: int = 0, **changes) -> None:
        expected = self._ends.get(partition)
        self._ends[partition] = (expected or 0) + 1
        one = step(expected, self._ends[partition], partition=partition, **changes)
        one.templates = list(templates)
        self._store.apply(one)


def on(day: int, lines: int = 1) -> tuple[tuple[int, int], ...]:
    """The minutes of lines of a day."""
    return ((day * 1_440 + 600, lines),)


def test_what_steps_count_of_a_day_is_summed_over_partitions_and_read_in_order(store):
    steps = Steps(store)
    steps.apply(days={TODAY: {"lines:m1": 3, "words": 30, "unknown": 2, "score:0": 2}})
    steps.apply(days={TODAY: {"lines:m2": 4, "words": 8, "score:0": 1, "score:15": 3}}, partition=1)
    steps.apply(days={TODAY - 2: {"lines:m1": 1}})
    today = Day(TODAY, {"m1": 3, "m2": 4}, words=38, unknown=2, scores=(3, *[0] * 14, 3))
    assert store.days("logs", TODAY) == [Day(TODAY - 2, {"m1": 1}), today]
    assert today.lines == 7
    assert store.days("logs", TODAY - 1) == [Day(TODAY - 2, {"m1": 1})]
    assert store.days("other", TODAY) == []


def test_lines_without_a_time_count_today_none_later_and_none_that_is_too_old(store):
    days = {0: {"lines:m": 1}, TODAY + 9: {"lines:m": 2}, TODAY - DAYS_KEPT: {"lines:m": 4}}
    Steps(store).apply(
        template("old", minutes=on(TODAY - DAYS_KEPT - 1)),
        days={**days, TODAY - DAYS_KEPT - 1: {"lines:m": 8}},
    )
    found = store.days("logs", TODAY)
    assert [(one.day, one.lines) for one in found] == [(TODAY - DAYS_KEPT, 4), (TODAY, 3)]
    assert not any(one.templates for one in found)


def test_a_template_is_new_once_and_returns_with_the_lines_it_had_the_day_before(store):
    steps, first = Steps(store), TODAY - 5
    steps.apply(template("a", count=3, minutes=on(first, 3)), template("b", minutes=on(first)))
    steps.apply(known("a", count=2, minutes=on(first, 2)))
    steps.apply(known("a", minutes=on(first + 1, 4) + on(first + 3, 1)), template("c", minutes=on(first + 1)))
    steps.apply(template("a", minutes=on(first + 1, 1)), partition=1)  # whole, from one that did not know
    days = {one.day - first: one for one in store.days("logs", TODAY)}
    told = {at: (one.templates, one.new, one.new_lines, one.returned) for at, one in days.items()}
    assert told == {0: (2, 2, 6, 0), 1: (2, 1, 1, 5), 3: (1, 0, 0, 0)}
    assert {one.id: one.born for one in store.templates("logs")} == {
        "a": (first, 5),
        "b": (first, 1),
        "c": (first + 1, 1),
    }


def test_lines_of_a_partition_that_is_a_day_behind_count_as_if_they_had_come_in_time(store):
    early, late = Steps(store), TODAY - 5
    early.apply(template("a", minutes=on(late, 2)))
    early.apply(known("a", minutes=on(late + 2, 3)))
    early.apply(known("a", minutes=on(late + 1, 4)), partition=1)
    early.apply(known("a", minutes=on(late + 1, 1)), partition=1)
    days = {one.day - late: (one.templates, one.returned) for one in store.days("logs", TODAY)}
    assert days == {0: (1, 0), 1: (1, 0), 2: (1, 5)}


def test_both_stores_count_alike(redis_store):
    draw, stores = random.Random(5), [MemoryStore(clock=lambda: NOW), redis_store(clock=lambda: NOW)]
    steps = [Steps(store) for store in stores]
    for number in range(60):
        names = draw.sample("abcdef", 2)
        days = [TODAY - 8 + number // 8 + draw.choice((-2, -1, 0, 0, 0)) for _ in names]
        changes = [
            template(name, minutes=on(day, draw.randrange(1, 9)) + on(day + 1, 1))
            for name, day in zip(names, days, strict=True)
        ]
        for one in steps:
            one.apply(*changes, partition=number % 3)
    memory, real = (store.days("logs", TODAY) for store in stores)
    assert memory == real
    born = [{one.id: one.born for one in store.templates("logs")} for store in stores]
    assert born[0] == born[1]


def test_a_day_takes_less_than_a_kilobyte_and_goes_by_itself(redis_store, redis_settings):
    client = connect(redis_settings)
    store = redis_store(clock=lambda: NOW)
    names = (
        "lines:secencoder-tiny@2026.11.2#84cc9cac5988",
        "words",
        "unknown",
        *map("score:{}".format, range(16)),
    )
    Steps(store).apply(
        template("a", minutes=on(TODAY - 1, 5) + on(TODAY, 5)),
        days={TODAY: dict.fromkeys(names, 1_000_000_000), TODAY - 1: {"words": 1}},
    )
    key = store.key("logs", "day", TODAY)
    assert client.hlen(key) == len(names) + 2
    assert client.memory_usage(key) < 1_024
    left = (DAYS_KEPT + 1) * DAY - 1_000
    assert left - 10 <= client.ttl(key) <= left + 1
    assert client.ttl(store.key("logs", "day", TODAY - 1)) < left - DAY + 10
