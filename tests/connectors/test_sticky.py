"""Who gets which partitions; with real workers in ``tests/integration/test_rebalance.py``."""

from __future__ import annotations

import random

from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from connectors.kafka.sticky import StickyAssignor, share_out


class Cluster:
    """What topics there are."""

    def __init__(self, **topics: int) -> None:
        self.topics = topics

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.topics[topic])) if topic in self.topics else None


class Group:
    """Members with their topics, joining over the wire's bytes."""

    def __init__(self, **topics: int) -> None:
        self.cluster = Cluster(**topics)
        self.members: dict[str, StickyAssignor] = {}
        self.has: dict[str, set[TopicPartition]] = {}
        self.topics = dict.fromkeys("abcdefgh", tuple(topics))

    def rebalance(self, *names: str, leader: type | None = None) -> None:
        for name in names:
            self.members.setdefault(name, StickyAssignor())
        said = {name: self.members[name].metadata(self.topics[name]) for name in names}
        said = {name: type(one).decode(one.encode()) for name, one in said.items()}
        shares = (leader or StickyAssignor()).assign(self.cluster, said)
        for name in names:
            share = type(shares[name]).decode(shares[name].encode())
            self.members[name].on_assignment(share)
            self.has[name] = set(share.partitions())
        everything = [at for name in names for at in self.has[name]]
        assert len(everything) == len(set(everything))

    def sizes(self, *names: str) -> list[int]:
        return [len(self.has[name]) for name in names]


def test_who_joins_gets_what_makes_all_even_and_nothing_else_moves():
    group = Group(logs=8, more=4)
    group.rebalance("a", "b")
    before = dict(group.has)
    assert group.sizes("a", "b") == [6, 6]
    group.rebalance("a", "b", "c")
    assert group.sizes("a", "b", "c") == [4, 4, 4]
    assert all(group.has[name] < before[name] for name in "ab")


def test_who_leaves_leaves_its_partitions_and_nothing_else_moves():
    group = Group(logs=9)
    group.rebalance("a", "b", "c")
    before = dict(group.has)
    group.rebalance("a", "c")
    assert sorted(group.sizes("a", "c")) == [4, 5]
    assert all(group.has[name] > before[name] for name in "ac")


def test_of_two_who_claim_a_partition_the_one_who_got_it_later_keeps_it():
    group = Group(logs=6)
    group.rebalance("a", "b")
    group.rebalance("b")  # a sleeps; b has all
    group.rebalance("b", "c")
    before = dict(group.has)
    group.rebalance("a", "b", "c")  # a wakes up, and claims what it had
    assert group.sizes("a", "b", "c") == [2, 2, 2]
    assert all(group.has[name] < before[name] for name in "bc")


def test_topics_that_come_and_go_move_no_other_partition():
    group = Group(logs=4)
    group.rebalance("a", "b")
    before = dict(group.has)
    group.cluster.topics["new"] = 4
    group.topics = dict.fromkeys("ab", ("logs", "new"))
    group.rebalance("a", "b")
    assert group.sizes("a", "b") == [4, 4]
    assert all(group.has[name] > before[name] for name in "ab")
    del group.cluster.topics["new"]
    group.rebalance("a", "b")
    assert group.has == before


def test_workers_of_both_kinds_share_a_group_whoever_leads():
    assert StickyAssignor.name == RoundRobinPartitionAssignor.name
    group = Group(logs=8)
    group.rebalance("a", "b", leader=RoundRobinPartitionAssignor)
    before = dict(group.has)
    group.rebalance("a", "b")
    assert group.has == before
    old = RoundRobinPartitionAssignor.metadata(["logs"])
    said = {"a": group.members["a"].metadata(["logs"]), "old": old}
    shares = StickyAssignor().assign(group.cluster, said)
    assert set(shares["a"].partitions()) <= before["a"]
    assert len(shares["old"].partitions()) == 4


def test_whatever_members_want_and_claim_each_partition_has_one_taker_and_no_one_has_two_too_many():
    draw = random.Random(3)
    for _ in range(200):
        there = [TopicPartition(topic, n) for topic in "xyz" for n in range(draw.randrange(6))]
        names = [f"m{n}" for n in range(draw.randrange(1, 5))]
        wanted = {name: set(draw.sample("xyz", draw.randrange(4))) for name in names}
        claims = {
            name: (draw.randrange(3), draw.sample(there, draw.randrange(len(there) + 1))) for name in names
        }
        shares = share_out(there, wanted, claims)
        taken = [at for share in shares.values() for at in share]
        assert sorted(taken) == sorted(at for at in there if any(at.topic in w for w in wanted.values()))
        for giver, share in shares.items():
            assert {at.topic for at in share} <= wanted[giver]
            for taker in names:
                if any(at.topic in wanted[taker] for at in share):
                    assert len(share) < len(shares[taker]) + 2
