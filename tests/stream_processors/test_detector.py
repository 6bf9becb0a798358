from __future__ import annotations

import json
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.memory import MemoryStore
from connectors.records import Message
from stream_processors.demo.scenario import scenario
from stream_processors.detection import snapshot
from stream_processors.detector import Detector, Engine
from stream_processors.pool import DetectorPool
from stream_processors.scan import BATCH_LINES, LineScores, scan
from stream_processors.settings import SettingsError
from tests.fakes import TrigramEmbedder
from tests.stream_processors import library_usage

LINES = [line.line for line in scenario(lines=1_500, seed=3)]
WARMUP = 200
FEWER = 900
SETTINGS = {"detection.warmup": WARMUP}
ALARM = "!!! ransom note dropped, shadow copies deleted !!!"
QUIET = [f"Jan  1 00:00:{n % 60:02} web1 sshd[{n}]: session opened for user u{n % 5}" for n in range(400)]
ROUNDING = 1e-9


class Model(TrigramEmbedder):
    """An embedder that says of which model it is."""

    bundle = SimpleNamespace(identity="trigrams@1#0")


@pytest.fixture(autouse=True)
def no_model(monkeypatch, no_settings):
    monkeypatch.setattr("stream_processors.detector.make_embedder", lambda settings: Model())


@pytest.fixture
def engine():
    return Engine(SETTINGS)


class Gathered:
    """What came of all calls."""

    def __init__(self):
        self.scores, self.flagged, self.alerts, self.order = {}, set(), [], []

    def take(self, results):
        self.order += [(one.offset, one.index) for one in results]
        for one in [*results, *results.late]:
            place = one.offset, one.index
            if one.score == one.score:
                assert place not in self.scores
                self.scores[place] = one.score
            if one.flagged:
                self.flagged.add(place)
        self.alerts += [(alert.id, alert.why, alert.count) for alert in results.alerts]
        assert not results.failed
        return results


def run(engine, cuts=(), restarts=(), lines=LINES):
    """All lines through a detector in calls that end at ``cuts``; at those of ``restarts`` another one goes on."""
    detector, found, begin = Detector(engine=engine), Gathered(), 0
    for end in [*cuts, len(lines)]:
        found.take(detector.process(lines[begin:end]))
        begin = end
        if end in restarts:
            detector = Detector.load(detector.state(), engine=engine)
    found.take(detector.flush())
    return found, detector


def test_scores_flags_and_alerts_are_those_of_a_scan(engine):
    scores, store = LineScores(), MemoryStore()
    list(
        scan(
            [line.encode() for line in LINES],
            Model(),
            engine.settings.detection,
            store,
            source="lines",
            scores=scores,
        )
    )
    found, detector = run(engine, range(BATCH_LINES, len(LINES), BATCH_LINES))
    got = np.array([found.scores[n, 0] for n in range(len(LINES))], dtype=np.float32)
    assert np.array_equal(got, scores.scores)
    marked = {(one.offset, one.index) for one in store.anomalies("lines", limit=len(LINES)) if one.index >= 0}
    assert found.flagged == marked != set()
    told = [entry.alert for entry in store.outbox("lines", limit=1_000)]
    assert found.alerts == [(alert.id, alert.why, alert.count) for alert in told]
    assert {(one.id, one.count) for one in detector.templates()} == {
        (one.id, one.count) for one in store.templates("lines")
    }
    assert {(one.id, one.count) for one in detector.patterns()} == {
        (one.id, one.count) for one in store.patterns("lines")
    }


@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.generate],  # making an example smaller takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.integers(1, FEWER - 1), min_size=1, max_size=8, unique=True), st.data())
def test_a_restart_anywhere_changes_no_score(engine, cuts, data):
    cuts = sorted(cuts)
    restarts = data.draw(st.sets(st.sampled_from(cuts), min_size=1))
    straight, _ = run(engine, cuts, lines=LINES[:FEWER])
    again, _ = run(engine, cuts, restarts, lines=LINES[:FEWER])
    assert again.order == straight.order
    assert again.scores.keys() == straight.scores.keys()
    differences = [abs(again.scores[place] - score) for place, score in straight.scores.items()]
    assert max(differences) < ROUNDING
    assert (again.flagged, again.alerts) == (straight.flagged, straight.alerts)


