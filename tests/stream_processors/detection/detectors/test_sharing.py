from __future__ import annotations

import numpy as np
import pytest

from connectors.decisions import BEGINNING, Lessons
from stream_processors.detection.detectors.counts import Counts
from stream_processors.detection.detectors.kind import Seen
from stream_processors.detection.detectors.rare import Rare
from stream_processors.detection.detectors.sharing import (
    COUNTED,
    MOST_KEYS,
    SharedCounts,
    SharedKinds,
    Taught,
    pack,
    unpack,
)
from stream_processors.detection.detectors.words import Words
from tests.fakes import batch_of, make_lines

USUAL = [f"session opened for user u{n % 5}" for n in range(60)]
ALARM = "ransom note dropped in share"


def seen(texts) -> Seen:
    batch = batch_of(make_lines(texts))
    ids = batch.rows.templates[batch.templates]
    return Seen(batch, ids, ids)


@pytest.mark.parametrize("make", [Rare, Words])
def test_what_one_partition_saw_is_as_rare_in_another_as_if_it_had_come_there(make):
    alone, teacher, pupil = make(), make(), make()
    alone.observe(seen([*USUAL, ALARM]))
    teacher.observe(seen([*USUAL, ALARM]))
    pupil.absorb(teacher.taught())
    expected = alone.observe(seen([ALARM, USUAL[0]])).scores
    assert pupil.observe(seen([ALARM, USUAL[0]])).scores == pytest.approx(expected, rel=1e-2, abs=0.01)
    assert make().observe(seen([*USUAL, ALARM])).scores[-1] > expected[0]


@pytest.mark.parametrize("make", [Rare, Words])
def test_a_lesson_is_told_once_and_what_was_heard_is_not_told_on(make):
    teacher, pupil = make(), make()
    teacher.observe(seen(USUAL))
    first, again = teacher.taught(), teacher.taught()
    assert (first.lines, again.lines, len(again.counted)) == (len(USUAL), 0, 0)
    pupil.absorb(first)
    assert pupil.taught().lines == 0


@pytest.mark.parametrize("make", [Rare, Words])
def test_what_is_taken_back_is_not_told(make):
    teacher, pupil = make(), make()
    lines = seen([*USUAL, ALARM])
    teacher.observe(lines)
    teacher.unlearn(lines, np.array([len(USUAL)]))
    pupil.absorb(teacher.taught())
    assert pupil.observe(seen([ALARM])).scores[0] == pytest.approx(make_new(make), rel=1e-2)


def make_new(make) -> float:
    """The score of the alarm where it never came."""
    kind = make()
    kind.observe(seen([*USUAL, USUAL[0]]))
    return float(kind.observe(seen([ALARM])).scores[0])


def test_the_keys_known_least_are_told_where_there_are_too_many():
    counts = Counts()
    shared = SharedCounts(counts)
    keys = np.arange(1, 2 * MOST_KEYS, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    shared.absorb(Taught(np.array([(key, 9.0) for key in keys[:MOST_KEYS].tolist()], dtype=COUNTED), 9))
    shared.note(keys, 1)
    told = shared.taught().counted["key"]
    assert len(told) == MOST_KEYS
    assert set(keys[MOST_KEYS:].tolist()) <= set(told.tolist())


def test_lessons_are_bytes_and_others_are_passed_over():
    taught = Taught(np.array([(7, 2.0), (9, 1.0)], dtype=COUNTED), 3)
    data = pack("rare", taught) + pack("words", taught)
    assert [(name, one.lines, one.counted.tolist()) for name, one in unpack(data)] == [
        ("rare", 3, [(7, 2.0), (9, 1.0)]),
        ("words", 3, [(7, 2.0), (9, 1.0)]),
    ]
    for broken in (b"", b"\x02" + data[1:], data[:5], data[: len(pack("rare", taught)) - 1], b"\xff" * 40):
        assert list(unpack(broken)) == []
    assert pack("rare", Taught(np.empty(0, dtype=COUNTED), 0)) == b""


def test_a_count_that_is_no_number_is_left_out():
    taught = Taught(np.array([(7, np.nan), (8, -1.0), (9, np.inf), (10, 1.0)], dtype=COUNTED), 1)
    ((_, found),) = unpack(pack("rare", taught))
    assert found.counted["key"].tolist() == [10]


def test_the_position_goes_with_a_snapshot():
    kinds = SharedKinds([Rare()])
    assert kinds.heard == BEGINNING
    kinds.learn(Lessons((), "17-3"))
    again = SharedKinds([Rare()])
    again.restore(kinds.state())
    assert again.heard == "17-3"
