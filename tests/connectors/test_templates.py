"""Templates, the pattern of each, and merges of patterns, in both stores; Redis is a real one."""

from __future__ import annotations

import itertools
import random
import threading
from dataclasses import replace

import pytest

from connectors.decisions import MOST_NEWS, Decided, News
from connectors.findings import Merge, SlotSummary
from connectors.memory import MemoryStore
from tests.connectors.steps import BINARY, MINUTE, NOW, SLOTS, anomaly, known, step, template


@pytest.fixture(params=["memory", "redis"])
def store(request):
    make = MemoryStore if request.param == "memory" else request.getfixturevalue("redis_store")
    return make(clock=lambda: NOW + 3_600)


class Partition:
    """Applies steps of one partition one after the other."""

    def __init__(self, store, number: int = 0) -> None:
        self._store, self._number, self._end = store, number, None
        self.seen = 0

    def apply(self, *templates, merges=(), seen: int | None = -1):
        """``seen``: what the partition was told last, unless another is given."""
        expected, self._end = self._end, (self._end or 0) + 1
        changes = step(expected, self._end, partition=self._number, lines=sum(t.count for t in templates))
        changes.templates, changes.merges = list(templates), list(merges)
        changes.seen = self.seen if seen == -1 else seen
        applied = self._store.apply(changes)
        if applied.news is not None:
            self.seen = applied.news.seen
        return applied


def decided(name: str, pattern: str = "", *, seen: float = NOW, model: str = "m1") -> Decided:
    return Decided(name, f"text of {name} <num>", pattern or name, seen, BINARY[:64], model)


def merge(pattern: str, into: str, reason: str = "the same words") -> Merge:
    return Merge(pattern, into, NOW, reason)


def groups(store) -> set[frozenset[str]]:
    return {frozenset(pattern.members) for pattern in store.patterns("logs")}


def test_a_template_comes_back_as_it_was_told_and_what_is_told_later_adds_to_it(store):
    partition = Partition(store)
    first = template("t1", count=3, minutes=((MINUTE, 3),), parameters=SLOTS)
    partition.apply(first)
    assert store.templates("logs") == [first]
    later = known("t1", count=4, seen=NOW + 60, minutes=((MINUTE + 1, 3), (MINUTE, 1)))
    assert partition.apply(later).missing == ()
    added = replace(first, count=7, last_seen=NOW + 60, minutes=((MINUTE, 4), (MINUTE + 1, 3)))
    assert store.templates("logs") == [added]
    partition.apply(known("t1", seen=NOW - 1.5))
    assert store.templates("logs") == [replace(added, count=8, first_seen=NOW - 1.5)]


def test_any_text_comes_back_as_it_was_told(store):
    odd = template(
        "t1", example="\x00 \U0001f600 'quoted' \n", parameters=(SlotSummary('a "b"\\/\n', "*", ("\x00é",)),)
    )
    Partition(store).apply(odd)
    assert store.templates("logs") == [odd]


def test_what_is_told_of_slots_is_put_together(store):
    one, other = Partition(store), Partition(store, 1)
    one.apply(template("t1", parameters=(SlotSummary("0", "num", ("5", "7"), 5.0, 7.0),)))
    more = (SlotSummary("0", "num", ("7", "9.25", "1"), 1.0, 9.25), SlotSummary("1", "ip", ("192.0.2.1",)))
    other.apply(known("t1", parameters=more))
    (found,) = store.templates("logs")
    assert found.parameters == (SlotSummary("0", "num", ("5", "7", "9.25"), 1.0, 9.25), more[1])


def test_a_template_that_the_store_lacks_is_counted_and_asked_for(store):
    partition = Partition(store)
    assert partition.apply(known("t1", count=3), template("t2")).missing == ("t1",)
    assert [found.count for found in store.templates("logs")] == [3, 1]
    assert [found.id for found in store.stored("logs", 0, 0).known.templates] == ["t2"]
    assert partition.apply(template("t1", count=2)).missing == ()
    assert store.templates("logs")[0] == template("t1", count=5)
    assert store.stored("logs", 0, 0).known.templates == (decided("t2"), decided("t1"))


def test_the_first_to_tell_a_templates_pattern_is_right_and_the_other_is_told(store):
    one, other = Partition(store), Partition(store, 1)
    assert one.apply(template("a"), template("b", pattern="a")).patterns == {}
    assert other.apply(template("b"), template("c")).patterns == {"b": "a"}
    assert {found.id: found.pattern for found in store.templates("logs")} == {"a": "a", "b": "a", "c": "c"}
    assert one.apply().news == News((decided("c"),), (), other.seen)