def test_calls_may_be_of_any_length(engine):
    whole, one = run(engine)
    parts, other = run(engine, [1, 2, 3, 50, 199, 200, 201, 777, 778, 1_200])
    assert parts.order == whole.order
    assert parts.scores.keys() == whole.scores.keys() == {(n, 0) for n in range(len(LINES))}
    assert {(t.id, t.text, t.count) for t in one.templates()} == {
        (t.id, t.text, t.count) for t in other.templates()
    }
    assert {frozenset(p.members) for p in one.patterns()} == {frozenset(p.members) for p in other.patterns()}
    differences = [abs(parts.scores[place] - score) for place, score in whole.scores.items()]
    assert np.median(differences) < 0.01
    assert len(parts.flagged ^ whole.flagged) <= 3 < len(whole.flagged)


def test_lines_of_the_warm_up_wait_and_have_their_scores_later(engine):
    detector = Detector(engine=engine)
    first = detector.process(LINES[: WARMUP - 1])
    assert len(first) == WARMUP - 1
    assert all(one.waiting and not one.flagged and one.as_dict()["score"] is None for one in first)
    assert np.isnan(first.scores).all()
    assert not first.late
    last = detector.process(LINES[WARMUP - 1 : WARMUP + 10])
    assert sorted((one.offset, one.index) for one in last.late) == [(n, 0) for n in range(WARMUP - 1)]
    assert not any(one.waiting for one in last)
    assert not detector.process(LINES[WARMUP + 10 : WARMUP + 20]).late


def test_a_stream_that_ends_early_is_flushed(engine):
    detector = Detector(engine=engine)
    assert all(one.waiting for one in detector.process([*QUIET[:80], ALARM, *QUIET[80:100]]))
    rest = detector.flush()
    assert (len(rest), len(rest.late)) == (0, 101)
    assert max(rest.late, key=lambda one: one.score).offset == 80
    assert [alert.best.text for alert in rest.alerts][:1] == [ALARM]
    assert detector.alerts()[0].best.text == ALARM


def test_a_result_says_what_is_known_of_its_line(engine):
    detector = Detector(engine=engine)
    detector.process(QUIET)
    record = {"message": ALARM, "level": "error", "user": "ada"}
    message = Message(7, 1_700_000_000.0, b"session opened for user eve", b"key")
    alarm, other = detector.process([record, message])
    assert (alarm.flagged, alarm.waiting, alarm.severity) == (True, False, 17)
    assert alarm.reasons and ALARM in alarm.text
    assert json.dumps(alarm.as_dict())
    assert other.timestamp == 1_700_000_000.0
    assert other.line.key == b"key"
    assert (other.offset, other.index) == (len(QUIET) + 1, 0)
    assert other.template.startswith("session opened for user")
    assert len(other.template_id) == len(other.pattern_id) == 16
    assert other.record.text == "session opened for user eve"
    text, raw, view = detector.process([QUIET[0], QUIET[0].encode(), memoryview(QUIET[0].encode())])
    assert text.template_id == raw.template_id == view.template_id
    assert text.parameters == raw.parameters != ()


def test_one_message_may_hold_many_lines_or_none(engine):
    detector = Detector(engine=engine)
    several = json.dumps([{"message": f"session opened for user u{n}"} for n in range(3)])
    found = detector.process([several, "#fields\tts\tuid", QUIET[0]])
    assert [(one.offset, one.index) for one in found] == [(0, 0), (0, 1), (0, 2), (2, 0)]


def test_times_are_the_lines_own_else_those_given_else_of_the_line_before(engine):
    stated = '{"timestamp": "2024-01-01T00:00:00Z", "message": "m"}'
    results = Detector(engine=engine).process(["a", stated, "b", "c"], [None, 9.0, None, 1e18])
    times = [one.timestamp for one in results]
    assert times[:3] == [0.0, 1_704_067_200.0, 1_704_067_200.0]
    assert 1.7e9 < times[3] < 1e11  # never after now


@pytest.mark.parametrize("record", [{"a": 1 << 80}, {"a": "\ud800"}, {1: float("nan")}, {"a": object()}, {}])
def test_any_record_is_a_line(engine, record):
    assert len(Detector(engine=engine).process([record])) == 1


