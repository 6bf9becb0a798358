"""Kernels and helpers do what the functions do that they are made of."""

import numpy as np

from connectors.kernels import helper, kernel, prefetch


@helper
def _run(data, place, most):
    while place < len(data) and most > 0 and data[place] == 7:
        place += 1
        most -= 1
    return place


@helper
def _twice(data, place):
    return _run(data, _run(data, place, 2), 20)


@kernel
def _ends(data):
    return _twice(data, 0), _run(data, 3, 1)


@kernel
def _quotient(one, other):
    return one / other


def test_a_kernel_is_made_of_helpers_that_python_may_call_as_well():
    data = np.array([7, 7, 7, 7, 0, 7], np.uint8)
    assert _ends(data) == _ends.py_func(data) == (4, 4)
    assert _twice(data, 5) == 6


def test_a_division_by_zero_is_no_exception():
    assert _quotient(1.0, 0.0) == np.inf


@kernel
def _sum(table, places):
    total = 0.0
    for place in places:
        prefetch(table, place + 1_000_000)
        prefetch(table, place)
        total += table[place].count
    return total


def test_asking_for_what_is_needed_later_changes_nothing_wherever_it_is():
    table = np.zeros(8, dtype=[("key", "<u8"), ("count", "<f8"), ("rest", "<u8", (16,))])
    table["count"] = np.arange(8)
    before = table.copy()
    assert _sum(table, np.array([7, 2])) == 9
    assert (table == before).all()
