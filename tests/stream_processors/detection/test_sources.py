from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from connectors.findings import Changes, Warmup
from connectors.memory import MemoryStore
from connectors.records import SERVICE, Record
from connectors.store import Stored
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.seats import RARE
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import SNAPSHOT_SHARE, Sources
from tests.fakes import TrigramEmbedder, batch_of, make_line
from tests.stream_processors.detection.test_partition import OUTLIER, crowd

EMBEDDER = TrigramEmbedder()
OPTIONS = {"warmup": 64, "alert_budget": "top 1 %"}


def make(by: str = "service", most: int = 5, **options) -> Sources:
    chosen = DetectionSettings(**OPTIONS | options)
    return Sources("logs", 0, EMBEDDER.dim, chosen, model="m1", by=by, most=most)


def lines_of(services, texts=None, *, first: int = 0):
    """A line of each service in turn, consecutive offsets."""
    texts = crowd(len(services)) if texts is None else texts
    lines = []
    for n, (service, text) in enumerate(zip(services, texts, strict=True)):
        line = make_line(first + n, text, timestamp=float(first + n))
        line.record = Record(text, "raw", {SERVICE: service} if service else {})
        lines.append(line)
    return lines


class Partition:
    """A partition as a worker runs it: steps into a store, and restarts from it."""

    def __init__(
        self, store: MemoryStore | None = None, *, batch: int = 50, every: int = 200, **options
    ) -> None:
        self.store, self.batch, self.every, self.options = store or MemoryStore(), batch, every, options
        self.applied: int | None = None
        self.steps: list[Changes] = []
        self.restart()

    def step(self, end: int, now: float = 0.0) -> Changes:
        return Changes("logs", 0, expected=self.applied, end=end, now=now)

    def take(self, lines, *, now: float = 0.0) -> Changes:
        for start in range(0, len(lines), self.batch):
            part = lines[start : start + self.batch]
            changes = self.step(part[-1].offset + 1, now)
            self.sources.process(batch_of(part), changes)
            if self.sources.snapshot_due(self.every, read=1 << 30):
                self.sources.snapshot(changes.end, changes, reader=b"of the reader")
            self.apply(changes)
        return self.steps[-1]

    def apply(self, changes: Changes) -> None:
        self.store.apply(changes)
        self.applied = changes.end
        self.steps.append(changes)

    def restart(self, lines=(), *, batch: int = 70) -> int:
        """Another worker goes on; it reads again what it must of ``lines``. The offset that it began at."""
        self.sources = make(**self.options)
        stored = self.store.stored("logs", 0, 9)
        if stored.applied is None:
            return 0
        try:
            at = self.sources.restore(stored)
        except ValueError:
            self.sources = make(**self.options)
            self.sources.resume(stored)
            at = 0 if stored.first_waiting is None else stored.first_waiting
        again = [line for line in lines if at <= line.offset < stored.applied]
        for start in range(0, len(again), batch):
            part = again[start : start + batch]
            self.sources.relearn(batch_of(part))
        return at

    def flagged(self) -> list[tuple[str, int]]:
        return [
            (part.source, anomaly.offset)
            for changes in self.steps
            for part in (changes, *changes.parts.values())
            for anomaly in part.anomalies
        ]

    def lines_by_source(self) -> dict[str, int]:
        return {name: self.store.stats(name).lines for name in self.store.sources() if name != "logs"}


def test_a_topic_that_is_one_source_is_what_its_detector_finds():
    lines = lines_of(["a", "b"] * 100, [*crowd(199), OUTLIER])
    alone = PartitionDetector("logs", 0, EMBEDDER.dim, DetectionSettings(**OPTIONS), model="m1")
    expected, found = (Changes("logs", 0, None, 200) for _ in range(2))
    alone.process(batch_of(lines), expected)
    make("topic").process(batch_of(lines), found)
    assert found == expected
    assert found.lines == found.all_lines == 200


