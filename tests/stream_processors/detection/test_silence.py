from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from connectors.alerts import Verdict
from connectors.findings import Changes
from connectors.memory import MemoryStore
from stream_processors.alerts.folding import fold
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.silence import Silence, duration
from stream_processors.detection.sources import Sources
from tests.fakes import TrigramEmbedder, batch_of, make_line

BEAT, WORK = 11, 99
T = 1_700_000_000.0


def of(silence: Silence, *lines: tuple[float, int], size: int = 4_096):
    """What is found in lines of (time, template), by time: (seconds, template, whether it came again)."""
    ordered, found = sorted(lines, key=lambda line: line[0]), []
    for at in range(0, len(ordered), size):
        part = ordered[at : at + size]
        times, templates = (np.array(column) for column in zip(*part, strict=True))
        seen = FakeSeen(times.astype(float), templates.astype(np.uint64))
        found += [(part[one.line][0], one.template, one.over) for one in silence.follow(seen)]
    return found


class FakeSeen:
    def __init__(self, times, templates) -> None:
        self.batch, self.templates = SimpleNamespace(times=times), templates

    def __len__(self) -> int:
        return len(self.templates)


def work(begin: float, end: float) -> list[tuple[float, int]]:
    """Lines of other templates, at random."""
    rng = np.random.default_rng(int(begin))
    times = T + rng.uniform(begin, end, int((end - begin) / 5))
    return [
        (float(time), WORK + int(n)) for time, n in zip(times, rng.integers(0, 5, len(times)), strict=True)
    ]


def beats(begin: float, end: float, *, every: float = 60.0, template: int = BEAT, jitter: float = 3.0):
    rng = np.random.default_rng(template)
    return [(T + float(at + rng.uniform(-jitter, jitter)), template) for at in np.arange(begin, end, every)]


def test_a_heartbeat_that_stops_is_told_once_and_withdrawn_when_it_comes_again():
    lines = [*work(0, 30_000), *beats(0, 6_000), *beats(12_000, 30_000)]
    silent, again = of(Silence(), *lines)
    assert (silent[1:], again[1:]) == ((BEAT, False), (BEAT, True))
    assert 5_940 + 600 < silent[0] - T < 5_940 + 660
    assert 11_990 < again[0] - T < 12_010


@pytest.mark.parametrize("size", [1, 7])
def test_batches_and_restarts_change_nothing(size):
    lines = sorted([*work(0, 20_000), *beats(0, 6_000), *beats(12_000, 13_000)])
    whole = of(Silence(), *lines)
    silence, found = Silence(), []
    for at in range(0, len(lines), 500):
        found += of(silence, *lines[at : at + 500], size=size)
        saved, silence = silence.state(), Silence()
        silence.restore(saved)
    assert found == whole
    assert len(whole) == 2


def test_when_the_source_stops_wholly_no_template_is_silent():
    """Whether it was down, or nothing was read: the gap counts once, and who comes again in time is not silent."""
    lines = [*work(0, 9_000), *work(40_000, 49_000)]
    for every in (10, 60, 300):
        lines += beats(0, 9_000, every=every, template=every, jitter=every / 20)
        lines += beats(40_000 + every / 2, 49_000, every=every, template=every, jitter=every / 20)
    assert of(Silence(), *lines) == []


def test_what_comes_at_random_or_seldom_is_not_regular():
    few = beats(0, 60 * 19)
    assert of(Silence(), *few, *work(0, 20_000)) == []


def test_a_rollout_that_ends_many_kinds_of_lines_tells_of_a_few():
    lines = work(0, 30_000)
    for template in range(20, 70):
        lines += beats(template, 6_000, every=30 + template, template=template)
    found = of(Silence(), *lines)
    assert 3 <= len(found) <= 5


def test_who_was_away_as_long_before_is_not_told_again():
    nights = [*beats(0, 6_000), *beats(20_000, 26_000), *beats(40_000, 46_000)]
    found = of(Silence(), *work(0, 60_000), *nights)
    assert [over for _, _, over in found] == [False, True]
    longer = of(Silence(), *work(0, 120_000), *nights)
    assert [over for _, _, over in longer] == [False, True, False], "more than twice as long is news"


def test_lines_without_a_time_or_late_ones_do_no_harm():
    silence = Silence()
    lines = [(float("nan"), BEAT), (0.0, BEAT), *beats(0, 6_000), *work(0, 6_000)]
    times, templates = (np.array(column) for column in zip(*lines, strict=True))
    silence.follow(FakeSeen(times.astype(float), templates.astype(np.uint64)))  # not in order
    assert of(silence, *work(6_000, 6_500)) == []


def test_durations_are_short():
    shown = [duration(seconds) for seconds in (0.25, 5, 61, 720, 12_600, 259_200)]
    assert shown == [
        "0.25 s",
        "5 s",
        "61 s",
        "12 min",
        "3.5 h",
        "3 d",
    ]


@pytest.fixture(scope="module")
def day():
    """Lines of a host: work, and a heartbeat that stops and comes again, twice."""
    texts = {BEAT: "heartbeat of the collector"} | {WORK + n: f"worker did job {n}" for n in range(5)}
    ordered = sorted([*work(0, 50_000)[::2], *beats(0, 3_000), *beats(6_000, 9_000), *beats(40_000, 42_000)])
    return [make_line(n, texts[kind], timestamp=time) for n, (time, kind) in enumerate(ordered)]


