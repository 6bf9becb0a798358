from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.decisions import BEGINNING
from connectors.findings import Changes, Warmup
from connectors.records import Line, Record
from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.snapshot import snapshot_metadata, unpacked
from stream_processors.detection.windows import SPARE
from tests.fakes import TrigramEmbedder, batch_of, changes_of, make_lines

KINDS = [
    "sshd session opened for user {}",
    "kernel eth0 link is up at {} Mbps full duplex",
    "GET /index.html returned {} bytes to the browser",
    "cron job backup finished in {} seconds",
]
OUTLIER = "!!! ransom note dropped, shadow copies deleted by ZmxhZw== !!!"


def crowd(count: int, *, first: int = 0) -> list[str]:
    """Everyday lines of four kinds."""
    return [KINDS[n % len(KINDS)].format(100 + n % 37) for n in range(first, first + count)]


@pytest.fixture
def make(embedder):
    """``make(warmup=64, ...)``: a detector of the fake embedder's vectors."""

    def make(**options) -> PartitionDetector:
        chosen = DetectionSettings(**{"warmup": 64, "alert_budget": "top 1 %"} | options)
        return PartitionDetector("logs", 0, embedder.dim, chosen, model="m1")

    return make


@pytest.fixture
def process(embedder):
    """``process(detector, lines, batch=50)``: the changes of each batch."""

    def process(detector: PartitionDetector, lines, batch: int = 50) -> list[Changes]:
        done = []
        for start in range(0, len(lines), batch):
            part = lines[start : start + batch]
            changes = changes_of(part)
            detector.process(batch_of(part, embedder), changes)
            done.append(changes)
        return done

    return process


def anomalies_of(batches: list[Changes]):
    return [anomaly for changes in batches for anomaly in changes.anomalies]


def template_counts(batches: list[Changes]) -> Counter:
    counts: Counter = Counter()
    for changes in batches:
        for template in changes.templates:
            counts[template.id] += template.count
    return counts


def planted_among_2000(make, process) -> list:
    """What is flagged of 2,000 lines with an outlier at offset 1,234, the most unusual first."""
    texts = crowd(2_000)
    texts[1_234] = OUTLIER
    detector = make(warmup=512, alert_budget="top 5 %")
    found = anomalies_of(process(detector, make_lines(texts), batch=500))
    return sorted(found, key=lambda anomaly: -anomaly.score)


def test_a_planted_outlier_among_2000_lines_is_flagged(make, process):
    found = planted_among_2000(make, process)
    (outlier,) = [anomaly for anomaly in found if anomaly.offset == 1_234]
    assert outlier.text == OUTLIER
    assert outlier.score >= outlier.threshold
    assert len(found) < 200


def test_a_planted_outlier_among_2000_lines_is_the_top_anomaly(make, process):
    assert planted_among_2000(make, process)[0].text == OUTLIER


def test_an_outlier_within_the_warm_up_is_found_when_it_ends(make, process):
    detector = make(warmup=100)
    texts = crowd(120)
    texts[30] = OUTLIER
    batches = process(detector, make_lines(texts), batch=40)
    assert [changes.warming_up for changes in batches] == [40, 80, 0]
    assert not batches[0].anomalies + batches[1].anomalies
    assert 30 in [anomaly.offset for anomaly in batches[2].anomalies]
    assert detector.warm


def test_every_line_of_a_batch_is_scored_once(make, process):
    batches = process(make(alert_budget="top 100 %"), make_lines(crowd(400)))
    offsets = [anomaly.offset for anomaly in anomalies_of(batches)]
    assert len(offsets) == len(set(offsets))
    assert sorted(offsets)[:64] == list(range(64))  # at this rate every warm-up line is reported


def test_every_line_is_counted_in_exactly_one_template(make, process):
    batches = process(make(), make_lines(crowd(333)), batch=20)
    counts = template_counts(batches)
    assert sum(counts.values()) == sum(changes.lines for changes in batches) == 333
    assert len(counts) == len(KINDS)


