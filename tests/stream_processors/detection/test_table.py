from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stream_processors.detection.table import FIRST_ROWS, Entry, TemplateTable
from stream_processors.detection.wording import words_of_texts


def place(table: TemplateTable, *keys: int):
    return table.place(
        np.array(keys, dtype=np.uint64), lambda n: Entry(keys[n], f"text {keys[n]}", keys[n], "a b")
    )


def fill(table: TemplateTable, rows, places) -> None:
    vectors = np.stack([np.full(4, rows.keys[place] + 1, dtype=np.float32) for place in places])
    table.fill(rows, np.array(places), vectors, np.zeros(len(places), dtype=bool))


def test_a_text_has_one_row_however_often_it_comes():
    table = TemplateTable(4)
    rows, found = place(table, 7, 8, 7)
    again, more = place(table, 8, 9)
    assert again is rows
    assert (found.tolist()[0], len(set(found.tolist())), more[0]) == (found[2], 2, found[1])
    assert rows.texts[found[1]] == "text 8"


def test_rows_without_a_vector_are_missing_until_they_are_filled():
    table = TemplateTable(4)
    rows, found = place(table, 1, 2, 1)
    assert sorted(rows.missing(found).tolist()) == sorted(set(found.tolist()))
    fill(table, rows, [int(found[0])])
    assert rows.missing(found).tolist() == [found[1]]
    assert np.linalg.norm(rows.vectors[found[0]]) == pytest.approx(1)


def test_a_full_table_keeps_what_was_used_last_and_older_batches_their_rows():
    table = TemplateTable(4, limit=11)
    rows, old = place(table, *range(10))
    fill(table, rows, old.tolist())
    place(table, 0, 1, 2, 98)
    newer, found = place(table, 2, 99)
    assert newer is not rows
    assert [rows.texts[row] for row in old] == [f"text {n}" for n in range(10)]
    assert newer.known[found].tolist() == [True, False]
    assert len(newer) == 7
    np.testing.assert_array_equal(newer.vectors[found[0]], rows.vectors[old[2]])


def test_rows_and_words_grow_as_they_are_needed():
    table = TemplateTable(4)
    keys = np.arange(3 * FIRST_ROWS, dtype=np.uint64)
    rows, found = table.place(keys, lambda n: Entry(n, "", n, " ".join(f"w{chr(97 + k)}" for k in range(20))))
    assert (np.diff(rows.word_starts)[found] == 20).all()


def test_many_threads_get_the_same_rows():
    table = TemplateTable(4)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda first: place(table, *range(first, first + 200)), range(0, 800, 10)))
    for first, (rows, found) in zip(range(0, 800, 10), done, strict=True):
        assert rows.keys[found].tolist() == list(range(first, first + 200))


def test_a_limit_of_less_than_two_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        TemplateTable(4, limit=1)


def test_words_are_distinct_and_neither_placeholders_nor_numbers():
    table = TemplateTable(4)
    text = "Failed failed <num> for <*> r\u00f6ot Failed 12345 v1.2 a1b2c3"
    rows, found = table.place(np.array([1], dtype=np.uint64), lambda _: Entry(1, text, 1, text))
    _, expected = words_of_texts(["Failed failed for r\u00f6ot v1.2"])
    assert rows.words[: rows.word_starts[found[0] + 1]].tolist() == expected.tolist()
    assert len(expected) == 5


def test_a_text_of_very_many_words_and_no_text_have_their_bounds():
    many = " ".join(f"w{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(600))
    starts, words = words_of_texts(["", many, "x", "\ud800"])
    assert np.diff(starts).tolist() == [0, 256, 1, 1]
    assert len(words) == 258
