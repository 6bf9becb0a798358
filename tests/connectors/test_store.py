"""The same behaviours of both stores; Redis is a real one."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from pydantic import ValidationError

from connectors.findings import Merge, SourceStats, Warmup, WindowPart
from connectors.memory import MemoryStore
from connectors.redis.keys import BUCKET_SECONDS
from connectors.store import TAKEOVER_SECONDS, Fenced, Occupied, RetentionSettings, Stored, StoredSource
from tests.connectors.steps import (
    BINARY,
    MINUTE,
    NOW,
    anomaly,
    everything,
    full_step,
    known,
    of_topic,
    step,
    template,
    window,
)


@pytest.fixture(params=["memory", "redis"])
def store(request):
    return MemoryStore() if request.param == "memory" else request.getfixturevalue("redis_store")()


def test_a_source_nobody_wrote_is_empty(store):
    assert everything(store) == (SourceStats("logs"), {}, None, Stored(), [], [], [], [], [], {})
    assert store.sources() == []
    assert store.window("logs", 60) == []


def test_a_step_changes_everything_at_once(store):
    store.apply(full_step(None, 10))
    stats, applied, state, stored, anomalies, patterns, templates, merges, windows, inside = everything(store)
    assert stats == SourceStats(
        "logs",
        lines=7,
        dead_letters=1,
        parse_errors=2,
        cut=4,
        warming_up=3,
        templates=2,
        patterns=1,
        expired=5,
        model="m1",
        applied={0: 10},
    )
    assert applied == {0: 10}
    assert state == BINARY + b"10"
    known = store.stored("logs", 0, 9).known, store.stored("logs", 0, 9).sources["api"].known
    api = StoredSource(b"api10", 8, (window(60, count=4),), known[1])
    assert stored == Stored(10, "topic-1", BINARY + b"10", 7, (window(60),), {"api": api}, known[0])
    assert [[found.id for found in one.templates] for one in known] == [["t1", "t2"], ["t1"]]
    assert anomalies == [anomaly(9)]
    assert [(found.id, found.pattern, found.count) for found in templates] == [
        ("t1", "t1", 5),
        ("t2", "t1", 2),
    ]
    assert merges == list(known[0].merges) == [Merge("t2", "t1", NOW, "the same words")]
    assert [(found.id, found.count, found.members) for found in patterns] == [("t1", 7, ("t1", "t2"))]
    assert windows == [[window(60)]]
    assert store.sources() == ["logs", "logs/api"]
    stats = SourceStats(
        "logs/api",
        lines=4,
        parse_errors=1,
        cut=2,
        warming_up=2,
        templates=1,
        patterns=1,
        warmups={0: Warmup(20, 64, int(NOW) + 60, 32)},
        model="m1",
        applied={0: 10},
    )
    assert stats.topic == "logs"
    kinds = store.patterns("logs/api"), store.templates("logs/api"), []
    assert inside == {"logs/api": (stats, [anomaly(8, index=5)], *kinds, [[window(60, count=4)]])}
    assert [(found.id, found.count) for found in kinds[0]] == [("t1", 4)]


def test_the_next_step_goes_on_from_the_applied_offset(store):
    store.apply(full_step(None, 10))
    store.apply(full_step(10, 25))
    stats = store.stats("logs")
    counted = (stats.lines, stats.dead_letters, stats.parse_errors, stats.cut)
    assert (counted, stats.applied) == ((14, 2, 4, 8), {0: 25})
    inside = store.stats("logs/api")
    assert (inside.lines, inside.parse_errors, inside.cut, inside.applied) == (8, 2, 4, {0: 25})
    assert store.stored("logs", 0, 1).snapshot == BINARY + b"25"


@pytest.mark.parametrize("expected", [None, 0, 9, 11, 100])
def test_a_step_from_another_offset_is_fenced_and_changes_nothing(store, expected):
    store.apply(full_step(None, 10))
    before = everything(store)
    with pytest.raises(Fenced, match="logs/0: applied offset is 10, expected") as caught:
        store.apply(full_step(expected, 20))
    assert caught.value.found == 10
    assert everything(store) == before


def test_a_step_from_an_offset_the_store_has_lost_is_fenced(store):
    with pytest.raises(Fenced, match="applied offset is None, expected 10") as caught:
        store.apply(full_step(10, 20))
    assert caught.value.found is None
    assert everything(store)[1:] == ({}, None, Stored(), [], [], [], [], [], {})


def test_a_replayed_step_counts_once(store):
    store.apply(full_step(None, 10))
    before = everything(store)
    with pytest.raises(Fenced):
        store.apply(full_step(None, 10))
    assert everything(store) == before


def test_offset_zero_is_not_no_offset(store):
    store.apply(step(None, 0))
    with pytest.raises(Fenced):
        store.apply(step(None, 5))
    store.apply(step(0, 5))
    assert store.applied("logs") == {0: 5}


def test_of_two_writers_with_the_same_expected_offset_exactly_one_wins(store, monkeypatch):
    monkeypatch.setattr(
        store, "applied", lambda source, real=store.applied: (real(source), time.sleep(0.001))[0]
    )
    for start in range(20):
        expected, ready, outcomes = start or None, threading.Barrier(2), []

        def write(mark: bytes, start=start, expected=expected, ready=ready, outcomes=outcomes) -> None:
            ready.wait()
            try:
                store.apply(step(expected, start + 1, lines=1, snapshot=mark))
                outcomes.append(mark)
            except Fenced:
                outcomes.append(None)

        writers = [threading.Thread(target=write, args=(mark,)) for mark in (b"a", b"b")]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert outcomes.count(None) == 1
        assert store.stored("logs", 0, 1).snapshot in outcomes
    assert store.stats("logs").lines == 20


def test_two_partitions_do_not_disturb_each_other(store):
    store.apply(step(None, 10, lines=10, warming_up=10, snapshot=b"zero", windows=[window(60, count=10)]))
    store.apply(
        step(
            None,
            3,
            partition=1,
            lines=3,
            warming_up=3,
            snapshot=b"one",
            windows=[window(60, partition=1, count=3)],
        )
    )
    store.apply(step(10, 20, lines=10, snapshot=b"zero again"))
    assert store.applied("logs") == {0: 20, 1: 3}
    assert (store.stored("logs", 0, 1).snapshot, store.stored("logs", 1, 1).snapshot) == (
        b"zero again",
        b"one",
    )
    assert [(part.partition, part.count) for part in store.window("logs", 60)] == [(0, 10), (1, 3)]
    assert (store.stats("logs").lines, store.stats("logs").warming_up) == (23, 3)


def test_two_sources_do_not_disturb_each_other(store):
    store.apply(full_step(None, 10))
    before = everything(store)
    store.apply(of_topic(full_step(None, 99), "other:source*{x}"))
    assert everything(store) == before
    assert store.sources() == ["logs", "logs/api", "other:source*{x}", "other:source*{x}/api"]
    assert store.stats("other:source*{x}").lines == 7


def test_anomalies_come_by_score_or_by_time(store):
    flagged = [
        anomaly(1, score=0.5, timestamp=NOW),
        anomaly(2, score=0.9, timestamp=NOW - 3 * BUCKET_SECONDS),
        anomaly(3, score=0.7, timestamp=NOW + 2 * BUCKET_SECONDS),
        anomaly(4, score=0.6, timestamp=NOW + 1),
    ]
    store.apply(step(None, 5, anomalies=flagged))
    assert [a.offset for a in store.anomalies("logs")] == [2, 3, 4, 1]
    assert [a.offset for a in store.anomalies("logs", limit=2)] == [2, 3]
    assert [a.offset for a in store.anomalies("logs", order="time")] == [3, 4, 1, 2]
    assert [a.offset for a in store.anomalies("logs", order="time", limit=1)] == [3]


def test_an_anomaly_without_a_time_does_not_hide_the_others(store):
    far = [anomaly(1, timestamp=0.0, score=0.6), anomaly(2, score=0.8), anomaly(3, timestamp=4e9, score=0.7)]
    store.apply(step(None, 4, anomalies=far))
    assert [a.offset for a in store.anomalies("logs")] == [2, 3, 1]


def test_an_anomaly_comes_back_as_it_was(store):
    odd = anomaly(1, score=0.1 + 0.2, timestamp=NOW + 0.123456, text="\x00 \ufffd \U0001f600 \n 'quoted'")
    long = replace(anomaly(2, score=0.2), cut=True)
    store.apply(step(None, 3, anomalies=[odd, long]))
    assert store.anomalies("logs") == [odd, long]


def test_lines_of_one_message_are_told_apart(store):
    flagged = [anomaly(4, index=index, score=0.9 - index / 10) for index in range(3)]
    store.apply(step(None, 5, anomalies=flagged))
    assert store.anomalies("logs") == flagged


def test_windows_come_latest_first_and_a_part_is_replaced(store):
    store.apply(step(None, 1, windows=[window(0), window(120), window(60)]))
    store.apply(step(1, 2, windows=[window(120, count=99)]))
    assert store.windows("logs") == [120, 60, 0]
    assert store.window("logs", 120) == [window(120, count=99)]
    assert store.window("logs", 60) == [window(60)]
    assert store.window("logs", 30) == []


def test_a_step_without_a_snapshot_keeps_the_last_one(store):
    store.apply(step(None, 1, snapshot=BINARY))
    store.apply(step(1, 2))
    assert store.stored("logs", 0, 1).snapshot == BINARY


def test_a_template_of_any_id_is_counted_the_same(store):
    names = ["00000000ffffffff", "f" * 16, "F" * 16, "t1"]
    minutes = ((MINUTE, 4), (MINUTE + 61, 2))
    founders = [template(name, count=3, seen=NOW + 1, minutes=((MINUTE, 3),)) for name in names]
    more = [replace(known(name, count=6, minutes=minutes), last_seen=NOW + 5.123456) for name in names]
    store.apply(step(None, 5, templates=founders))
    store.apply(step(5, 9, templates=[*more, known("1" * 16, count=1, minutes=((MINUTE, 1),))]))
    *found, unknown = sorted(store.templates("logs"), key=lambda one: -one.count)
    assert {one.id for one in found} == {*names}
    for one in found:
        assert (one.count, one.first_seen, one.last_seen) == (9, NOW, NOW + 5.123456)
        assert one.minutes == ((MINUTE, 7), (MINUTE + 61, 2))
    assert (unknown.id, unknown.text, unknown.count) == ("1" * 16, "", 1)


def test_a_window_is_told_what_is_new_in_it(store):
    vectors = [bytes([n]) * 8 for n in range(4)]
    whole = WindowPart(
        60,
        0,
        9,
        b"t" * 16,
        ((1, 0), (2, 0)),
        ("one", "two"),
        vectors[0] + vectors[1],
        7,
        "m1",
        (8, 1),
        ("a", "b"),
    )
    change = replace(
        whole,
        count=12,
        places=((3, 1), (2, 0)),
        texts=("three",),
        vectors=vectors[2],
        weights=(2, 10),
        templates=("c", "b"),
        new=(0,),
        gone=((1, 0),),
    )
    expected = replace(change, texts=("three", "two"), vectors=vectors[2] + vectors[1], new=None, gone=())
    store.apply(step(None, 5, windows=[whole]))
    store.apply(step(5, 8, windows=[change]))
    assert store.window("logs", 60) == list(store.stored("logs", 0, 1).windows) == [expected]


def test_lines_of_a_window_that_the_store_does_not_have_are_left_out(store):
    told = replace(window(60), texts=("zwei",), vectors=b"v" * 8, new=(1,))
    store.apply(step(None, 5, windows=[told]))
    (found,) = store.window("logs", 60)
    assert (found.places, found.texts, found.weights, found.templates) == (
        ((1, 1),),
        ("zwei",),
        (1,),
        ("t2",),
    )


def test_a_step_of_many_changes_is_one_step(store):
    flagged = [anomaly(n, score=n / 2_000) for n in range(2_000)]
    known = [template(f"t{n}") for n in range(1_000)]
    store.apply(step(None, 2_000, lines=2_000, anomalies=flagged, templates=known))
    assert len(store.anomalies("logs", limit=5_000)) == 2_000
    assert store.stats("logs").patterns == 1_000


def test_lines_that_wait_are_told_until_none_waits(store):
    store.apply(step(None, 10, waiting_from=4))
    assert store.stored("logs", 0, 1).waiting_from == 4
    store.apply(step(10, 20, waiting_from=0))
    assert store.stored("logs", 0, 1).waiting_from == 0
    store.apply(step(20, 30))
    assert store.stored("logs", 0, 1).waiting_from is None


def test_how_far_a_warm_up_is_is_told_until_it_is_over(store):
    store.apply(step(None, 10, warmup=Warmup(10, 512, int(NOW), 32)))
    store.apply(step(None, 20, partition=1, warmup=Warmup(20, 512, None, 32)))
    assert store.stats("logs").warmups == {0: Warmup(10, 512, int(NOW), 32), 1: Warmup(20, 512, None, 32)}
    store.apply(step(10, 30))
    assert store.stats("logs").warmups == {1: Warmup(20, 512, None, 32)}


def test_a_step_leaves_sources_that_it_does_not_touch_as_they_are(store):
    store.apply(full_step(None, 10))
    before = everything(store)[-1]["logs/api"], store.stored("logs", 0, 1).sources["api"]
    other = step(10, 20)
    other.part("web").lines = 10
    store.apply(other)
    stats, *rest = everything(store)[-1]["logs/api"]
    assert (replace(stats, applied={0: 10}), *rest) == before[0][:1] + before[0][1:]
    assert store.stored("logs", 0, 1).sources["api"] == before[1]
    assert store.sources() == ["logs", "logs/api", "logs/web"]
    assert (store.stats("logs").lines, store.stats("logs/web").lines) == (7, 10)


def test_sources_of_two_topics_with_one_name_are_two(store):
    store.apply(full_step(None, 10))
    other = step(None, 5, source="more")
    other.part("api").lines, other.part("api").snapshot = 3, b"more"
    store.apply(other)
    assert (store.stats("logs/api").lines, store.stats("more/api").lines) == (4, 3)
    assert set(store.stored("more", 0, 1).sources) == {"api"}
    assert store.anomalies("more/api") == []


def test_a_source_that_is_given_up_keeps_its_answers_and_loses_its_memory(store):
    store.apply(full_step(None, 10))
    leaving = step(10, 20)
    leaving.part("api").forget = True
    store.apply(leaving)
    assert store.stored("logs", 0, 1).sources == {}
    assert store.anomalies("logs/api") == [anomaly(8, index=5)]


def test_starts_are_pinned_only_while_nothing_of_the_source_was_applied(store):
    store.begin("logs", {0: 500, 2: 0})
    assert store.applied("logs") == {0: 500, 2: 0}
    assert store.sources() == ["logs"]
    store.begin("logs", {0: 900, 1: 900})
    assert store.applied("logs") == {0: 500, 2: 0}
    store.apply(step(500, 510, lines=10))
    assert store.applied("logs") == {0: 510, 2: 0}
    store.begin("other", {})
    assert store.applied("other") == {}


def test_a_partition_made_anew_begins_anew_and_keeps_what_was_found(store):
    store.apply(full_step(None, 10))
    other = step(None, 5, partition=1, warming_up=2, waiting_from=3, snapshot=b"one", topic_id="topic-1")
    other.part("api").snapshot, other.part("api").warmup = b"api", Warmup(3, 64)
    store.apply(other)
    store.restart("logs", 0, expected=10, start=2, topic_id="topic-2")
    known = store.stored("logs", 1, 0).known
    assert store.stored("logs", 0, 0) == Stored(2, "topic-2", known=known)
    api = StoredSource(b"api", known=store.stored("logs", 1, 0).sources["api"].known)
    assert store.stored("logs", 1, 0) == Stored(5, "topic-1", b"one", 3, sources={"api": api}, known=known)
    assert [len(news.templates) for news in (known, api.known)] == [2, 1]
    inside = store.stats("logs/api")
    assert (inside.lines, inside.warming_up, inside.warmups) == (4, 0, {1: Warmup(3, 64)})
    stats = store.stats("logs")
    assert (stats.lines, stats.warming_up, stats.applied) == (7, 2, {0: 2, 1: 5})
    assert store.anomalies("logs") == [anomaly(9)]
    store.apply(step(2, 4, lines=2))
    assert store.applied("logs") == {0: 4, 1: 5}
    store.restart("logs", 0, expected=4, start=0, topic_id=None)
    assert store.stored("logs", 0, 0) == Stored(0, None, known=known)


@pytest.mark.parametrize("expected", [None, 9])
def test_a_partition_is_not_restarted_from_another_offset(store, expected):
    store.apply(full_step(None, 10))
    before = everything(store)
    with pytest.raises(Fenced, match=f"logs/0: applied offset is 10, expected {expected}"):
        store.restart("logs", 0, expected=expected, start=0, topic_id="topic-2")
    assert everything(store) == before


def test_a_second_consumer_group_is_refused_until_the_first_gave_no_sign_for_long(store):
    store.claim("logs", "first", NOW)
    store.claim("logs", "first", NOW + 5)
    with pytest.raises(Occupied, match=r"logs: .*'first'.* 95 s ago.*redis\.env") as caught:
        store.claim("logs", "second", NOW + 100)
    assert "\n" not in str(caught.value)
    store.claim("other", "second", NOW + 100)
    assert store.stats("logs").group == "first"
    store.claim("logs", "second", NOW + 5 + TAKEOVER_SECONDS)
    assert store.stats("logs").group == "second"


def test_a_window_that_is_opened_again_is_another_part(store):
    again = window(60, opened=900, count=2)
    store.apply(step(None, 1, windows=[window(60), window(60, partition=1)]))
    store.apply(step(1, 2, windows=[again]))
    assert store.window("logs", 60) == [window(60), again, window(60, partition=1)]
    assert store.windows("logs") == [60]


def test_a_window_without_lines_is_left_out(store):
    store.apply(step(None, 1, windows=[window(60), window(120, count=0)]))
    assert store.windows("logs") == [60]
    assert store.window("logs", 120) == []
    assert store.stored("logs", 0, 1).windows == (window(60),)


def test_what_another_model_left_is_left_out_when_a_model_is_asked_for(store):
    parts = [window(60), window(120, model="m2"), window(60, model="m2", opened=8)]
    store.apply(step(None, 1, windows=parts))
    assert store.windows("logs", model="m1") == [60]
    assert store.windows("logs", model="m2", limit=1) == [120]
    assert store.window("logs", 60, model="m1") == [window(60)]


def test_a_partition_goes_on_with_its_own_latest_windows(store):
    mine = [window(start) for start in (60, 120, 180)]
    again = window(180, opened=8)
    others = [window(start, partition=1) for start in range(0, 6_000, 60)]
    store.apply(step(None, 1, windows=[*mine, *others]))
    store.apply(step(1, 2, windows=[again]))
    assert store.stored("logs", 0, 2).windows == (mine[1], mine[2], again)
    assert store.stored("logs", 0, 99).windows == (*mine, again)
    assert store.stored("logs", 0, 0).windows == ()


def test_a_line_without_a_time_counts_as_seen_now_and_none_as_seen_later(store):
    flagged = [anomaly(1, timestamp=NOW), anomaly(2, timestamp=0.0)]
    store.apply(step(None, 3, anomalies=flagged))
    assert [a.offset for a in store.anomalies("logs", order="time")] == [2, 1]
    assert store.anomalies("logs", order="time")[0].timestamp == 0.0
    began = time.time()
    store.apply(step(3, 4, templates=[template("t1", seen=began + 1e6)]))
    assert began <= store.templates("logs")[0].last_seen <= time.time()


def test_a_line_that_is_flagged_again_is_one_anomaly(store):
    store.apply(step(None, 2, anomalies=[anomaly(1, score=0.9, timestamp=NOW)]))
    later = anomaly(1, score=0.5, timestamp=NOW + 5 * BUCKET_SECONDS)
    store.apply(step(2, 3, anomalies=[later, anomaly(2, score=0.7)]))
    assert store.anomalies("logs") == [anomaly(2, score=0.7), later]
    assert store.anomalies("logs", order="time") == [later, anomaly(2, score=0.7)]


@pytest.mark.parametrize(
    ("name", "value"),
    [("anomaly_hours", 1e13), ("window_hours", 1e13), ("anomalies", 1e12), ("feed", 1e12), ("windows", 0)],
)
def test_a_retention_that_no_server_can_keep_is_refused_by_name(name, value):
    with pytest.raises(ValidationError, match=name):
        RetentionSettings(**{name: value})
