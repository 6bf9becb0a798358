from __future__ import annotations

import numpy as np
import pytest

from connectors.records import HOST, LOGGER, SERVICE, Line, Record
from stream_processors.detection import counting
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.surprises import TOP, SurpriseCounts
from stream_processors.detection.table import TemplateTable

TABLE = TemplateTable(4)


def record(text: str = "", **fields: str) -> Record:
    return Record(text=text, format="raw", fields=fields)


def batch(records: list[Record]) -> LineBatch:
    return LineBatch.of([Line(n, 0.0, record) for n, record in enumerate(records)], TABLE)


def of(counts: SurpriseCounts, *records: Record) -> tuple[np.ndarray, np.ndarray]:
    """The most surprising columns and words of each line, (lines, TOP) each."""
    found = counts.surprises(batch(list(records)))
    return found[:, :TOP], found[:, TOP:]


@pytest.fixture
def counts():
    return SurpriseCounts()


def test_a_rare_value_surprises_more_than_a_common_one(counts):
    of(counts, *[record(user="alice")] * 100)
    columns, _ = of(counts, record(user="alice"), record(user="mallory"))
    assert columns[1, 0] > max(0.3, 2 * columns[0, 0])


def test_a_rare_word_surprises_more_than_a_common_one(counts):
    of(counts, *[record("session opened")] * 100)
    _, words = of(counts, record("session opened"), record("session hijacked"))
    assert words[1, 0] > max(0.3, 2 * words[0, 0])
    assert words[1, 1] == pytest.approx(words[0, 1], abs=0.02)


def test_numbers_are_no_words_and_words_in_values_are(counts):
    of(counts, *[record(f"took {n + 1_000} ms", path="/srv/shop") for n in range(100)])
    usual, number, word = of(
        counts,
        record("took 1000 ms", path="/srv/shop"),
        record("took 777777 ms", path="/srv/shop"),
        record("took 1000 ms", path="/etc/shadow"),
    )[1]
    assert number.max() < 0.1
    assert word[0] > 0.3 > usual[0]


def test_the_most_surprising_comes_first(counts):
    of(counts, *[record("a b", user="alice", action="read")] * 50)
    columns, words = of(counts, record("a c", user="alice", action="read"))
    assert words[0, 0] > words[0, 1] == pytest.approx(0, abs=0.01)
    columns, words = of(counts, record("a b", user="alice", action="format"))
    assert columns[0, 0] > columns[0, 1] == pytest.approx(0, abs=0.01)


def test_one_kind_of_line_says_nothing_about_another(counts):
    of(
        counts,
        *[record("x", user="root", **{SERVICE: "sshd"}), record("x", user="backup", **{SERVICE: "cron"})]
        * 100,
    )
    columns, _ = of(
        counts, record("x", user="root", **{SERVICE: "cron"}), record("x", user="root", **{SERVICE: "sshd"})
    )
    assert columns[0, 0] > 2 * columns[1, 0]


def test_the_words_of_a_program_never_seen_surprise_as_far_as_the_source_does_not_know_them(counts):
    of(counts, *[record("session opened for user", **{SERVICE: f"app{n % 9}"}) for n in range(900)])
    _, words = of(
        counts,
        record("session opened for user", **{SERVICE: "other"}),
        record("miner started hashing", **{SERVICE: "another"}),
    )
    assert words[1].min() > 0.5
    assert words[0, 0] > 0.5 > 0.2 > words[0, 1], "the name itself is a word that was never seen"


def test_an_empty_line_has_no_surprises(counts):
    assert not counts.surprises(batch([record("")])).any()


def test_a_column_that_identifies_things_stops_counting_and_goes_on_when_it_does_not(counts):
    of(counts, *[record(request=f"r{n}", user="alice") for n in range(2_000)])
    columns, _ = of(counts, record(request="another", user="alice"))
    assert columns.max() < 0.01
    of(counts, *[record(request="r", user="alice")] * 60_000)
    columns, _ = of(counts, record(request="another", user="alice"))
    assert columns[0, 0] > 0.3


def test_where_new_values_are_usual_one_surprises_less(counts):
    of(counts, *[record(few="a", many=f"m{n // 5}") for n in range(200)])
    columns, _ = of(counts, record(few="a", many="new"))
    others, _ = of(counts, record(few="new", many="m1"))
    assert others[0, 0] > 2 * columns[0, 0] > 0