def run(store: MemoryStore, lines, *, restart_at: int = -1) -> None:
    """All lines through detection into the store; with a snapshot at some line, and a restart a step after it."""
    settings, embedder, step = DetectionSettings(alert_budget="top 0.01 %"), TrigramEmbedder(), 500
    sources, applied = Sources("logs", 0, embedder.dim, settings), None
    sources.resume(store.stored("logs", 0, 1))
    for at in range(0, len(lines), step):
        part = lines[at : at + step]
        changes = Changes("logs", 0, expected=applied, end=part[-1].offset + 1)
        sources.process(batch_of(part, embedder), changes)
        fold(changes)
        if at == restart_at:
            sources.snapshot(changes.end, changes)
        sources.decided(store.apply(changes))
        applied = changes.end
        if at == restart_at + step:
            sources = Sources("logs", 0, embedder.dim, settings)
            saved_at = sources.restore(store.stored("logs", 0, 1))
            sources.relearn(batch_of(lines[saved_at:applied], embedder))


def silences(store: MemoryStore) -> list[tuple]:
    told = [entry.alert for entry in store.outbox("logs", limit=1_000)]
    return [(one.episode, one.why, one.best.text) for one in told if "silence" in one.kinds]


@pytest.mark.parametrize("restart_at", [-1, 500])
def test_silence_is_an_alert_that_is_over_when_the_heartbeat_comes_again(day, restart_at):
    store, beat = MemoryStore(clock=lambda: T + 80_000), "heartbeat of the collector"
    run(store, day, restart_at=restart_at)
    assert silences(store) == [
        (1, "new", beat),
        (1, "over", beat),
        (2, "again", beat),
        (2, "over", beat),
    ]
    (alert,) = [alert for alert in store.alerts("logs") if alert.kinds == ("silence",)]
    assert alert.best.reasons[0].text.startswith("came every 60 s, and not for ")


def test_silence_that_was_marked_as_benign_is_not_told(day):
    stores = [MemoryStore(clock=lambda: T + 80_000) for _ in range(2)]
    run(stores[0], day[:1_000])
    (alert,) = [alert for alert in stores[0].alerts("logs") if alert.kinds == ("silence",)]
    stores[1].mark("logs", Verdict(alert.pattern, "benign", T))
    run(stores[1], day[:1_000])
    assert silences(stores[1]) == []


class Clocked:
    """A source of a line every 10 seconds, asked every half minute whether it stopped."""

    def __init__(self) -> None:
        self.store, self.embedder = MemoryStore(clock=lambda: T + 90_000), TrigramEmbedder()
        self.sources, self.end = self._opened(), 0

    def _opened(self) -> Sources:
        return Sources("logs", 0, self.embedder.dim, DetectionSettings(alert_budget="top 0.01 %"))

    def lines(self, begin: float, end: float, *, late: float = 0.0) -> None:
        for at in np.arange(begin, end, 1_000.0):
            times = np.arange(at, min(at + 1_000.0, end), 10.0)
            part = [make_line(self.end + n, "job done", timestamp=T + time) for n, time in enumerate(times)]
            self._apply(part, T + times[-1] + late)

    def nothing(self, begin: float, end: float) -> None:
        for at in np.arange(begin, end, 30.0):
            if self.sources.due(T + at):
                self._apply([], T + at)

    def restart(self) -> None:
        self.sources = self._opened()
        self.sources.restore(self.store.stored("logs", 0, 1))

    def _apply(self, part, now: float) -> None:
        changes = Changes("logs", 0, expected=self.end or None, end=self.end + len(part), now=now)
        if part:
            self.sources.process(batch_of(part, self.embedder), changes)
            if self.sources.snapshot_due(400):
                self.sources.snapshot(changes.end, changes)
        else:
            self.sources.tick(now, changes)
        fold(changes)
        self.sources.decided(self.store.apply(changes))
        self.end = changes.end

    def told(self) -> list[tuple[str, str]]:
        told = [entry.alert for entry in self.store.outbox("logs", limit=100)]
        return [(one.why, one.last.reasons[0].text) for one in told if one.last.format == "silence"]


def test_a_source_that_stops_is_told_once_with_its_rate_and_that_it_is_back():
    source = Clocked()
    source.lines(0, 4_000)
    source.nothing(4_000, 9_000)
    source.lines(9_000, 9_300)
    (stopped, rate), (over, back) = source.told()
    assert (stopped, over) == ("new", "over")
    assert rate == "had 6 lines a minute, and none for 2.17 min now"
    assert back == "came back after 83.5 min; 6 lines a minute are usual"
    source.nothing(9_300, 9_300 + 2 * 5_000)
    assert len(source.told()) == 2, "it was away as long before"


def test_nobody_is_missed_who_is_new_was_not_listened_to_or_is_late():
    new = Clocked()
    new.lines(0, 3_000)
    new.nothing(3_000, 9_000)
    restarted = Clocked()
    restarted.lines(0, 5_000)
    restarted.restart()
    restarted.nothing(8_000, 8_100)
    restarted.lines(8_100, 8_200)
    late = Clocked()
    late.lines(0, 4_000, late=50_000.0)
    late.nothing(54_000, 54_100)
    assert new.told() == restarted.told() == late.told() == []
    late.nothing(54_100, 54_300)
    assert len(late.told()) == 1
