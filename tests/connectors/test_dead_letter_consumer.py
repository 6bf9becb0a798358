"""One topic of dead letters looks like several topics; the real one is in ``tests/integration/test_replay.py``."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace

from aiokafka import TopicPartition

from connectors.kafka.dead_letters import DeadLetterConsumer, topic_of_letter

WEB, DB = TopicPartition("web", 0), TopicPartition("db", 0)


class Log:
    """The dead-letter topic's one partition; letters are named by the topic that they were of."""

    def __init__(self, topics: str) -> None:
        self.letters = [{"w": "web", "d": "db", "x": "other"}[name] for name in topics]
        self.at: int | None = None

    async def getmany(self, there: TopicPartition, *, timeout_ms: int, max_records: int) -> dict:
        assert self.at is not None, "an aiokafka consumer would look for a committed offset"
        found = []
        for offset in range(self.at, min(self.at + 2, len(self.letters))):
            headers = [("__streams.errors.topic", self.letters[offset].encode()), ("team", b"x")]
            found.append(SimpleNamespace(offset=offset, timestamp=1, key=None, value=b"v", headers=headers))
        self.at += len(found)
        return {there: found} if found else {}

    async def position(self, there: TopicPartition) -> int:
        if self.at is None:
            await asyncio.sleep(1)
        return self.at  # type: ignore[return-value]

    def seek(self, there: TopicPartition, offset: int) -> None:
        self.at = offset


def test_each_topic_is_read_on_its_own_from_wherever_it_is_told_and_a_batch_begins_where_the_last_one_ended():
    draw = random.Random(5)

    async def case(letters: str) -> None:
        ends = {WEB: len(letters) - 1, DB: len(letters)}
        consumer = DeadLetterConsumer(Log(letters), "letters", ends)
        found: dict[TopicPartition, list[int]] = {WEB: [], DB: []}
        stands = dict.fromkeys(ends, 0)
        for at in ends:
            consumer.seek(at, 0)
        for _ in range(200):
            at = draw.choice([WEB, DB])
            assert await consumer.position(at) == stands[at]
            if draw.random() < 0.05:  # opened anew, from what the store has
                stands[at] = draw.randrange(stands[at] + 1)
                found[at] = [offset for offset in found[at] if offset < stands[at]]
                consumer.seek(at, stands[at])
                continue
            taken = (await consumer.getmany(at, timeout_ms=0, max_records=draw.randrange(1, 4))).get(at, [])
            found[at] += [letter.offset for letter in taken]
            stands[at] = await consumer.position(at)
            assert all(letter.headers == [("team", b"x")] for letter in taken)
        for at, end in ends.items():
            while await consumer.position(at) < end:
                taken = await consumer.getmany(at, timeout_ms=0, max_records=3)
                found[at] += [letter.offset for letter in taken.get(at, [])]
            assert found[at] == [n for n in range(end) if letters[n] == at.topic[0]]

    for _ in range(20):
        asyncio.run(case("".join(draw.choices("wdx", k=draw.randrange(2, 30)))))


def test_what_another_program_wrote_or_has_no_value_is_no_letter():
    ours = [("__streams.errors.topic", b"web")]
    assert topic_of_letter(ours) == "web"
    assert topic_of_letter([("__connect.errors.topic", b"web")]) is None
    assert topic_of_letter([*ours, ("secencoder.value.bytes", b"9000000")]) is None