def test_each_source_has_a_detector_patterns_and_windows_of_its_own():
    services = ["a", "b", "a", None] * 50
    lines = lines_of(services)
    changes = Changes("logs", 0, None, 200)
    make().process(batch_of(lines), changes)
    assert (changes.lines, changes.all_lines) == (0, 200)
    assert {name: part.lines for name, part in changes.parts.items()} == {"a": 100, "b": 50, "-none": 50}
    alone = PartitionDetector("logs/a", 0, EMBEDDER.dim, DetectionSettings(**OPTIONS), model="m1")
    own = [line for line, service in zip(lines, services, strict=True) if service == "a"]
    expected = Changes("logs/a", 0, None, 200)
    alone.process(batch_of(own), expected)
    found = changes.parts["a"]
    assert (found.anomalies, found.templates, found.windows) == (
        expected.anomalies,
        expected.templates,
        expected.windows,
    )
    assert changes.parts["b"].warmup == Warmup(50, 64, least=32)


def test_a_noisy_source_does_not_drown_what_is_unusual_in_a_quiet_one():
    quiet = ["timer fired after 12 ms"] * 199 + ["disk sda failed, remounting read-only"]
    noisy = [f"{word} {n}" for n, word in enumerate(np.random.default_rng(0).permutation(range(1_800)))]
    texts = [text for n in range(200) for text in (*noisy[9 * n : 9 * n + 9], quiet[n])]
    lines = lines_of((["noisy"] * 9 + ["quiet"]) * 200, texts)
    partition = Partition(alert_budget="top 0.5 %")
    partition.take(lines)
    assert ("logs/quiet", 1_999) in partition.flagged()


def test_a_frequent_source_takes_the_seat_of_a_rare_one_and_every_line_is_counted_once():
    services = ["rare"] * 10 + ["a", "b"] * 100 + ["late"] * 150 + ["rare", "late"] * 20
    partition = Partition(most=3)
    partition.take(lines_of(services))
    counts = partition.lines_by_source()
    at = int(counts["logs/-rare"]) - 20
    assert counts == {
        "logs/a": 100,
        "logs/b": 100,
        "logs/rare": 10,
        "logs/late": 170 - at,
        "logs/-rare": at + 20,
    }
    assert 0 < at < 60
    assert sum(counts.values()) == len(services)
    parts = [(c.parts["rare"].forget, c.parts["rare"].warmup) for c in partition.steps if "rare" in c.parts]
    assert parts[-1] == (True, None)
    assert "rare" not in partition.store.stored("logs", 0, 1).sources


def test_lines_that_wait_in_a_source_that_loses_its_seat_are_scored_among_the_rare_ones():
    services = ["rare"] * 10 + ["a"] * 100 + ["late"] * 400 + ["other"] * 100
    partition = Partition(most=2, alert_budget="top 100 %")
    partition.take(lines_of(services))
    scored = [offset for _, offset in partition.flagged()]
    assert len(scored) == len(set(scored))
    assert set(range(10)) <= set(scored)
    assert {source for source, offset in partition.flagged() if offset < 10} == {"logs/-rare"}


@pytest.mark.parametrize("restart_at", [50, 110, 150])
def test_lines_that_wait_among_the_rare_ones_are_flagged_after_a_restart(restart_at):
    """Also when the source that they came with lost its seat after the last snapshot."""
    services = ["rare"] * 10 + ["a"] * 40 + ["late"] * 100
    lines = lines_of(services)
    partition = Partition(most=2, alert_budget="top 100 %", every=10_000)
    partition.take(lines[:restart_at])
    partition.restart(lines)
    partition.take(lines[restart_at:])
    partition.take(lines_of(["other"] * 150, first=150))
    assert {("logs/-rare", offset) for offset in range(10)} <= set(partition.flagged())
    assert len(set(partition.flagged())) == len(partition.flagged())


