"""When a partition in trouble is tried again, and with how many lines."""

from __future__ import annotations

from aiokafka import TopicPartition

from stream_processors.delivery.troubles import CLEAN_BATCHES, LONGEST_WAIT, Troubles

AT, OTHER = TopicPartition("logs", 0), TopicPartition("logs", 1)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def waits(troubles: Troubles, clock: Clock) -> float:
    """Seconds until the partition is tried again."""
    start = clock.now
    while troubles.waits(AT):
        clock.now += 0.25
    return clock.now - start


def test_each_failure_waits_twice_as_long_up_to_a_bound():
    clock = Clock()
    troubles = Troubles(clock)
    seen = []
    for _ in range(8):
        troubles.add(AT, "the store refused it")
        seen.append(waits(troubles, clock))
    assert seen == [0.5, 1, 2, 4, 8, 16, LONGEST_WAIT, LONGEST_WAIT]
    assert not troubles.waits(OTHER)


def test_a_batch_that_is_narrowed_down_is_tried_again_soon_and_the_last_line_less_and_less_often():
    clock = Clock()
    troubles = Troubles(clock)
    seen = []
    for lines in (250, 125, 62, 31, 15, 7, 3, 1, 0, 1):
        troubles.add(AT, "it failed", narrow_to=lines)
        assert troubles.limit(AT, 500) == max(1, lines)
        seen.append(waits(troubles, clock))
    assert seen == [0.5] * 8 + [1, 2]


def test_a_narrowed_partition_widens_step_by_step_until_it_is_well():
    troubles = Troubles(Clock())
    troubles.add(AT, "it failed", narrow_to=2)
    limits = []
    ended = False
    while not ended:
        limit = troubles.limit(AT, 16)
        limits.append(limit)
        ended = troubles.succeeded(AT, limit)
    assert limits == [limit for limit in (2, 4, 8, 16) for _ in range(CLEAN_BATCHES)] + [16] * (
        len(limits) - 4 * CLEAN_BATCHES
    )
    assert troubles.reason(AT) is None
    assert troubles.limit(AT, 16) == 16


def test_success_ends_a_trouble_and_another_partition_has_none():
    troubles = Troubles(Clock())
    troubles.add(AT, "can't be opened")
    assert troubles.reason(AT) == "can't be opened"
    assert troubles.reason(OTHER) is None
    assert troubles.tries(AT) == 1
    assert troubles.succeeded(AT, 10)
    assert not troubles.succeeded(AT, 10)
    assert (troubles.reason(AT), troubles.tries(AT)) == (None, 0)


def test_a_partition_that_gives_up_lines_does_not_widen():
    troubles = Troubles(Clock())
    troubles.add(AT, "9 of 500 lines failed", narrow_to=8)
    for _ in range(3 * CLEAN_BATCHES):
        assert not troubles.succeeded(AT, 2, 6)
    assert troubles.limit(AT, 500) == 8
