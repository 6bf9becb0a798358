from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from encoder_core.cache import LONGEST_KEY, VectorCache, key_of, size_of

VECTOR = np.arange(8, dtype=np.float32)
MEASURE_RSS = """
import numpy as np
from encoder_core.cache import VectorCache

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

before, cache, number = resident(), VectorCache(20 << 20), 0
vector = np.ones(256, dtype=np.float32)
while cache.evictions < 5_000:
    cache.put(f"{number:0120d}", vector)
    number += 1
print((resident() - before) / cache.bytes)
"""


def room_for(entries: int) -> int:
    """Bytes of some entries with a text of one character."""
    return entries * size_of("a", VECTOR)


def test_over_its_bytes_it_forgets_the_least_recently_used():
    cache = VectorCache(room_for(2))
    cache.put("a", VECTOR)
    cache.put("b", VECTOR)
    assert cache.get("a") is not None
    cache.put("c", VECTOR)
    assert [text for text in "abc" if cache.get(text) is not None] == ["a", "c"]


def test_putting_a_text_again_makes_it_recent_and_replaces_its_vector():
    cache = VectorCache(room_for(2))
    cache.put("a", VECTOR)
    cache.put("b", VECTOR)
    cache.put("a", VECTOR + 1)
    cache.put("c", VECTOR)
    assert cache.get("b") is None
    np.testing.assert_array_equal(cache.get("a").vector, VECTOR + 1)


def test_it_remembers_whether_a_line_was_cut():
    cache = VectorCache(room_for(2))
    cache.put("a", VECTOR, cut=True)
    cache.put("b", VECTOR)
    assert cache.get("a").cut
    assert not cache.get("b").cut


def test_it_counts_hits_misses_evictions_entries_and_bytes():
    cache = VectorCache(room_for(2))
    assert (cache.hits, cache.misses, cache.evictions, cache.bytes, len(cache)) == (0, 0, 0, 0, 0)
    for text in "abc":
        assert cache.get(text) is None
        cache.put(text, VECTOR)
    cache.get("c")
    assert (cache.hits, cache.misses, cache.evictions) == (1, 3, 1)
    assert (len(cache), cache.bytes) == (2, room_for(2))


def test_a_text_put_twice_takes_its_room_once():
    cache = VectorCache(room_for(2))
    for _ in range(50):
        cache.put("x", VECTOR)
    assert (len(cache), cache.bytes, cache.evictions) == (1, room_for(1), 0)


@pytest.mark.parametrize("limit", [0, room_for(1) - 1])
def test_without_room_for_an_entry_nothing_is_kept(limit):
    cache = VectorCache(limit)
    cache.put("a", VECTOR)
    assert cache.get("a") is None
    assert (len(cache), cache.bytes) == (0, 0)


def test_what_a_caller_does_to_its_vector_does_not_reach_the_cache():
    cache = VectorCache(room_for(1))
    vector = VECTOR.copy()
    cache.put("a", vector)
    vector[:] = 0
    np.testing.assert_array_equal(cache.get("a").vector, VECTOR)


def test_whether_a_line_was_cut_is_kept_with_its_vector():
    cache = VectorCache(room_for(2))
    cache.put("a", VECTOR, True)
    cache.put("b", VECTOR)
    assert (cache.get("a").cut, cache.get("b").cut) == (True, False)


def test_a_row_of_a_large_array_does_not_keep_the_array():
    cache = VectorCache(1 << 20)
    rows = np.zeros((1_000, 8), dtype=np.float32)
    cache.put("a", rows[0])
    assert cache.get("a").vector.base is None


def test_long_texts_take_bounded_room_and_stay_distinct():
    cache = VectorCache(1 << 20)
    texts = ["x" * 1_000_000, "x" * 999_999 + "y", "x" * LONGEST_KEY, "\ud800" * (LONGEST_KEY + 1)]
    for number, text in enumerate(texts):
        cache.put(text, VECTOR + number)
    assert cache.bytes < 4 * (2 * LONGEST_KEY + VECTOR.nbytes + 500)
    for number, text in enumerate(texts):
        np.testing.assert_array_equal(cache.get(text).vector, VECTOR + number)


def test_a_text_that_reads_like_a_hash_is_not_the_hashed_text():
    hashed = "x" * (LONGEST_KEY + 1)
    cache = VectorCache(1 << 20)
    cache.put(hashed, VECTOR)
    assert cache.get(key_of(hashed).decode("latin-1")) is None


@pytest.mark.parametrize("length", [20, 120, LONGEST_KEY, 5_000])
@pytest.mark.parametrize("dim", [64, 256])
def test_the_bytes_are_what_the_interpreter_allocated(length, dim):
    vector = np.zeros(dim, dtype=np.float32)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        cache = VectorCache(1 << 30)
        for number in range(3_000):
            cache.put(f"{number:0{length}d}", vector)
        allocated = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert cache.bytes == pytest.approx(allocated, rel=0.15)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_bytes_are_what_a_full_cache_adds_to_the_process():
    done = subprocess.run([sys.executable, "-c", MEASURE_RSS], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(1, abs=0.1)