def test_a_template_says_when_it_was_seen_its_example_and_its_model(make, process):
    (changes,) = process(make(), make_lines(crowd(8)))
    first = changes.templates[0]
    assert (first.first_seen, first.last_seen, first.count, first.model) == (0.0, 4.0, 2, "m1")
    assert (first.example, first.minutes) == (crowd(1)[0], ((0, 2),))
    assert first.parameters[0].examples == ("100",)


def test_an_anomaly_names_the_pattern_of_its_line(make, process):
    texts = [*crowd(200), OUTLIER]
    batches = process(make(), make_lines(texts))
    (outlier,) = [anomaly for anomaly in anomalies_of(batches) if anomaly.text == OUTLIER]
    (template,) = [t for changes in batches for t in changes.templates if t.example == OUTLIER]
    assert (template.pattern, template.count) == (outlier.pattern, 1)


def test_windows_count_every_line_once(make, process):
    batches = process(make(window_seconds=60, window_lines=3), make_lines(crowd(300)), batch=35)
    last = {part.start: part for changes in batches for part in changes.windows}
    assert {start: part.count for start, part in last.items()} == dict.fromkeys(range(0, 300, 60), 60)
    assert all(len(part.places) <= SPARE * 3 for part in last.values())


def test_parse_errors_are_counted(make, embedder):
    lines = make_lines(crowd(3))
    lines[1] = replace(lines[1], record=replace(lines[1].record, parse_error="not JSON"))
    changes = changes_of(lines)
    make().process(batch_of(lines, embedder), changes)
    assert (changes.lines, changes.parse_errors) == (3, 1)


def test_cut_lines_are_counted_and_a_flagged_one_says_so(make):
    texts = [*crowd(200), OUTLIER, *crowd(20)]
    embedder = TrigramEmbedder(longest=len(OUTLIER) - 1)
    lines = make_lines(texts)
    changes = changes_of(lines)
    detector = make()
    detector.process(batch_of(lines[:100], embedder), changes)
    detector.process(batch_of(lines[100:], embedder), changes)
    assert (changes.lines, changes.cut) == (221, 1)
    assert [anomaly.offset for anomaly in changes.anomalies if anomaly.cut] == [200]


def test_a_batch_without_lines_changes_nothing_and_keeps_those_that_wait(make, process):
    detector = make()
    process(detector, make_lines(crowd(10)))
    changes = Changes("logs", 0, expected=10, end=12)
    detector.process(batch_of([]), changes)
    waiting = {
        "warming_up": 10,
        "waiting_from": 0,
        "warmup": Warmup(10, 64, least=32),
        "seen": 0,
        "heard": BEGINNING,
    }
    assert changes == Changes("logs", 0, expected=10, end=12, model="m1", **waiting)


def test_a_short_input_is_scored_when_it_ends(make, process):
    detector = make(warmup=500)
    assert not anomalies_of(process(detector, make_lines([*crowd(40), OUTLIER, *crowd(19)])))
    last = Changes("logs", 0, expected=60, end=60)
    detector.finish(last)
    assert [anomaly.text for anomaly in last.anomalies] == [OUTLIER]
    assert detector.warm
    assert (last.warming_up, last.lines) == (0, 0)
    again = Changes("logs", 0, expected=60, end=60)
    detector.finish(again)
    assert not again.anomalies


def test_a_single_line_can_not_be_scored_and_is_said_to_wait(make, process):
    detector = make()
    process(detector, make_lines(["alone"]))
    last = Changes("logs", 0, expected=1, end=1)
    detector.finish(last)
    assert (last.anomalies, last.warming_up) == ([], 1)


def test_a_restored_detector_that_relearns_goes_on_like_one_never_interrupted(make, process, embedder):
    varied = [f"{text} ok" for text in crowd(200)]  # near the patterns' founders, but not of their text
    texts = [*crowd(200), "a wholly new kind of thing 1", *varied, OUTLIER, *varied]
    lines = make_lines(texts)
    whole = make()
    process(whole, lines[:200])
    snapshot = whole.snapshot(200)
    process(whole, lines[200:400])
    expected = process(whole, lines[400:])

    restored = make()
    assert restored.restore(snapshot) == 200
    assert restored.warm
    for start in range(200, 400, 50):
        part = lines[start : start + 50]
        restored.relearn(batch_of(part, embedder))
    found = process(restored, lines[400:])
    assert template_counts(found) == template_counts(expected)
    assert [[p.id for p in changes.templates] for changes in found] == [
        [p.id for p in changes.templates] for changes in expected
    ]
    for batches in (found, expected):
        assert max(anomalies_of(batches), key=lambda anomaly: anomaly.score).text == OUTLIER