@pytest.mark.parametrize(
    ("lines", "times", "error"),
    [
        ("one line", None, "lines: expected an iterable of lines, got str"),
        ({"message": "one"}, None, "lines: expected an iterable of lines, got dict"),
        (7, None, "lines: expected an iterable of lines, got int"),
        (["ok", 7], None, "lines[1]: expected text, bytes, a record or a Message, got int"),
        (["ok"], [1.0, 2.0], "timestamps: 2 for 1 lines"),
        (["ok"], ["now"], "timestamps[0]: expected seconds since the epoch or None, got str"),
        (["ok"], "now", "timestamps: expected seconds since the epoch, got str"),
    ],
)
def test_what_is_no_line_is_refused_in_one_line_and_takes_nothing(engine, lines, times, error):
    detector = Detector(engine=engine)
    detector.process(["fine"])
    with pytest.raises((TypeError, ValueError)) as raised:
        detector.process(lines, times)
    assert str(raised.value) == error
    assert detector.lines == 1
    assert detector.process(["fine too"])[0].offset == 1


def test_settings_are_refused_by_name(tmp_path):
    with pytest.raises(SettingsError, match=r"detection\.alert_budget"):
        Detector({"detection.alert_budget": "some"})
    with pytest.raises(SettingsError, match=r"detection\.warmup"):
        Detector({"detection.warm_up": 100})
    with pytest.raises(SettingsError, match=r"none\.toml"):
        Detector(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match=r"stream\.source = service: a Detector is one source"):
        Detector({"stream.source": "service"})
    with pytest.raises(SettingsError, match="settings: expected"):
        Detector(7)


def test_a_model_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.undo()
    with pytest.raises(ValueError, match="no-model"), Detector(bundle=tmp_path / "no-model") as detector:
        detector.process(["a line"])


def test_a_state_of_another_kind_is_refused_and_changes_nothing(engine, monkeypatch):
    detector = Detector(engine=engine)
    detector.process(QUIET)
    state = detector.state()
    for bad in (b"", b"no state", state[:-9], state[:200]):
        with pytest.raises(ValueError, match=r"^not a detector state: [^\n]*$"):
            detector.restore(bad)
    version = snapshot.STATE_VERSION
    monkeypatch.setattr(snapshot, "STATE_VERSION", version + 1)
    with pytest.raises(
        ValueError, match=rf"^detector state has version '{version}'[^\n]*, expected '{version + 1}'$"
    ):
        detector.restore(state)
    monkeypatch.undo()
    monkeypatch.setattr("stream_processors.detector.make_embedder", lambda settings: Other())
    with pytest.raises(
        ValueError, match=r"^detector state has model 'trigrams@1#0'[^\n]*, expected 'other@2#0'$"
    ):
        Detector.load(state, SETTINGS)
    assert detector.lines == len(QUIET)
    assert detector.process(QUIET[:1])[0].offset == len(QUIET)


class Other(Model):
    bundle = SimpleNamespace(identity="other@2#0")


def test_pieces_that_are_held_back_survive_a_restart():
    engine = Engine(SETTINGS | {"stream.multiline": True})
    trace = ["Exception in thread main java.lang.Error: no", "\tat com.example.Main.run(Main.java:7)"]
    detector = Detector(engine=engine)
    detector.process(QUIET[:50])
    assert not [one for one in detector.process(trace[:1]) if one.offset == 50]
    detector = Detector.load(detector.state(), engine=engine)
    detector.process(trace[1:])
    found = [*detector.process(QUIET[:3]), *detector.flush()]
    joined = next(one for one in found if one.offset == 50)
    assert joined.text.splitlines() == trace
    assert detector.lines == 54


def test_what_it_keeps_is_bounded(engine, monkeypatch):
    monkeypatch.setattr("stream_processors.keeping.MOST_TEMPLATES", 64)
    monkeypatch.setattr("stream_processors.keeping.MOST_ALERTS", 3)
    detector = Detector({**SETTINGS, "detection.alert_budget": "top 100 %"})
    words = [chr(97 + a) + chr(97 + b) for a in range(20) for b in range(20)]
    for start in range(0, 400, 50):
        detector.process(
            [f"{word}{word} {word[::-1]}x{word} went {word}" for word in words[start : start + 50]]
        )
    assert len(detector.templates()) <= 64
    assert len(detector.alerts()) <= 3
    assert detector.lines == 400
    assert Detector.load(detector.state(), SETTINGS).lines == 400


