from __future__ import annotations

import pytest

from stream_processors.operations.watchdog import LONGEST_GAP, NO_REASON, Stuck, Watchdog

STEP = 5


class Clock:
    """Seconds that pass when a test says so."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock) -> Watchdog:
    return Watchdog(stall_seconds=60, exit_seconds=600, clock=clock)


def watch(watchdog: Watchdog, clock: Clock, seconds: int, position: int | None, lag: int | None) -> None:
    """A partition observed every few seconds, always the same."""
    for _ in range(seconds // STEP):
        clock.now += STEP
        watchdog.observe("logs/3", position, lag)


def test_a_partition_that_is_behind_and_does_not_move_is_stuck(watchdog, clock):
    watchdog.observe("logs/3", 40, 7)
    watch(watchdog, clock, 55, 40, 9)
    assert watchdog.stuck() == []
    watch(watchdog, clock, 5, 40, 1_204)
    (stuck,) = watchdog.stuck()
    assert stuck == Stuck("logs/3", 60, 1_204, NO_REASON)
    assert str(stuck) == f"logs/3: 1,204 behind, not moved for 60 s: {NO_REASON}"


def test_one_that_stays_stuck_expires(watchdog, clock):
    watchdog.observe("logs/3", 40, 7)
    watch(watchdog, clock, 595, 40, 7)
    assert watchdog.expired() == []
    watch(watchdog, clock, 5, 40, 7)
    assert watchdog.expired() == watchdog.stuck() == [Stuck("logs/3", 600, 7, NO_REASON)]


def test_with_no_seconds_to_exit_nothing_expires(clock):
    watchdog = Watchdog(stall_seconds=60, exit_seconds=0, clock=clock)
    watchdog.observe("logs/3", 40, 7)
    watch(watchdog, clock, 5_000, 40, 7)
    assert watchdog.stuck()
    assert watchdog.expired() == []


def test_an_idle_partition_is_never_stuck_and_its_idle_time_does_not_count(watchdog, clock):
    watch(watchdog, clock, 5_000, 40, 0)
    assert watchdog.stuck() == []
    watch(watchdog, clock, 60, 40, 1)
    assert watchdog.stuck() == []
    watch(watchdog, clock, 5, 40, 1)
    assert [stuck.seconds for stuck in watchdog.stuck()] == [60]


def test_a_slow_partition_that_moves_is_not_stuck(watchdog, clock):
    for position in range(100):
        watchdog.observe("logs/3", position, 10_000 + position)
        watch(watchdog, clock, 50, position, 10_000 + position)
        assert watchdog.stuck() == []


def test_a_position_that_was_reset_to_an_earlier_offset_has_moved(watchdog, clock):
    watchdog.observe("logs/3", 40, 7)
    watch(watchdog, clock, 55, 40, 7)
    watchdog.observe("logs/3", 0, 47)
    watch(watchdog, clock, 55, 0, 47)
    assert watchdog.stuck() == []


def test_a_position_that_comes_and_goes_is_no_progress(watchdog, clock):
    watchdog.observe("logs/3", 40, 7)
    for _ in range(10):
        watch(watchdog, clock, 5, None, 7)
        watch(watchdog, clock, 5, 40, 7)
    assert [stuck.seconds for stuck in watchdog.stuck()] == [100]


def test_one_that_was_never_applied_is_stuck_too(watchdog, clock):
    watch(watchdog, clock, 65, None, 7)
    assert [stuck.name for stuck in watchdog.stuck()] == ["logs/3"]
    watchdog.observe("logs/3", 1, 6)
    assert watchdog.stuck() == []


def test_the_latest_reason_is_kept_until_the_partition_moves(watchdog, clock):
    watchdog.observe("logs/3", 40, 7)
    watchdog.blame("logs/3", "the store refuses XADD")
    watchdog.blame("logs/3", "the store\n  refuses EVALSHA")
    watch(watchdog, clock, 60, 40, 7)
    assert [stuck.reason for stuck in watchdog.stuck()] == ["the store refuses EVALSHA"]
    watchdog.observe("logs/3", 41, 6)
    watch(watchdog, clock, 60, 41, 6)
    assert [stuck.reason for stuck in watchdog.stuck()] == [NO_REASON]


def test_a_partition_that_cannot_even_be_opened_is_behind(watchdog, clock):
    for _ in range(13):
        watchdog.blame("logs/3", "NOPERM")
        clock.now += STEP
    (stuck,) = watchdog.stuck()
    assert (stuck.lag, stuck.seconds) == (None, 65)
    assert str(stuck) == "logs/3: lag not known, not moved for 65 s: NOPERM"


def test_how_long_each_partition_has_stood_still_is_told(watchdog, clock):
    watchdog.observe("logs/3", 40, 7)
    watchdog.observe("logs/4", 40, 0)
    clock.now += STEP
    assert watchdog.stalled() == {"logs/3": STEP, "logs/4": 0}
    watchdog.observe("logs/3", 41, 6)
    assert watchdog.stalled() == {"logs/3": 0, "logs/4": 0}


def test_a_forgotten_partition_starts_anew(watchdog, clock):
    watchdog.observe("logs/3", 40, 7)
    watch(watchdog, clock, 60, 40, 7)
    watchdog.keep(["logs/4"])
    watchdog.keep(["logs/4", "logs/9"])
    assert watchdog.stuck() == []
    watchdog.observe("logs/3", 40, 7)
    assert watchdog.stuck() == []


def test_time_in_which_nobody_looked_does_not_count(watchdog, clock):
    """A process that was stopped for an hour finds its partitions where they were, and gets time to go on."""
    watchdog.observe("logs/3", 40, 7)
    clock.now += 3_600
    assert watchdog.stuck() == []
    watchdog.observe("logs/3", 40, 7)
    watch(watchdog, clock, 60, 40, 7)
    assert [stuck.seconds for stuck in watchdog.stuck()] == [60 + LONGEST_GAP]


def test_partitions_are_told_apart_and_named_in_order(watchdog, clock):
    for _ in range(13):
        for name, position in (("logs/1", 5), ("audit/0", 5), ("logs/0", int(clock.now))):
            watchdog.observe(name, position, 1)
        clock.now += STEP
    assert [stuck.name for stuck in watchdog.stuck()] == ["audit/0", "logs/1"]
