"""Partitions that tell a store of their templates end with the same patterns."""

from __future__ import annotations

import random
from hashlib import blake2b

import pytest

from connectors.findings import Changes, Template
from connectors.memory import MemoryStore
from stream_processors.detection.agreement import Agreement
from tests.connectors.conftest import redis_store  # noqa: F401

NOW = 1_700_000_000.0
NAMES = ["ada", "bob", "carol", "dan", "eve", "frank", "grace", "heidi"]
TEXTS = [
    *(f"session opened for user {name} by <num>" for name in NAMES),
    *(f"session closed for user {name}" for name in NAMES),
    *(f"{word} of disk <path> is <num>" for word in ("size", "age")),
    "link is down",
    "link is up",
]


def id_of(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


class Partition:
    """Applies steps to a store, and takes its answers."""

    def __init__(self, store, number: int, model: str = "m1") -> None:
        self.store, self.number, self.model = store, number, model
        self.agreement = Agreement(model=model)
        stored = store.stored("logs", number, 0)
        self.end = stored.applied
        self.agreement.resume(stored.known)
        self.sent: list[Template] = []

    def step(self, lines: list[tuple[str, float]]) -> None:
        seen: dict[str, list[float]] = {}
        for text, at in lines:
            seen.setdefault(text, []).append(at)
        told = [self.template(text, times) for text, times in seen.items()]
        changes = Changes("logs", self.number, self.end, (self.end or 0) + 1, lines=len(lines))
        self.agreement.decide(told, changes)
        self.sent = changes.templates
        self.agreement.take(self.store.apply(changes))
        self.end = changes.end

    def template(self, text: str, times: list[float]) -> Template:
        name = id_of(text)
        if self.agreement.knows(name):
            return Template(name, "", "", len(times), min(times), max(times))
        return Template(name, text, "", len(times), min(times), max(times), text, b"v", self.model)


def settle(partitions: list[Partition]) -> None:
    """Steps without lines until nobody has anything to tell."""
    for partition in partitions * 4:
        partition.step([])
    assert not any(partition.agreement.due for partition in partitions)


def groups(store) -> set[frozenset[str]]:
    return {frozenset(pattern.members) for pattern in store.patterns("logs")}


@pytest.fixture
def lines():
    chosen = random.Random(7)
    texts = TEXTS + chosen.choices(TEXTS, k=400)
    chosen.shuffle(texts)
    return [(text, NOW + at) for at, text in enumerate(texts)]


def spread(lines, count: int, store=None):
    store = store or MemoryStore(clock=lambda: NOW + 3_600)
    partitions = [Partition(store, number) for number in range(count)]
    for at in range(0, len(lines), 8):
        partition = partitions[at // 8 % count]
        partition.step(lines[at : at + 8])
    settle(partitions)
    for partition in partitions:
        mine = {one.id: partition.agreement.pattern_of(one.id) for one in store.templates("logs")}
        assert mine == {one.id: one.pattern for one in store.templates("logs")}
    assert sum(pattern.count for pattern in store.patterns("logs")) == len(lines)
    return store


def test_the_same_lines_give_the_same_patterns_over_one_four_and_eight_partitions(lines):
    found = [groups(spread(lines, count)) for count in (1, 4, 8)]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) < len(TEXTS), "some templates say the same"
    opened = {frozenset(id_of(text) for text in TEXTS if text.startswith("session opened"))}
    assert opened <= found[0]


def test_both_stores_agree(lines, redis_store):  # noqa: F811
    assert groups(spread(lines, 4, redis_store())) == groups(spread(lines, 4))


def test_a_partition_that_is_opened_anew_goes_on_as_if_nothing_had_happened(lines):
    once, twice = spread(lines, 1), MemoryStore(clock=lambda: NOW + 3_600)
    for at in range(0, len(lines), 8):
        partition = Partition(twice, 0)
        partition.step(lines[at : at + 8])
    settle([partition])
    assert groups(twice) == groups(once)


def test_what_the_store_knows_is_told_whole_only_once(lines):
    store = MemoryStore(clock=lambda: NOW)
    one, other = Partition(store, 0), Partition(store, 1)
    one.step(lines)
    assert all(template.text for template in one.sent)
    other.step([])
    for partition in (one, other, None):
        partition = partition or Partition(store, 0)
        partition.step(lines)
        assert not any(template.text or template.vector for template in partition.sent)


def test_what_the_store_forgot_is_told_whole_again(lines):
    store = MemoryStore(clock=lambda: NOW)
    partition = Partition(store, 0)
    partition.step(lines)
    partition.store = MemoryStore(clock=lambda: NOW)
    partition.end = None
    partition.step(lines)
    assert not any(template.text for template in partition.sent)
    partition.step(lines)
    assert all(template.text for template in partition.sent)
    assert groups(partition.store) == groups(store)


def test_a_new_model_tells_its_vectors_once_and_two_at_a_time_do_not_tell_them_for_ever(lines):
    store = MemoryStore(clock=lambda: NOW)
    old = Partition(store, 0)
    old.step(lines)
    new = Partition(store, 1, model="m2")
    new.step(lines)
    assert all(template.vector for template in new.sent)
    for partition in (old, new, old, new):
        partition.step(lines)
        assert not any(template.vector for template in partition.sent)
    assert {template.model for template in store.templates("logs")} == {"m2"}
