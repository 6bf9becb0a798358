"""Workers that die, hang, come and go.

| case                               | what it shows                                                        |
| ---------------------------------- | -------------------------------------------------------------------- |
| killed at random moments           | a step is whole or not there, wherever the process ends               |
| one of two is killed               | the other one goes on from the store                                  |
| a zombie                           | who lost a partition while asleep writes nothing                      |
| 1, 4, 2 workers                    | partitions that move take nothing with them and leave nothing behind  |
| partitions added                   | read within half a minute, from their first line, with ``latest`` too |
| SIGTERM under load                 | what is done is committed, the rest is the next one's                 |
| SIGTERM with a server gone         | the process ends all the same                                         |
| two groups, two environments       | neither sees the other                                                |
| two groups, one environment        | the second says so, and writes nothing                                |
| the first batch is refused, latest | the beginning stays where it was                                      |
"""

from __future__ import annotations

import random
import re
import signal
import time
from contextlib import ExitStack

import pytest

from tests.faults.case import Case
from tests.integration.harness import wait_until

SLOW = "0.03"
"""Seconds a batch, so that a fault comes while lines are worked on."""
EXIT_SECONDS = 45.0
"""Above the bound of a shutdown, with room for a busy machine."""


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.faults) for seed in (1, 2))])
def test_a_worker_killed_at_random_moments_loses_and_repeats_nothing(case_factory, seed):
    draw = random.Random(seed)
    case = case_factory(2, pause=SLOW, STREAM__BATCH_LINES="50", STREAM__SNAPSHOT_LINES="300")
    case.send(5_000)
    case.kill_workers(3, draw)
    assert case.store.stats(case.topic).lines < 5_000, "the kills came too late"
    with case.worker():
        case.check()


@pytest.mark.faults
def test_the_other_one_of_two_workers_goes_on_when_one_is_killed(case_factory):
    case = case_factory(4, pause=SLOW)
    with case.worker() as victim, case.worker():
        case.wait_until(lambda: all(len(w.assigned()) == 2 for w in case.workers), "two partitions for each")
        with case.source.flow(per_second=400):
            case.wait_until_seen(400)
            victim.kill()
            time.sleep(4)
        case.check()


@pytest.mark.faults
def test_a_zombie_that_wakes_up_writes_nothing(case_factory):
    case = case_factory(2, pause=SLOW, STREAM__BATCH_LINES="50")
    with case.worker() as zombie:
        case.send(6_000)
        case.wait_until_seen(500)
        zombie.process.send_signal(signal.SIGSTOP)
        assert case.store.stats(case.topic).lines < 5_000, "the stop came too late"
        with case.worker():
            case.wait_until_seen(6_000)
            zombie.process.send_signal(signal.SIGCONT)
            with case.source.flow(per_second=300):
                time.sleep(4)
            case.check()
        assert zombie.running, zombie.tail()


@pytest.mark.faults
def test_scaling_from_one_worker_to_four_and_back_to_two_loses_and_repeats_nothing(case_factory):
    case = case_factory(4, pause=SLOW, STREAM__BATCH_LINES="50")
    with case.source.flow(per_second=300), ExitStack() as stack:
        workers = [stack.enter_context(case.worker())]
        case.wait_until_seen(300)
        workers += [stack.enter_context(case.worker()) for _ in range(3)]
        case.wait_until(lambda: all(len(worker.assigned()) == 1 for worker in workers), "one partition each")
        for worker in workers[:2]:
            time.sleep(1)
            assert worker.terminate() == 0, worker.tail()
        time.sleep(2)
        moved = stack.pop_all()
    with moved:
        case.check()


@pytest.mark.parametrize(
    "start", [pytest.param("earliest", marks=pytest.mark.faults), "latest"], ids=["earliest", "latest"]
)
def test_partitions_that_are_added_are_read_within_half_a_minute_from_their_first_line(case_factory, start):
    case = case_factory(2, STREAM__START=start)
    with case.worker():
        if start == "latest":
            case.wait_until_placed()
        case.send(200)
        case.wait_until_seen(200)
        case.add_partitions(4)
        case.send(400)
        case.check(seconds=40)


@pytest.mark.faults
def test_sigterm_under_load_leaves_the_rest_to_the_next_worker(case_factory):
    case = case_factory(2, pause=SLOW)
    with case.source.flow(per_second=600), case.worker() as worker:
        case.wait_until_seen(600)
        assert worker.terminate(EXIT_SECONDS) == 0
        assert "Traceback" not in worker.text(), worker.tail()
    assert case.applied() == case.committed()
    with case.worker():
        case.check()


@pytest.mark.faults
@pytest.mark.parametrize("server", ["store_server", "kafka_server"])
def test_sigterm_ends_a_worker_whose_server_is_gone(case_factory, request, server):
    case = case_factory(2, pause=SLOW)
    gone = request.getfixturevalue(server)
    case.send(4_000)
    with case.worker() as worker:
        case.wait_until_seen(300)
        gone.kill()
        time.sleep(1)
        worker.terminate(EXIT_SECONDS)
        gone.start()
    with case.worker():
        case.check()


def second_case(case: Case, **changes: str) -> Case:
    """The same topic and lines in another group, and another environment if ``env`` is given."""
    redis = case.redis.model_copy(update={"env": changes["env"]}) if "env" in changes else case.redis
    folder = case.folder / "second"
    folder.mkdir()
    other = Case(case.kafka, redis, case.topic, folder, case.options, partitions=case.source.partitions)
    other.group = changes["group"]
    other.source = case.source
    return other


@pytest.mark.faults
def test_two_environments_on_one_topic_both_have_every_line(case_factory):
    case = case_factory(2, STREAM__DEAD_LETTER_TOPIC="")
    case.options.pop("STREAM__DEAD_LETTER_TOPIC")
    other = second_case(case, group=f"{case.group}-b", env=f"{case.redis.env}-b")
    with case.worker() as worker, other.worker():
        with case.source.flow(per_second=300):
            case.wait_until_seen(300)
            worker.kill()
            with case.worker():
                time.sleep(3)
        with case.worker():
            case.check()
            other.check()
    other.close()


@pytest.mark.faults
def test_a_second_group_on_one_environment_says_so_and_writes_nothing(case_factory):
    case = case_factory(2)
    other = second_case(case, group=f"{case.group}-b")
    case.send(500)
    with case.worker():
        case.wait_until_seen(500)
        with other.worker() as intruder:
            case.said(intruder, re.escape(case.group) + r"(?!-b)")
            case.send(500)
            case.check()
            assert not other.committed(), "the second group has committed"


@pytest.mark.faults
def test_latest_stays_where_it_began_although_the_first_batch_is_refused(case_factory):
    case = case_factory(2, STREAM__START="latest")
    case.send(300, fate="never")
    with case.worker() as worker:
        case.wait_until_placed()
        case.client.config_set("maxmemory", 1)
        case.send(400)
        wait_until(lambda: "maxmemory" in worker.text(), "a refused step", seconds=40, state=worker.tail)
        time.sleep(2)
        case.client.config_set("maxmemory", 0)
        case.send(400)
        case.check()
