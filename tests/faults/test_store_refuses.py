"""A store in which a part of a step can't be done: it is done whole once the cause is gone, and not at all before.

| case                       | what it shows                                                                 |
| -------------------------- | ----------------------------------------------------------------------------- |
| a user without a command   | the worker names what is missing; nothing of the step is there                |
| the same from the start    | neither is anything of the first one                                          |
| a key of a wrong type      | the step stalls loudly and is whole once the key is gone                      |
"""

from __future__ import annotations

import time

import pytest

# With every batch a snapshot, so that each of the commands is in every step.
USER = {"REDIS__USERNAME": "worker", "REDIS__PASSWORD": "pw", "STREAM__SNAPSHOT_LINES": "50"}
COMMANDS = ("xadd", "zadd", "hincrby", "set", "expire")
KEYS = {
    "applied": ("applied",),
    "stats": ("stats",),
    "templates": ("templates",),
    "windows": ("windows",),
    "feed": ("feed",),
    "by_time": ("anomalies", "by_time"),
}
SHORT = ("feed",)
WITHIN_SECONDS = 40.0


def chosen(names) -> list:
    """Those that `make test` runs, and the others with the marker of the whole suite."""
    return [name if name in SHORT else pytest.param(name, marks=pytest.mark.faults) for name in names]


def allow(case, *rules: str) -> None:
    """A user for everything with our prefix, except for what the rules take away."""
    case.client.acl_setuser(
        "worker", enabled=True, reset=True, passwords=["+pw"], keys=["se:*"], commands=["+@all", *rules]
    )


def nothing_half_done(case, *, below: int) -> None:
    """Lines, patterns and applied offsets agree, and a step is missing of ``below`` lines.

    A step of the other partition may need nothing of what is refused, such as the feed while no line is flagged.
    """
    lines = case.store.stats(case.topic).lines
    assert (case.pattern_lines(), case.applied_sum()) == (lines, lines), case.state()
    assert lines < below, case.state()


@pytest.mark.parametrize("command", chosen(COMMANDS))
def test_a_user_who_loses_a_command_stalls_the_worker_until_it_is_granted(case_factory, command):
    case = case_factory(2, **USER)
    allow(case)
    case.send(400)
    with case.worker() as worker:
        case.wait_until_seen(400)
        allow(case, f"-{command}")
        case.send(600)
        case.said(worker, rf"\b{command}\b", seconds=WITHIN_SECONDS)
        time.sleep(2)
        nothing_half_done(case, below=1_000)
        assert worker.running, worker.tail()
        allow(case)
        case.check()


@pytest.mark.faults
@pytest.mark.parametrize("command", COMMANDS)
def test_a_worker_whose_user_lacks_a_command_says_so_at_its_start(case_factory, command):
    case = case_factory(2, **USER)
    allow(case, f"-{command}")
    case.send(600)
    with case.worker() as worker:
        case.said(worker, rf"\b{command}\b", seconds=WITHIN_SECONDS)
        time.sleep(2)
        nothing_half_done(case, below=1)
        allow(case)
        with case.worker():  # whether the first one has ended or waits
            case.check()


@pytest.mark.parametrize("key", chosen(KEYS))
def test_a_key_of_a_wrong_type_stalls_loudly_and_nothing_is_half_done(case_factory, key):
    case = case_factory(2)
    name = case.store.key(case.topic, *KEYS[key])
    case.client.set(name, "not ours")
    case.send(600)
    with case.worker() as worker:
        case.said(worker, "WRONGTYPE", seconds=WITHIN_SECONDS)
        time.sleep(2)
        assert worker.running, worker.tail()
        case.client.delete(name)
        case.check()
