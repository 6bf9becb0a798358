"""Faults drawn from a seed: ``make chaos SEEDS=20`` runs the seeds 0 to 19, ``SEEDS=3,17`` those two."""

from __future__ import annotations

import os

import pytest

from tests.faults.schedule import drawn, play

DEFAULT = "5"


def seeds() -> list[int]:
    """Those asked for by ``CHAOS_SEEDS``: a number of them, or a list with a comma."""
    asked = os.environ.get("CHAOS_SEEDS") or DEFAULT
    return [int(seed) for seed in asked.split(",") if seed] if "," in asked else list(range(int(asked)))


@pytest.mark.chaos
@pytest.mark.parametrize("seed", seeds())
def test_nothing_is_lost_and_nothing_comes_twice_whatever_happens(
    case_factory, kafka_server, store_server, seed
):
    schedule = drawn(seed)
    play(schedule, case_factory(schedule.partitions), kafka_server, store_server)


def test_a_seed_means_one_schedule():
    assert drawn(3) == drawn(3) != drawn(4)