def test_of_two_writers_at_once_exactly_one_decides(store):
    for turn in range(10):
        ready, answers = threading.Barrier(2), {}

        def write(number: int, turn=turn, ready=ready, answers=answers) -> None:
            changes = step(turn or None, turn + 1, partition=number)
            changes.templates = [template(f"t{turn}", pattern=f"p{number}")]
            ready.wait()
            answers[number] = store.apply(changes).patterns

        writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        (found,) = (found for found in store.templates("logs") if found.id == f"t{turn}")
        won = int(found.pattern[1:])
        assert answers == {won: {}, 1 - won: {f"t{turn}": f"p{won}"}}
        assert found.count == 2


def test_news_are_told_once_and_never_of_the_partition_itself(store):
    one, other = Partition(store), Partition(store, 1)
    assert one.apply(template("a"), template("b", pattern="a")).news == News(seen=one.seen)
    told = other.apply(template("c")).news
    assert told == News((decided("a"), decided("b", "a")), (), other.seen)
    assert other.apply().news == News(seen=other.seen)
    assert one.apply().news == News((decided("c"),), (), other.seen)
    assert one.apply(seen=None).news is None
    assert store.stored("logs", 0, 0).known == News(
        (decided("a"), decided("b", "a"), decided("c")), (), other.seen
    )


def test_a_partition_that_never_heard_anything_is_told_everything(store):
    Partition(store).apply(template("a"), template("b"), merges=[merge("b", "a")])
    told = Partition(store, 1).apply().news
    assert told == store.stored("logs", 1, 0).known
    assert (told.templates, told.merges) == ((decided("a"), decided("b", "a")), (merge("b", "a"),))


def test_many_news_come_a_few_hundred_at_a_time(store):
    names = [f"t{number}" for number in range(MOST_NEWS + 20)]
    one, other = Partition(store), Partition(store, 1)
    one.apply(*map(template, names), merges=[merge("t1", "t0")])
    first, second, third = (other.apply().news for _ in range(3))
    assert [found.id for found in first.templates] == names[:MOST_NEWS]
    assert [found.id for found in second.templates] == names[MOST_NEWS:]
    assert (first.merges, second.merges) == ((), (merge("t1", "t0"),))
    assert (third, other.seen) == (News(seen=one.seen), one.seen)


def test_the_pattern_whose_founder_was_seen_first_stays_whoever_says_it(store):
    early, late = template("z", seen=NOW), template("a", seen=NOW + 5)
    one, other = Partition(store), Partition(store, 1)
    applied = one.apply(early, late, merges=[merge("z", "a", "as the other sees it")])
    assert applied.news.merges == (merge("a", "z", "as the other sees it"),)
    assert other.apply(merges=[merge("a", "z"), merge("z", "a")]).news.merges == applied.news.merges
    assert store.merges("logs") == [merge("a", "z", "as the other sees it")]
    one.apply(template("b", seen=NOW), merges=[merge("z", "b")])
    assert {found.pattern for found in store.templates("logs")} == {"b"}, "of two at once the smaller id"


def test_what_comes_with_a_pattern_that_merged_is_part_of_what_it_became_part_of(store):
    one, other = Partition(store), Partition(store, 1)
    one.apply(template("a"), template("b"), template("c"), merges=[merge("c", "b"), merge("b", "a")])
    assert other.apply(template("d", pattern="c")).patterns == {"d": "a"}
    assert {found.pattern for found in store.templates("logs")} == {"a"}
    assert store.merges("logs") == [merge("b", "a"), merge("c", "b")]
    (found,) = store.patterns("logs")
    assert (found.id, found.templates, found.members) == ("a", 4, ("a", "b", "c", "d"))
    stats = store.stats("logs")
    assert (stats.templates, stats.patterns) == (4, 1)


def test_a_flagged_line_names_the_pattern_that_its_own_became_part_of(store):
    changes = step(None, 1, templates=[template("p0"), template("p1")], anomalies=[anomaly(0)])
    store.apply(changes)
    assert store.anomalies("logs")[0].pattern == "p1"
    store.apply(step(1, 2, merges=[merge("p1", "p0")]))
    assert store.anomalies("logs")[0].pattern == "p0"


