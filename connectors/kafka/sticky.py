"""Which worker of a group gets which partitions: those that it has, as far as all have about as many.

aiokafka's own sticky assignor keeps what a member had in its class, so that two consumers of a process share it, and
never learns the group's generation (its issues 1175 and 1176). With two assignors in its list it joins a group twice.
So there is one here, which a group with older workers takes for theirs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

import orjson
from aiokafka import TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

Claim = tuple[int, Collection[TopicPartition]]
"""What a member had, and the number of the sharing out in which it got that."""


class StickyAssignor:
    """One for each consumer. It goes by the name of the assignor that workers had before it, on purpose.

    A group has one protocol that all of its members know, by name. Workers of both kinds can therefore share a group,
    in an upgrade and back: an older leader shares out anew, as it always did; a new one keeps what it can.
    """

    name = "roundrobin"

    def __init__(self) -> None:
        self._had: list[TopicPartition] = []
        self._number = 0

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What this member says as it joins: its topics, and what it had."""
        return ConsumerProtocolMemberMetadata(0, list(topics), _claim_bytes(self._number, self._had))

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Takes what this member got. An older leader gives no number: the last one stays."""
        self._had = assignment.partitions()
        self._number = max(self._number, _claim_in(assignment.user_data)[0])

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """What each member gets, made by the group's leader."""
        wanted = {name: set(member.subscription) for name, member in members.items()}
        claims = {name: _claim_in(member.user_data) for name, member in members.items()}
        topics = sorted(set().union(*wanted.values()))
        there = [
            TopicPartition(topic, number)
            for topic in topics
            for number in sorted(cluster.partitions_for_topic(topic) or ())
        ]
        number = 1 + max((number for number, _ in claims.values()), default=0)
        return {
            name: ConsumerProtocolMemberAssignment(
                0, sorted(_by_topic(shares).items()), _claim_bytes(number, ())
            )
            for name, shares in share_out(there, wanted, claims).items()
        }


def share_out(
    there: Collection[TopicPartition], wanted: Mapping[str, Collection[str]], claims: Mapping[str, Claim]
) -> dict[str, list[TopicPartition]]:
    """Member to partitions: those it had, but no member has two more than another that wants one of them.

    there: all partitions. wanted: member to topics. Of two who claim the same partition the one who got it later has
    it. What nobody has goes to who has fewest, and of its topic fewest.
    """
    had: dict[TopicPartition, str] = {}
    for name in sorted(wanted, key=lambda name: (claims[name][0], name)):
        had.update({at: name for at in claims[name][1] if at.topic in wanted[name]})
    shares = _Shares(wanted)
    for at in there:
        if at in had:
            shares.give(at, had[at])
    for at in there:
        if at not in had:
            shares.give_to_poorest(at)
    while shares.move_one():
        pass
    return shares.of


class _Shares:
    """What each member has so far."""

    def __init__(self, wanted: Mapping[str, Collection[str]]) -> None:
        self.of: dict[str, list[TopicPartition]] = {name: [] for name in sorted(wanted)}
        self._wanted = wanted
        self._of_topic: Counter[tuple[str, str]] = Counter()

    def give(self, at: TopicPartition, name: str) -> None:
        self.of[name].append(at)
        self._of_topic[name, at.topic] += 1

    def give_to_poorest(self, at: TopicPartition) -> None:
        """Nothing happens when nobody wants it."""
        takers = [name for name in self.of if at.topic in self._wanted[name]]
        if takers:
            self.give(at, min(takers, key=lambda name: (len(self.of[name]), self._of_topic[name, at.topic])))

    def move_one(self) -> bool:
        """Moves a partition from who has most to who has fewest; False when all is even."""
        ranked = sorted(self.of, key=lambda name: len(self.of[name]))
        for giver in reversed(ranked):
            for taker in ranked:
                if len(self.of[giver]) < len(self.of[taker]) + 2:
                    break
                if fit := [at for at in self.of[giver] if at.topic in self._wanted[taker]]:
                    at = self._most_common(giver, fit)
                    self.of[giver].remove(at)
                    self._of_topic[giver, at.topic] -= 1
                    self.give(at, taker)
                    return True
        return False

    def _most_common(self, name: str, ats: Iterable[TopicPartition]) -> TopicPartition:
        """One of the topic of which a member has most."""
        return max(ats, key=lambda at: (self._of_topic[name, at.topic], at))


def _by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for at in sorted(partitions):
        found[at.topic].append(at.partition)
    return found


def _claim_bytes(number: int, had: Iterable[TopicPartition]) -> bytes:
    return orjson.dumps({"number": number, "had": _by_topic(had)})


def _claim_in(data: bytes) -> Claim:
    """The inverse; nothing for what an older worker, or another program, says."""
    try:
        said = orjson.loads(data)
        had = [TopicPartition(str(topic), int(at)) for topic, ats in said["had"].items() for at in ats]
        return int(said["number"]), had
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0, ()