def test_old_counts_fade(counts):
    of(counts, *[record(state="old")] * counting.MEMORY_LINES, *[record(state="new")] * counting.MEMORY_LINES)
    columns, _ = of(counts, record(state="old"), record(state="new"))
    assert columns[0, 0] > columns[1, 0]


def test_of_a_stream_that_stays_as_it_is_no_surprise_ever_jumps(counts):
    lines = [record("tick", state="idle" if n % 10 else "busy") for n in range(4 * counting.MEMORY_LINES)]
    found = counts.surprises(batch(lines))
    common, rare = found[np.arange(len(found)) % 10 > 0], found[::10]
    for usual in (common[:, 0], common[:, TOP], rare[:, 0], rare[:, TOP]):
        settled = usual[len(usual) // 4 :]
        assert np.abs(np.diff(settled)).max() < 5e-3
        assert np.ptp(settled[len(settled) // 2 :]) < 1e-2


def test_how_lines_are_split_into_batches_changes_nothing():
    rng = np.random.default_rng(3)
    lines = [record(f"w{chr(97 + n)} x", user=f"u{n}") for n in rng.integers(0, 20, 3_000)]
    whole, parts = SurpriseCounts(), SurpriseCounts()
    expected = whole.surprises(batch(lines))
    found = np.concatenate([parts.surprises(batch(lines[n : n + 71])) for n in range(0, 3_000, 71)])
    np.testing.assert_array_equal(found, expected)


def test_memory_is_bounded_and_common_values_outlive_a_flood(counts, monkeypatch):
    monkeypatch.setattr(counting, "GROUPS", 1_024)
    monkeypatch.setattr(counting, "ENTRIES", 1_024)
    for n in range(40):
        of(counts, *[record("always", user="alice")] * 20)
        flood = [record(f"w{chr(97 + n)}{chr(97 + k % 26)}{chr(97 + k // 26)}") for k in range(200)]
        of(counts, *flood)
    columns, words = of(counts, record("always", user="alice"), record("always", user="eve"))
    assert columns[1, 0] > 2 * columns[0, 0]
    assert words[0, 0] < 0.4
    assert sum(array.nbytes for array in counts.state().values()) < 1_024 * (48 + 24) + 100


@pytest.mark.parametrize("lines", [0, 300, 5_000])
def test_restored_counts_go_on_as_the_saved_ones(counts, lines):
    of(counts, *[record(f"word{n % 7} {n}", user="alice" if n % 3 else "b\xf6b\ud800") for n in range(lines)])
    restored = SurpriseCounts()
    restored.restore(counts.state())
    more = batch([record("word1", user="alice"), record("new", user="eve"), record("raw")])
    np.testing.assert_array_equal(restored.surprises(more), counts.surprises(more))


def test_bytes_that_are_no_counts_are_refused(counts):
    state = counts.state()
    with pytest.raises(ValueError, match="buffer"):
        SurpriseCounts().restore(state | {"groups": np.zeros(5, dtype=np.uint8)})


def test_what_only_an_envelope_says_of_a_lines_place_changes_no_surprise():
    plain, wrapped = SurpriseCounts(), SurpriseCounts()
    lines, inside = [], []
    for n in range(200):
        lines.append(record("accepted login", user=f"user{n % 5}"))
        inside.append(
            record("accepted login", user=f"user{n % 5}", **{SERVICE: f"pod-{n}", HOST: f"node-{n % 7}"})
        )
        inside[-1].given = (SERVICE, HOST)
    np.testing.assert_array_equal(plain.surprises(batch(lines)), wrapped.surprises(batch(inside)))


def test_a_logger_is_no_surprise_whoever_states_it():
    plain, named = SurpriseCounts(), SurpriseCounts()
    lines = [record("accepted login", user=f"user{n % 5}") for n in range(200)]
    with_logger = [
        record("accepted login", user=f"user{n % 5}", **{LOGGER: f"example.Logger{n % 9}"})
        for n in range(200)
    ]
    np.testing.assert_array_equal(plain.surprises(batch(lines)), named.surprises(batch(with_logger)))
