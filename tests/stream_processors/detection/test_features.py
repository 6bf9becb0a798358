from __future__ import annotations

import numpy as np
import pytest

from connectors.records import HOST, LOGGER, SERVICE, Record
from stream_processors.detection import features
from stream_processors.detection.features import WIDTH, RecentVectors, SurpriseCounts, feature_rows
from tests.fakes import unit

DIM = 16


def record(text: str = "", **fields: str) -> Record:
    return Record(text=text, format="json" if fields else "raw", fields=fields)


def random_vectors(rows: int, *, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(rows, DIM)))


@pytest.fixture
def counts():
    return SurpriseCounts()


def test_a_line_is_a_finite_float32_row_of_the_stated_width():
    zeros = np.zeros(7, dtype=np.float32)
    rows = feature_rows(zeros, zeros, [([9.0] * n, [8.0] * (7 - n)) for n in range(7)])
    assert rows.shape == (7, WIDTH)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()


def test_no_lines_are_no_rows():
    empty = np.empty(0, dtype=np.float32)
    assert feature_rows(empty, empty, []).shape == (0, WIDTH)


def test_every_part_of_the_input_reaches_the_forest():
    zero, one = np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.float32)
    plain = feature_rows(zero, zero, [([], [])])
    rows = [
        feature_rows(one, zero, [([], [])]),
        feature_rows(zero, one, [([], [])]),
        feature_rows(zero, zero, [([1.0], [])]),
        feature_rows(zero, zero, [([], [1.0])]),
    ]
    assert len({row.tobytes() for row in [plain, *rows]}) == 5


def test_a_rare_value_surprises_more_than_a_common_one(counts):
    for _ in range(100):
        counts.surprises(record(user="alice"))
    common, _ = counts.surprises(record(user="alice"))
    rare, _ = counts.surprises(record(user="mallory"))
    assert max(rare) > 2 * max(common)


def test_a_rare_word_surprises_more_than_a_common_one(counts):
    for _ in range(100):
        counts.surprises(record("session opened"))
    _, common = counts.surprises(record("session opened"))
    _, rare = counts.surprises(record("session hijacked"))
    assert max(rare) > 2 * max(common)


def test_numbers_are_no_words(counts):
    for n in range(100):
        counts.surprises(record(f"took {n + 1_000} ms"))
    _, before = counts.surprises(record("took 1000 ms"))
    _, after = counts.surprises(record("took 777777 ms"))
    assert len(before) == len(after) == 2


def test_the_most_surprising_comes_first(counts):
    for _ in range(50):
        counts.surprises(record("a b", user="alice", action="read"))
    for surprises in counts.surprises(record("a c", user="alice", action="format")):
        assert len(surprises) == 2
        assert surprises[0] > surprises[1]


def test_one_kind_of_line_says_nothing_about_another(counts):
    for _ in range(100):
        counts.surprises(record("x", user="root", **{SERVICE: "sshd"}))
        counts.surprises(record("x", user="backup", **{SERVICE: "cron"}))
    strange, _ = counts.surprises(record("x", user="root", **{SERVICE: "cron"}))
    known, _ = counts.surprises(record("x", user="root", **{SERVICE: "sshd"}))
    assert max(strange) > 2 * max(known)


def test_an_empty_line_has_no_surprises(counts):
    assert counts.surprises(record("")) == ([], [])


def test_a_column_that_identifies_things_stops_counting(counts):
    for n in range(2 * features.COLUMN_VALUES):
        counts.surprises(record(request=f"r{n}", user="alice"))
    columns, _ = counts.surprises(record(request="another", user="alice"))
    assert len(columns) == 1


def test_old_counts_fade(counts):
    for _ in range(features.MEMORY_LINES):
        counts.surprises(record(state="old"))
    for _ in range(features.MEMORY_LINES):
        counts.surprises(record(state="new"))
    old, _ = counts.surprises(record(state="old"))
    new, _ = counts.surprises(record(state="new"))
    assert max(old) > max(new)


def steady(counts: SurpriseCounts, lines: int) -> np.ndarray:
    """The surprises of a word, a column and a rare column value, (lines, 3), of a stream that stays as it is."""
    found = []
    for n in range(lines):
        columns, words = counts.surprises(record("tick", state="idle" if n % 10 else "busy"))
        found.append([*columns, *words])
    return np.array(found)