@pytest.mark.parametrize("restarts", [(130,), (40, 90, 700), (601, 603, 1_150)])
def test_a_worker_that_goes_on_from_the_store_does_as_one_that_was_never_interrupted(restarts):
    """The same lines to the same sources, and each flagged at most once."""
    rng = np.random.default_rng(3)
    names = [f"s{n}" for n in range(12)]
    early, late = rng.permutation(12), rng.permutation(12)
    share = 1 / np.arange(1, 13) ** 1.2
    share /= share.sum()
    services = [names[early[n]] for n in rng.choice(12, 600, p=share)]
    services += [names[late[n]] for n in rng.choice(12, 700, p=share)]
    lines = lines_of(services)
    whole, broken = (Partition(most=4, alert_budget="top 20 %") for _ in range(2))
    whole.take(lines)
    done = 0
    for at in (*restarts, len(lines)):
        broken.take(lines[done:at])
        done = at
        broken.restart(lines)
    assert broken.lines_by_source() == whole.lines_by_source()
    assert len(set(broken.flagged())) == len(broken.flagged())
    assert RARE in {name.partition("/")[2] for name in whole.lines_by_source()}
    scored = {source for source, _ in whole.flagged()}
    assert scored == {source for source, _ in broken.flagged()}


def test_a_restart_reads_from_the_last_snapshot_however_rare_a_source_is():
    services = ["rare"] * 3 + ["busy"] * 1_000
    lines = lines_of(services)
    partition = Partition(every=200)
    partition.take(lines)
    assert partition.restart(lines) >= 400
    assert partition.sources.reader == b"of the reader"
    rare = lines_of(["rare"] * 70, first=1_003)
    partition.take(rare)
    seen = [part for changes in partition.steps for part in [changes.parts.get("rare")] if part]
    assert seen[-1].warmup is None, "its three lines waited all the time"
    assert partition.store.stats("logs/rare").warming_up == 0


def test_bytes_of_snapshots_a_line_do_not_grow_with_the_number_of_sources():
    def snapshots(sources: int) -> int:
        partition = Partition(every=100, most=20)
        partition.take(lines_of([f"s{n % sources}" for n in range(2_000)]))
        return sum(part.snapshot is not None for step in partition.steps for part in step.parts.values())

    assert snapshots(1) <= 21
    assert snapshots(10) <= 30


def test_a_source_without_new_lines_is_not_saved_again():
    partition = Partition(every=50)
    partition.take(lines_of(["a", "b"] * 25))
    step = partition.take(lines_of(["a"] * 50, first=50))
    assert [name for name, part in step.parts.items() if part.snapshot] == ["a"]
    assert partition.restart() == 100


def test_time_ends_the_warm_ups_that_are_due_without_a_further_line():
    partition = Partition(warmup=512, warmup_seconds=60)
    texts = crowd(80)
    texts[31] = OUTLIER
    partition.take(lines_of(["a", "b"] * 40, texts), now=1_000.0)
    partition.take(lines_of(["b"] * 10, texts[1:21:2], first=80), now=1_050.0)
    assert (partition.sources.due(1_059.0), partition.sources.due(1_060.0)) == (False, True)
    changes = partition.step(90)
    partition.sources.tick(1_060.0, changes)
    partition.apply(changes)
    assert ("logs/b", 31) in partition.flagged()
    assert not partition.sources.due(9e9)
    assert partition.store.stats("logs/a").warmups == partition.store.stats("logs/b").warmups == {}
    assert (changes.all_lines, partition.store.stats("logs/a").warming_up) == (0, 0)


def test_lines_of_one_source_end_the_warm_up_of_another_that_time_ends():
    partition = Partition(warmup=512, warmup_seconds=60)
    partition.take(lines_of(["a"] * 40), now=1_000.0)
    step = partition.take(lines_of(["b"], first=40), now=1_060.0)
    assert (step.parts["a"].warmup, step.parts["a"].lines, step.parts["b"].warming_up) == (None, 0, 1)
    assert partition.store.stats("logs/a").warmups == {}