def test_a_restored_detector_goes_on_with_its_windows(make, process):
    whole, lines = make(), make_lines(crowd(100))
    (first,) = process(whole, lines[:50])
    (expected,) = process(whole, lines[50:])
    restored = make()
    foreign = process(PartitionDetector("logs", 1, 64, DetectionSettings(), model="m1"), lines)[0].windows
    other = process(PartitionDetector("logs", 0, 64, DetectionSettings(), model="m2"), lines)[0].windows
    wide = [replace(part, total=part.total * 2, vectors=part.vectors * 2) for part in first.windows]
    for parts in (foreign, first.windows, other, wide):
        restored.restore_windows(parts)
    (found,) = process(restored, lines[50:])
    assert [(p.start, p.count, p.places) for p in found.windows] == [
        (p.start, p.count, p.places) for p in expected.windows
    ]


def relearn(detector: PartitionDetector, embedder, lines, waiting_from: int | None) -> None:
    detector.relearn(batch_of(lines, embedder), waiting_from=waiting_from)


@pytest.mark.parametrize("relearned", [10, 50, 63, 64, 100])
def test_lines_that_were_scored_before_are_not_flagged_again_when_a_later_warm_up_ends(
    make, process, embedder, relearned
):
    """An unusable snapshot, and so few lines left before the applied offset that they end no warm-up."""
    texts = crowd(300)
    texts[5] = texts[150] = OUTLIER
    lines = make_lines(texts)
    detector = make(alert_budget="top 50 %")
    relearn(detector, embedder, lines[:relearned], None)
    found = process(detector, lines[relearned:])
    assert all(changes.warming_up <= changes.end - relearned for changes in found)
    offsets = [anomaly.offset for anomaly in anomalies_of(found)]
    assert len(offsets) == len(set(offsets))
    assert min(offsets) >= relearned
    assert 150 in offsets


def test_lines_that_waited_when_the_worker_ended_are_flagged_after_its_restart(make, process, embedder):
    texts = crowd(200)
    texts[5] = texts[45] = OUTLIER
    lines = make_lines(texts)
    detector = make(alert_budget="top 5 %")
    relearn(detector, embedder, lines[:30], 20)
    relearn(detector, embedder, lines[30:50], 20)
    (first, *later) = process(detector, lines[50:])
    assert [changes.warming_up for changes in (first, *later)] == [0, 0, 0]
    offsets = [anomaly.offset for anomaly in first.anomalies]
    assert 45 in offsets
    assert min(offsets) >= 20
    assert not {anomaly.offset for anomaly in anomalies_of(later)} & set(range(50))


@pytest.mark.parametrize("end", ["process", "finish"])
def test_lines_that_wait_are_flagged_also_when_the_warm_up_ends_while_relearning(
    make, process, embedder, end
):
    """As with a shorter warm-up than before: relearning itself can flag nothing."""
    texts = crowd(130)
    texts[45] = OUTLIER
    lines = make_lines(texts)
    detector = make(alert_budget="top 5 %")
    relearn(detector, embedder, lines[:50], 40)
    relearn(detector, embedder, lines[50:100], 40)
    assert detector.warm
    changes = Changes("logs", 0, expected=100, end=100)
    if end == "finish":
        detector.finish(changes)
    else:
        (changes,) = process(detector, lines[100:])
    assert 45 in [anomaly.offset for anomaly in changes.anomalies]
    assert (changes.warming_up, changes.waiting_from, changes.warmup) == (0, None, None)