def test_a_line_that_fails_is_told_and_too_many_end_the_detector(monkeypatch):
    class Choking(Model):
        def embed(self, lines):
            if any("bad" in line for line in lines):
                raise RuntimeError("choked")
            return super().embed(lines)

    monkeypatch.setattr("stream_processors.detector.make_embedder", lambda settings: Choking())
    detector = Detector(SETTINGS)
    found = detector.process(["fine", "a bad one", "fine"])
    assert [one.offset for one in found] == [0, 2]
    assert [(one.line.offset, str(one.error), one.whole) for one in found.failed] == [(1, "choked", False)]
    state = detector.state()
    with pytest.raises(RuntimeError, match="lines failed, the first with: choked"):
        detector.process(
            [f"{word} bad" for word in ["one", "two", "six", "ten", "red", "sea", "sky", "sun", "moon"]]
        )
    with pytest.raises(RuntimeError, match="of no more use: a call failed; go on from its last state"):
        detector.process(["fine"])
    detector.restore(state)
    assert detector.process(["fine"])[0].offset == 3


def test_a_closed_detector_says_so(engine):
    with Detector(engine=engine) as detector:
        detector.process(["a line"])
    with pytest.raises(RuntimeError, match="it is closed"):
        detector.process(["a line"])


def test_calls_from_many_threads_take_turns(engine):
    detector, offsets = Detector(engine=engine), []

    def feed(part):
        for line in part:
            offsets.extend(one.offset for one in detector.process([line]))

    threads = [threading.Thread(target=feed, args=(QUIET[n::4][:20],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(offsets) == list(range(80))
    assert detector.lines == 80


def test_a_pool_has_one_detector_a_key_and_keeps_to_its_bound():
    kept: dict[str, bytes] = {}
    with DetectorPool(SETTINGS, most=2, save=kept.__setitem__, load=kept.get) as pool:
        pool["a"].process(QUIET[:30])
        pool["b"].process(QUIET[:20])
        assert pool["a"].engine is pool["b"].engine
        pool["a"].process(QUIET[30:40])
        pool["c"].process(QUIET[:10])
        assert (list(pool), list(kept)) == (["a", "c"], ["b"])
        assert pool["b"].process(QUIET[20:21])[0].offset == 20
        assert list(pool) == ["c", "b"]
        pool.leave("c")
        assert list(pool) == ["b"]
    assert sorted(kept) == ["a", "b", "c"]
    assert [Detector.load(kept[key], SETTINGS).lines for key in "abc"] == [40, 21, 10]
    with pytest.raises(ValueError, match=r"^most: at least 1, got 0$"):
        DetectorPool(SETTINGS, most=0)


def test_a_typed_program_uses_it(engine):
    detector = Detector(engine=engine)
    assert sorted(library_usage.scores(detector, QUIET)) == [(n, 0) for n in range(len(QUIET))]
    again = library_usage.restarted(detector).process([ALARM])
    (why,) = library_usage.flagged(again)
    assert why.startswith(again[0].template_id) and why.endswith(ALARM)
    assert library_usage.places([*again.late], [*again.failed]) == []
    assert library_usage.by_tenant(DetectorPool(SETTINGS), {"a": [b"one"], "b": ["two"]}) == {"a": 0, "b": 0}


def test_the_name_is_at_hand_and_costs_nothing_before_it_is_asked_for():
    code = """
import sys, stream_processors, stream_processors.cli
print([name for name in ("numba", "onnxruntime", "stream_processors.detector") if name in sys.modules])
from stream_processors import Detector, DetectorPool, Result
print(Detector.__module__, DetectorPool.__module__, Result.__module__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.splitlines() == [
        "[]",
        "stream_processors.detector stream_processors.pool stream_processors.results",
    ], done.stderr
    with pytest.raises(ImportError):
        from stream_processors import Detektor  # noqa: F401