def test_a_tick_that_nothing_is_due_at_keeps_what_waits():
    partition = Partition(by="topic")
    partition.take(lines_of(["a"] * 10), now=1_000.0)
    changes = partition.step(10)
    partition.sources.tick(1_001.0, changes)
    assert (changes.warming_up, changes.waiting_from, changes.warmup) == (10, 0, Warmup(10, 64, 4_600, 32))


def test_what_ended_by_time_after_the_last_snapshot_is_not_flagged_again_after_a_restart():
    lines = lines_of(["a"] * 60, [*crowd(30), OUTLIER, *crowd(29)])
    partition = Partition(warmup=512, warmup_seconds=60)
    partition.take(lines, now=1_000.0)
    changes = partition.step(60)
    partition.sources.tick(1_100.0, changes)
    partition.apply(changes)
    assert ("logs/a", 30) in partition.flagged()
    partition.restart(lines)
    assert partition.sources.due(1_200.0)
    changes = partition.step(60)
    partition.sources.tick(1_200.0, changes)
    partition.apply(changes)
    assert len(set(partition.flagged())) == len(partition.flagged())


@pytest.mark.parametrize(
    ("before", "after"), [("topic", "service"), ("service", "topic"), ("service", "team")]
)
def test_a_memory_of_another_setting_is_learned_anew(before, after):
    lines = lines_of(["a", "b"] * 100)
    partition = Partition(by=before)
    partition.take(lines)
    partition.options["by"] = after
    with pytest.raises(ValueError, match="detector state has scope"):
        make(after).restore(partition.store.stored("logs", 0, 9))
    partition.restart(lines)
    partition.take(lines_of(["a", "b"] * 100, first=200))
    assert partition.restart() > 0
    kept = {name for name, part in partition.store.stored("logs", 0, 1).sources.items() if part.snapshot}
    assert kept == {"topic": set(), "service": {"a", "b"}, "team": {"-none"}}[after]


def test_fewer_seats_than_before_lose_no_line_that_waits():
    partition, lines = Partition(most=3, alert_budget="top 100 %"), lines_of(["a", "b", "c"] * 20)
    partition.take(lines)
    partition.options["most"] = 1
    partition.restart(lines)
    partition.take(lines_of(["a", "b", "c"] * 50, first=60))
    assert set(range(60)) <= {offset for _, offset in partition.flagged()}


def test_a_lost_snapshot_of_a_source_whose_lines_wait_is_no_usable_memory():
    partition = Partition()
    partition.take(lines_of(["a"] * 10))
    stored = partition.store.stored("logs", 0, 1)
    assert stored.sources["a"].waiting_from == 0
    lost = {"a": replace(stored.sources["a"], snapshot=None)}
    with pytest.raises(ValueError, match="source a has lines that wait"):
        make().restore(replace(stored, sources=lost))
    with pytest.raises(ValueError, match="no snapshot"):
        make().restore(Stored(10))


def test_a_source_that_the_store_forgot_begins_anew():
    partition = Partition()
    lines = lines_of(["a", "b"] * 100)
    partition.take(lines)
    stored = partition.store.stored("logs", 0, 1)
    sources = make()
    sources.restore(replace(stored, sources={"a": stored.sources["a"]}))
    changes = Changes("logs", 0, 200, 300)
    more = lines_of(["a", "b"] * 50, first=200)
    sources.process(batch_of(more), changes)
    assert (changes.parts["a"].warmup, changes.parts["b"].warming_up) == (None, 50)


def test_snapshots_take_a_small_share_of_what_is_read():
    partition = Partition(by="topic", every=1)
    partition.take(lines_of(["api"] * 50))
    least, sources = int(len(partition.steps[-1].snapshot) / SNAPSHOT_SHARE), partition.sources
    sources.process(batch_of(lines_of(["api"] * 10, first=50)), partition.step(60))
    assert not sources.snapshot_due(1, read=least - 10)
    assert sources.snapshot_due(1, read=20)
    assert not sources.snapshot_due(1_000)