def test_changes_say_from_which_offset_lines_wait(make, process, embedder):
    lines = make_lines(crowd(100), first=1_000)
    whole = make()
    assert [changes.waiting_from for changes in process(whole, lines, batch=30)] == [1_000, 1_000, None, None]
    restarted = make()
    relearn(restarted, embedder, lines[:30], 1_007)
    (changes,) = process(restarted, lines[30:40])
    assert (changes.waiting_from, changes.warming_up) == (1_007, 33)
    empty = make()
    relearn(empty, embedder, lines[:30], None)
    (changes,) = process(empty, lines[30:40])
    assert (changes.waiting_from, changes.warming_up) == (1_030, 10)


@pytest.mark.parametrize("waiting_from", [None, 0, 40])
def test_lines_that_wait_are_part_of_a_snapshot(make, process, waiting_from):
    """Those scored before the worker ended are not flagged again, and all others go on waiting."""
    texts = crowd(120)
    texts[5] = texts[45] = texts[100] = OUTLIER
    lines = make_lines(texts)
    lines[45].index = 3
    whole = make(alert_budget="top 5 %")
    process(whole, lines[:50])
    (expected, _) = process(whole, lines[50:])
    saved = make(alert_budget="top 5 %")
    process(saved, lines[:50])
    restored = make(alert_budget="top 5 %")
    assert restored.restore(saved.snapshot(50), waiting_from=waiting_from) == 50
    (found, _) = process(restored, lines[50:])
    first = 50 if waiting_from is None else waiting_from
    assert [a.offset for a in found.anomalies] == [a.offset for a in expected.anomalies if a.offset >= first]
    assert waiting_from != 40 or (45, 3, OUTLIER) in [(a.offset, a.index, a.text) for a in found.anomalies]
    assert restored.warm


def test_a_warm_up_ends_by_time_with_fewer_lines(make, embedder):
    """From the first line's moment on the worker's clock, and not before there are enough lines to tell."""
    texts = crowd(100)
    texts[20] = OUTLIER
    lines = make_lines(texts)
    detector = make(warmup=512, warmup_seconds=60, alert_budget="top 2 %")
    changes = changes_of(lines)
    detector.process(batch_of(lines[:20], embedder), changes, now=1_000.5)
    assert changes.warmup == Warmup(20, 512, ends=1_060, least=32)
    detector.process(batch_of(lines[20:31], embedder), changes, now=1_070.0)
    assert (detector.due(9e9), changes.warming_up) == (False, 31), "too few lines"
    detector.process(batch_of(lines[31:40], embedder), changes, now=1_059.0)
    assert (detector.due(1_060.0), detector.due(1_060.5), changes.warming_up) == (False, True, 40)
    assert not changes.anomalies
    detector.tick(changes, 1_061.0)
    assert [anomaly.offset for anomaly in changes.anomalies] == [20]
    assert (changes.warming_up, changes.warmup, detector.due(9e9)) == (0, None, False)
    restored = make(warmup=512, warmup_seconds=60, alert_budget="top 2 %")
    restored.restore(detector.snapshot(40))
    assert restored.warm, "it is not begun again after a restart"


def test_a_warm_up_ends_by_time_with_the_line_that_comes_then(make, embedder):
    texts = crowd(80)
    lines = make_lines(texts)
    detector, changes = make(warmup=512, warmup_seconds=60), changes_of(lines)
    detector.process(batch_of(lines[:40], embedder), changes, now=1_000.0)
    detector.process(batch_of(lines[40:], embedder), changes, now=1_060.0)
    assert (detector.warm, changes.warming_up) == (True, 0)


def test_no_clock_ends_no_warm_up_by_time(make, process):
    detector = make(warmup=512, warmup_seconds=1)
    (changes,) = process(detector, make_lines(crowd(100)), batch=100)
    assert not detector.due(0.0)
    assert changes.warmup == Warmup(100, 512, ends=None, least=32)


def test_a_clock_that_is_set_back_does_not_lengthen_a_warm_up(make, embedder):
    lines = make_lines(crowd(40))
    detector, changes = make(warmup=512, warmup_seconds=60), changes_of(make_lines(crowd(40)))
    detector.process(batch_of(lines[:20], embedder), changes, now=9_000.0)
    detector.process(batch_of(lines[20:], embedder), changes, now=1_000.0)
    assert changes.warmup.ends == 1_060