def test_of_a_stream_that_stays_as_it_is_no_surprise_ever_jumps(counts, monkeypatch):
    monkeypatch.setattr(features, "HEAVIEST", 4.0)  # some renewals, every 14,000 lines
    found = steady(counts, 4 * features.MEMORY_LINES)
    for usual in (found[:, 1], found[np.arange(len(found)) % 10 > 0, 0], found[::10, 0]):
        settled = usual[len(usual) // 4 :]
        assert np.abs(np.diff(settled)).max() < 2e-3
        assert np.ptp(settled[len(settled) // 2 :]) < 1e-2


def test_common_words_count_as_before_when_rare_ones_are_forgotten(counts, monkeypatch):
    monkeypatch.setattr(features, "WORDS", 50)
    monkeypatch.setattr(features, "KEPT_WORDS", 40)
    common, sizes = [], []
    for n in range(2_000):
        new = "new" + "".join(chr(97 + int(digit)) for digit in str(n))
        _, words = counts.surprises(record(f"always {new}"))
        common.append(min(words))
        sizes.append(sum(len(group.counts) for group in counts._groups.values()))
    assert (max(sizes), sizes.count(40) > 100) == (50, True), "words were forgotten many times"
    assert np.abs(np.diff(common[200:])).max() < 1e-3


def test_a_column_whose_values_change_slowly_goes_on_counting(counts):
    """As a date does: more values than are counted, but seldom many at a time."""
    for day in range(features.COLUMN_VALUES * 3 // 2):
        for _ in range(400):
            counts.surprises(record(date=f"d{day}"))
    columns, _ = counts.surprises(record(date="another"))
    assert len(columns) == 1


def test_memory_is_bounded_in_groups_values_and_words(counts, monkeypatch):
    monkeypatch.setattr(features, "GROUPS", 20)
    monkeypatch.setattr(features, "WORDS", 50)
    monkeypatch.setattr(features, "KEPT_WORDS", 40)
    for n in range(200):
        letters = chr(97 + n % 26) + chr(97 + n // 26)
        counts.surprises(record(letters + "x" * 10_000, **{f"column {letters}": letters + "y" * 10_000}))
        counts.surprises(record(letters + "x" * 10_000))
    assert len(counts._groups) == 20
    assert counts.state()["json"].nbytes < 20 * 100 * features.VALUE_CHARACTERS


def test_restored_counts_go_on_as_the_saved_ones(counts):
    for n in range(300):
        counts.surprises(record(f"word{n % 7}", user="alice" if n % 3 else "b\xf6b\ud800", request=str(n)))
    restored = SurpriseCounts()
    restored.restore(counts.state())
    for line in (
        record("word1", user="alice"),
        record("new", user="eve"),
        record(request="7"),
        record("raw"),
    ):
        for found, expected in zip(restored.surprises(line), counts.surprises(line), strict=True):
            assert found == pytest.approx(expected, abs=1e-4)


def test_empty_counts_round_trip(counts):
    restored = SurpriseCounts()
    restored.restore(counts.state())
    assert restored.surprises(record(user="alice")) == counts.surprises(record(user="alice"))


def test_what_was_seen_is_near_and_what_was_not_is_far():
    recent = RecentVectors(DIM)
    crowd = np.tile(random_vectors(1), (8, 1))
    assert recent.distance(crowd).tolist() == [0.0] * len(crowd)
    recent.add(crowd)
    near, opposite = recent.distance(np.concatenate([crowd[:1], -crowd[:1]]))
    assert near == pytest.approx(0, abs=1e-5)
    assert opposite > 0.05


def test_a_distance_counts_for_more_when_more_lines_are_known():
    recent, crowd = RecentVectors(DIM), random_vectors(1)
    distances = []
    for _ in range(3):
        recent.add(np.tile(crowd, (100, 1)))
        distances.append(recent.distance(-crowd)[0])
    assert distances == sorted(distances)
    assert distances[0] < distances[-1] < 2


def test_within_a_batch_only_the_first_of_a_burst_are_far():
    recent = RecentVectors(DIM)
    recent.add(np.tile(random_vectors(1), (500, 1)))
    burst = np.tile(-random_vectors(1), (4 * features.TOGETHER, 1))
    distances = recent.distances(burst)
    assert (distances[: features.TOGETHER] > 0.5).all()
    assert distances[features.TOGETHER :] == pytest.approx(0, abs=1e-5)


def test_the_oldest_vectors_are_forgotten(monkeypatch):
    monkeypatch.setattr(features, "RECENT", 100)
    recent = RecentVectors(DIM)
    old = random_vectors(1)
    recent.add(np.tile(old, (100, 1)))
    assert recent.distance(old)[0] == pytest.approx(0, abs=1e-5)
    recent.add(np.tile(-old, (250, 1)))
    assert recent.distance(old)[0] > 1
    assert len(recent.state()["vectors"]) == 100


@pytest.mark.parametrize("lines", [0, 3, 100, 130])
def test_restored_vectors_go_on_as_the_saved_ones(monkeypatch, lines):
    monkeypatch.setattr(features, "RECENT", 100)
    saved, restored = RecentVectors(DIM), RecentVectors(DIM)
    saved.add(random_vectors(lines))
    restored.restore(saved.state())
    for seed in range(1, 5):
        asked = random_vectors(30, seed=seed)
        np.testing.assert_allclose(restored.distance(asked), saved.distance(asked), atol=1e-2)
        saved.add(asked)
        restored.add(asked)


def test_what_only_an_envelope_says_of_a_lines_place_changes_no_surprise():
    plain, wrapped = SurpriseCounts(), SurpriseCounts()
    for n in range(200):
        line = record("accepted login", user=f"user{n % 5}")
        inside = record("accepted login", user=f"user{n % 5}", **{SERVICE: f"pod-{n}", HOST: f"node-{n % 7}"})
        inside.given = (SERVICE, HOST)
        assert plain.surprises(line) == wrapped.surprises(inside)


def test_a_logger_is_no_surprise_whoever_states_it():
    plain, named = SurpriseCounts(), SurpriseCounts()
    for n in range(200):
        with_logger = record("accepted login", user=f"user{n % 5}", **{LOGGER: f"example.Logger{n % 9}"})
        assert plain.surprises(record("accepted login", user=f"user{n % 5}")) == named.surprises(with_logger)