def test_merges_in_any_order_give_the_same_patterns_and_no_circle(store):
    names = "abcdef"
    said = [merge(*pair) for pair in (("b", "a"), ("a", "b"), ("c", "b"), ("a", "c"), ("e", "d"), ("d", "e"))]
    for number, order in enumerate(random.Random(1).sample(list(itertools.permutations(said)), 20)):
        source = f"logs{number}"
        for partition in range(3):
            changes = step(None, 1, source=source, partition=partition, templates=[*map(template, names)])
            changes.merges = list(order[2 * partition :][:2])
            store.apply(changes)
        found = {pattern.id: set(pattern.members) for pattern in store.patterns(source)}
        assert found == {"a": {"a", "b", "c"}, "d": {"d", "e"}, "f": {"f"}}
        assert len(store.merges(source)) == 3


def test_a_worker_that_begins_goes_on_from_the_decisions_there_are(store):
    Partition(store).apply(template("a"), template("b"), merges=[merge("b", "a")])
    later = Partition(store, 1)
    later.seen = store.stored("logs", 1, 0).known.seen
    assert later.apply(template("c")).news == News(seen=later.seen)
    assert store.stored("logs", 1, 0).known.seen == later.seen


def test_a_pattern_is_the_sum_of_its_templates(store):
    slots = (SlotSummary("user", "*", ("bob",)), SlotSummary("1", "ip", ("192.0.2.1",)))
    Partition(store).apply(
        template("a", count=3, minutes=((MINUTE, 2), (MINUTE + 1, 1)), parameters=SLOTS),
        template("b", count=9, seen=NOW - 60, pattern="a", minutes=((MINUTE, 9),), parameters=slots),
        template("c", count=5, vector=BINARY[64:128]),
    )
    first, second = store.patterns("logs")
    assert (first.id, first.count, first.templates, first.members) == ("a", 12, 2, ("b", "a"))
    assert (first.first_seen, first.last_seen) == (NOW - 60, NOW)
    assert (first.template, first.example) == ("text of a <num>", "example of a")
    assert first.minutes == ((MINUTE, 11), (MINUTE + 1, 1))
    assert first.parameters == (SLOTS[0], replace(SLOTS[1], examples=("ada", "bob")), slots[1])
    assert (second.id, second.count, second.vector, second.model) == ("c", 5, BINARY[64:128], "m1")
    assert store.patterns("logs", limit=1) == [first]


def test_lines_are_counted_by_minute_for_a_day_and_never_later_than_now(store):
    partition, day = Partition(store), 24 * 60
    partition.apply(
        template("a", count=4, minutes=((MINUTE - day, 1), (MINUTE - 1, 1), (0, 1), (MINUTE + 10 * day, 1)))
    )
    now = MINUTE + 60
    assert store.templates("logs")[0].minutes == ((MINUTE - 1, 1), (now, 2))
    many = [known("a", minutes=((MINUTE - minute, minute),)) for minute in range(1, 70)]
    for change in many:
        partition.apply(change)
    found = dict(store.templates("logs")[0].minutes)
    assert found == {now: 2, **{MINUTE - m: m for m in range(1, 70)}, MINUTE - 1: 2}
    late = ((MINUTE - 2 * day, 7), (MINUTE - 2 * day + 60, 8))
    partition.apply(known("a", minutes=late), template("b", minutes=late))
    assert [dict(one.minutes) for one in store.templates("logs")] == [found, {}], "a later hour stays"


def test_a_vector_of_another_model_takes_the_place_of_the_older_one(store):
    one, other = Partition(store), Partition(store, 1)
    one.apply(template("a"))
    other.apply()
    wide = template("a", model="m2", vector=BINARY[:128], example="another")
    one.apply(wide)
    (found,) = store.templates("logs")
    assert (found.vector, found.model, found.example) == (BINARY[:128], "m2", "example of a")
    assert other.apply().news.templates == (replace(decided("a", model="m2"), vector=BINARY[:128]),)


def test_sources_inside_a_topic_decide_for_themselves(store):
    changes = step(None, 1)
    changes.templates, changes.seen = [template("a")], None
    changes.part("api").templates, changes.part("api").seen = [known("a"), template("b", pattern="a")], 0
    changes.part("api").snapshot = b"x"
    applied = store.apply(changes)
    api = store.stored("logs", 0, 0).sources["api"].known
    assert (applied.patterns, applied.missing, applied.news) == ({}, (), None)
    assert (applied.parts["api"].missing, applied.parts["api"].news) == (("a",), News(seen=api.seen))
    assert api.templates == (decided("b", "a"),)
    assert groups(store) == {frozenset("a")}
    assert [pattern.members for pattern in store.patterns("logs/api")] == [("a", "b")]


def test_a_source_that_nobody_told_anything_of_has_nothing(store):
    assert store.templates("logs") == store.merges("logs") == store.patterns("logs") == []
    assert Partition(store).apply().news == News()