def test_a_snapshot_says_what_it_is(make, process):
    detector = make()
    process(detector, make_lines(crowd(100)))
    metadata = snapshot_metadata(detector.snapshot(100))
    assert (metadata["offset"], metadata["model"]) == ("100", "m1")


def test_a_snapshot_of_another_model_is_refused(make, process):
    detector = make()
    process(detector, make_lines(crowd(100)))
    other = PartitionDetector("logs", 0, 64, DetectionSettings(), model="m2")
    with pytest.raises(ValueError, match=r"^detector state has model 'm1', expected 'm2'$"):
        other.restore(detector.snapshot(100))


def test_a_snapshot_of_another_dimension_is_refused(make, process):
    detector = make()
    process(detector, make_lines(crowd(100)))
    other = PartitionDetector("logs", 0, 63, DetectionSettings(), model="m1")
    with pytest.raises(ValueError, match=r"^detector state has dim '64', expected '63'$"):
        other.restore(detector.snapshot(100))


def test_all_that_a_batch_changes_names_the_model(make, process):
    batches = process(make(), make_lines([*crowd(200), OUTLIER]))
    for changes in batches:
        assert changes.model == "m1"
        assert {template.model for template in changes.templates if template.text} <= {"m1"}
        assert {part.model for part in changes.windows} == {"m1"}
    assert {anomaly.model for anomaly in anomalies_of(batches)} == {"m1"}
    last = Changes("logs", 0, expected=201, end=201)
    make().finish(last)
    assert last.model == "m1"


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "header only", "other tensors"])
def test_bytes_that_are_no_snapshot_are_a_value_error(make, process, damage):
    detector = make()
    process(detector, make_lines(crowd(100)))
    snapshot = detector.snapshot(100)
    plain = unpacked(snapshot)
    header = 8 + int.from_bytes(plain[:8], "little")
    damaged = {
        "empty": b"",
        "text": b"not a snapshot at all",
        "cut": snapshot[:-100],
        "header only": plain[:header],
        "other tensors": safetensors.numpy.save({"x": np.zeros(1)}, metadata=snapshot_metadata(snapshot)),
    }[damage]
    with pytest.raises(ValueError, match="not a detector state"):
        make().restore(damaged)


def test_a_stream_of_one_line_repeated_is_no_stream_of_alerts(make, process):
    batches = process(make(), make_lines(["the same line"] * 1_000))
    assert len(anomalies_of(batches)) < 20


