"""What the partitions of a source teach each other, in both stores; Redis is a real one."""

from __future__ import annotations

import pytest

from connectors.decisions import BEGINNING
from connectors.lessons import MOST_LESSONS, MOST_TOLD, MOST_TOLD_BYTES
from connectors.memory import MemoryStore
from connectors.store import Fenced
from tests.connectors.steps import step


@pytest.fixture(params=["memory", "redis"])
def store(request):
    return MemoryStore() if request.param == "memory" else request.getfixturevalue("redis_store")()


class Partition:
    """Applies steps of one partition one after the other, and remembers what it heard."""

    def __init__(self, store, number: int, source: str = "") -> None:
        self._store, self._number, self._source = store, number, source
        self.end, self.heard = None, BEGINNING

    def apply(self, taught: bytes = b"", *, times: int = 1) -> tuple[bytes, ...]:
        for _ in range(times):
            expected, self.end = self.end, (self.end or 0) + 1
            changes = step(expected, self.end, partition=self._number)
            findings = changes.part(self._source) if self._source else changes
            findings.taught, findings.heard = taught, self.heard
            applied = self._store.apply(changes)
        lessons = (applied.parts[self._source] if self._source else applied).lessons
        self.heard = lessons.heard
        return lessons.taught


def test_each_partition_hears_once_what_the_others_taught_and_never_itself(store):
    first, second, third = (Partition(store, number) for number in range(3))
    assert first.apply(b"one") == ()
    assert second.apply(b"two\x00\xff") == (b"one",)
    assert first.apply() == (b"two\x00\xff",)
    assert first.apply(b"three") == ()
    assert third.apply() == (b"one", b"two\x00\xff", b"three")
    assert (second.apply(), second.apply()) == ((b"three",), ())


def test_a_partition_that_remembers_nothing_hears_its_own_too(store):
    first = Partition(store, 0)
    first.apply(b"one")
    first.heard = BEGINNING
    assert first.apply(b"two") == (b"one",)


def test_a_step_that_is_refused_teaches_nothing(store):
    first, second = Partition(store, 0), Partition(store, 1)
    first.apply(b"one")
    with pytest.raises(Fenced):
        store.apply(step(None, 9, taught=b"again", heard=BEGINNING))
    assert second.apply() == (b"one",)


def test_sources_inside_a_topic_have_lessons_of_their_own(store):
    topic, inside, other = Partition(store, 0), Partition(store, 1, "api"), Partition(store, 2, "api")
    topic.apply(b"topic")
    assert inside.apply(b"api") == ()
    assert other.apply() == (b"api",)


def test_a_step_that_does_not_ask_is_told_nothing(store):
    store.apply(step(None, 1, taught=b"one"))
    assert store.apply(step(None, 1, partition=1)).lessons is None


def test_what_is_kept_and_told_is_bounded(store):
    teacher, few, many = (Partition(store, number) for number in range(3))
    teacher.apply(b"x", times=MOST_LESSONS + 5)
    heard = [len(few.apply()) for _ in range(MOST_LESSONS // MOST_TOLD + 2)]
    assert heard == [MOST_TOLD] * (MOST_LESSONS // MOST_TOLD) + [0, 0]
    teacher.apply(bytes(MOST_TOLD_BYTES // 2), times=4)
    many.heard = few.heard
    assert [len(many.apply()) for _ in range(3)] == [3, 1, 0]