@pytest.mark.parametrize("shares", [[1, 1, 1, 1], [50, 30, 15, 5]])
def test_a_stream_of_few_distinct_lines_is_not_flagged_in_bursts(embedder, shares):
    """Not when counts grow old, not when trees are renewed, and not when features creep."""
    count = 20_000  # twice what counts remember
    rng = np.random.default_rng(7)
    texts = crowd(len(shares))
    kinds = rng.choice(len(shares), size=count, p=np.array(shares) / sum(shares))
    detector = PartitionDetector("logs", 0, embedder.dim, DetectionSettings())
    flagged = []
    for start in range(0, count, 500):
        part = kinds[start : start + 500]
        lines = make_lines([texts[kind] for kind in part], first=start)
        changes = changes_of(lines)
        detector.process(batch_of(lines, embedder), changes)
        flagged += [anomaly.offset for anomaly in changes.anomalies]
    settled = np.array([offset for offset in flagged if offset >= 3_000], dtype=int)
    assert np.bincount(settled // 1_000, minlength=1).max() <= 10, "about the alert rate at any time"
    assert len(settled) <= 0.005 * count
    changes = Changes("logs", 0, expected=count, end=count + 1)
    detector.process(batch_of(make_lines([OUTLIER], first=count), embedder), changes)
    assert [anomaly.text for anomaly in changes.anomalies] == [OUTLIER]


class Longest:
    """A kind of surprise that finds long lines unusual."""

    name = "longest"

    def __init__(self) -> None:
        self.learned = 0

    def observe(self, seen: Seen) -> Surprises:
        self.learned += len(seen)
        lengths = [len(seen.batch.line(place).record.text) for place in range(len(seen))]
        return Surprises(np.array(lengths, dtype=np.float32), np.full(len(seen), NO_CAUSE))

    def unlearn(self, seen: Seen, places: np.ndarray) -> None:
        self.learned -= len(places)

    def explain(self, seen: Seen, place: int) -> Reason:
        return Reason(self.name, 0.0, f"{len(seen.batch.line(place).record.text)} characters")

    def state(self) -> dict[str, np.ndarray]:
        return {"learned": np.array([self.learned])}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.learned = int(state["learned"][0])


def test_any_kind_of_surprise_will_do_and_says_why(embedder, process):
    usual = DetectionSettings(alert_budget="top 1 %")
    one, other = Longest(), Longest()
    lines = make_lines([*crowd(600), OUTLIER, *crowd(49)])
    whole = PartitionDetector("logs", 0, embedder.dim, usual, kinds=[one])
    (found,) = [anomaly for anomaly in anomalies_of(process(whole, lines)) if anomaly.offset == 600]
    ((kind, score, text),) = [(reason.kind, reason.score, reason.text) for reason in found.reasons]
    assert (kind, text, score) == ("longest", f"{len(OUTLIER)} characters", pytest.approx(found.score))
    restored = PartitionDetector("logs", 0, embedder.dim, usual, kinds=[other])
    assert restored.restore(whole.snapshot(650)) == 650
    assert (other.learned, restored.warm) == (649, True), "what was flagged has not taught"


texts = st.one_of(
    st.text(alphabet=st.characters(), max_size=40),  # lone surrogates among them
    st.sampled_from(["", "\x00", "\ud800", "a" * 100_000, "9" * 10_000, "\u202e=\n" * 50, "NaN inf -0"]),
)
fields = st.one_of(
    st.dictionaries(texts, texts, max_size=8),
    st.just({f"column{n}": str(n) for n in range(10_000)}),
)
times = st.one_of(st.floats(), st.floats(0, 4e9), st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1.0]))
records = st.builds(Record, text=texts, format=st.sampled_from(["raw", "json", ""]), fields=fields)


class OddEmbedder(TrigramEmbedder):
    """Of every third text the vector is one that no encoder should give, but finite."""

    def embed(self, lines):
        vectors = super().embed([line[:100] for line in lines])
        vectors[::3] = [[0.0], [3e38], [1e-30]][len(lines) % 3]
        return vectors


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.tuples(records, times, st.none() | st.binary(max_size=20)), min_size=1, max_size=12))
def test_no_record_makes_detection_raise_or_is_lost(drawn):
    embedder = OddEmbedder()
    usual = DetectionSettings(warmup=16, alert_budget="top 50 %")
    detector = PartitionDetector("logs", 0, embedder.dim, usual, model="m1")
    found = changes_of(make_lines(crowd(20)))
    detector.process(batch_of(make_lines(crowd(20))), found)
    odd = [Line(20 + n, time, record, value=value) for n, (record, time, value) in enumerate(drawn)]
    for part in (odd[: len(odd) // 2], odd[len(odd) // 2 :]):
        detector.process(batch_of(part, embedder), found)
    assert found.lines == sum(template.count for template in found.templates) == 20 + len(odd)
    latest = {(part.start, part.opened): part.count for part in found.windows}
    assert sum(latest.values()) == found.lines
    for anomaly in found.anomalies:
        assert np.isfinite(anomaly.score)
        anomaly.text.encode()
    for template in found.templates:
        " ".join(
            [template.text, template.example, *(v for s in template.parameters for v in s.examples)]
        ).encode()
        assert np.isfinite(np.frombuffer(template.vector, "<f2")).all()
    for window in found.windows:
        " ".join(window.texts).encode()
        assert np.isfinite(np.frombuffer(window.total, "<f4")).all()
    restored = PartitionDetector("logs", 0, embedder.dim, usual, model="m1")
    restored.restore(detector.snapshot(20 + len(odd)))
    restored.process(batch_of(odd, embedder), changes_of(odd))
