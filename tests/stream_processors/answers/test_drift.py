"""Drift of generated logs in a real store: none in a month that stays the same, and the right one when lines change."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, replace
from itertools import takewhile

import pytest

from connectors.days import DAY
from connectors.findings import Changes
from connectors.records import Message
from encoder_core import Encoder
from stream_processors.answers.drift import GONE, LINES, SCORES, TEMPLATES, UNLIKE, WORDS, drift
from stream_processors.demo.scenario import START, scenario
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.reading import LineReader
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources
from tests.connectors.conftest import redis_store  # noqa: F401

FIRST = int(START // DAY)
MODEL = "m"
SETTINGS = DetectionSettings(warmup=64)
PER_DAY = 200


@pytest.fixture(scope="module")
def pipeline():
    encoder = Encoder.from_path()
    return Pipeline(encoder, count_words=encoder.count_words)


@pytest.fixture
def store(redis_store):  # noqa: F811
    return redis_store(clock=lambda: (FIRST + 31) * DAY)


def lines_of(days: int, seed: int, per_day: int = PER_DAY) -> list[Message]:
    """Whole days of ordinary lines, without those of sshd: which year they are of depends on today's."""
    rate, start, end = per_day / DAY, float(FIRST * DAY), (FIRST + days) * DAY
    made = scenario(lines=2 * days * per_day, seed=seed, rate=rate, start=start, attack=False)
    of_days = takewhile(lambda one: one.time < end, made)
    return [
        Message(at, one.time, one.line.encode()) for at, one in enumerate(of_days) if one.system != "sshd"
    ]


@dataclass
class Partition:
    """A partition of a topic on its way through detection into a store."""

    store: object
    pipeline: Pipeline
    source: str = "logs"
    number: int = 0
    applied: int | None = None

    def __post_init__(self) -> None:
        self.detector = Sources(self.source, self.number, self.pipeline.table.dim, SETTINGS, model=MODEL)

    def read(self, messages, step: int = 4_000):
        reader = LineReader()
        for at in range(0, len(messages), step):
            part = messages[at : at + step]
            reader.add(part, part[-1].offset + 1)
            while (found := reader.step(step)) is not None:
                yield found

    def take(self, messages, *, snapshot: bool = False) -> None:
        for step in self.read(messages):
            changes = Changes(self.source, self.number, expected=self.applied, end=step.end)
            changes.now = step.lines[-1].timestamp
            assert not self.pipeline.process(step.lines, self.detector, changes, step.failed)
            if snapshot:
                self.detector.snapshot(step.end, changes)
            self.detector.decided(self.store.apply(changes))
            self.applied = step.end

    def die_and_come_back(self, messages) -> None:
        stored = self.store.stored(self.source, self.number, 4)
        self.__post_init__()
        offset = self.detector.restore(stored)
        for step in self.read([one for one in messages if offset <= one.offset < stored.applied]):
            self.pipeline.relearn(step.lines, self.detector)
        self.applied = stored.applied


def after(store, day: int, source: str = "logs", **options):
    """What is said when a day is over."""
    return drift(store, source, until=(FIRST + day + 1) * DAY + 60.0, **options)


def drifted(found) -> set[str]:
    return {one.name for one in found.measures if one.drifted}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_month_that_stays_the_same_is_no_drift_on_any_day(store, pipeline, seed):
    Partition(store, pipeline).take(lines_of(30, seed))
    told = [after(store, day) for day in range(30)]
    assert [(one.retrain, drifted(one)) for one in told] == [(False, set())] * 30
    assert [len(one.measures) for one in told] == [0] * 4 + [6] * 26
    assert told[0].because == "0 days to compare with, at least 3 are needed"
    assert told[29].because == "nothing drifted"
    assert all(measure.now is not None for one in told[4:] for measure in one.measures)
    week = after(store, 29, period=7, reference=21)
    assert (week.retrain, drifted(week), len(week.days.now)) == (False, set(), 7)


WORDS_OF_A_RELEASE = {
    "Accepted": "Granted",
    "session opened": "login started",
    "session closed": "login ended",
    "query:": "lookup:",
    "Started": "Launched",
    "Created container": "Prepared container",
    "Connection closed": "Link shut",
    "Order": "Purchase",
}
GERMAN = (
    "Sicherung",
    "Störung",
    "behoben",
    "Netzteil",
    "Ventil",
    "Druck",
    "Grenzwert",
    "quittiert",
    "Anlage",
)


def rollout(text: str, draw: random.Random) -> str:
    """A release that says the same in other words, which the model knows."""
    for before, now in WORDS_OF_A_RELEASE.items():
        text = text.replace(before, now)
    return text


def new_service(text: str, draw: random.Random) -> str:
    """One line in six is of a service that was not there."""
    if draw.random() > 1 / 6:
        return text
    number = draw.randrange(1_000)
    message = draw.choice(
        [
            f"payment {number} authorised for merchant",
            f"refund {number} queued",
            f"invoice {number} paid late",
        ]
    )
    return json.dumps({"service": "payments", "level": "info", "message": message})


def new_format(text: str, draw: random.Random) -> str:
    """The web server's lines become JSON."""
    found = re.match(r'(\S+) - (\S+) \[(.*?)\] "(\S+) (\S+) (\S+)" (\d+) (\d+)', text)
    if not found:
        return text
    names = ("caller", "login", "at", "verb", "target", "protocol", "outcome", "sent")
    return json.dumps(dict(zip(names, found.groups(), strict=True)))


def new_language(text: str, draw: random.Random) -> str:
    """One line in eight is of a device that speaks German."""
    if draw.random() > 1 / 8:
        return text
    said = random.Random(draw.randrange(20))
    return f"Gerät {draw.randrange(9)}: {' '.join(said.choices(GERMAN, k=4))} Wert={draw.randrange(999)}"


@pytest.mark.parametrize(
    ("change", "measures", "never", "retrain"),
    [
        (rollout, {LINES, TEMPLATES, GONE}, {UNLIKE, WORDS}, False),
        (new_service, {LINES, UNLIKE}, {GONE}, True),
        (new_format, {LINES, GONE, UNLIKE}, set(), True),
        (new_language, {LINES, WORDS}, {GONE}, True),
    ],
)
def test_what_changes_is_told_on_its_day_by_the_right_measures(
    store, pipeline, change, measures, never, retrain
):
    draw, days = random.Random(5), 9
    messages = [
        one
        if one.timestamp < (FIRST + days) * DAY
        else replace(one, value=change(one.value.decode(), draw).encode())
        for one in lines_of(days + 1, 3, per_day=400)
    ]
    Partition(store, pipeline).take(messages)
    before, found = after(store, days - 1), after(store, days)
    assert (before.retrain, drifted(before)) == (False, set())
    assert drifted(found) >= measures
    assert not drifted(found) & never
    assert found.retrain is retrain
    names = {WORDS, UNLIKE} & drifted(found) if retrain else measures
    assert all(name in found.because for name in names)


def counts(store, last: int, source: str = "logs"):
    """All that is counted of days, without how scores are spread: each partition has its own."""
    return [replace(one, scores=(sum(one.scores),)) for one in store.days(source, last)]


def test_four_partitions_count_what_one_does_and_a_restart_loses_and_doubles_nothing(store, pipeline):
    messages, last = lines_of(4, 4), FIRST + 4
    of_days = [[one for one in messages if one.timestamp // DAY == FIRST + day] for day in range(4)]
    one, two = Partition(store, pipeline, "one"), Partition(store, pipeline, "restarted")
    four = [Partition(store, pipeline, "four", number) for number in range(4)]
    for day, part in enumerate(of_days):
        one.take(part)
        for partition in four:
            partition.take(part[partition.number :: 4])
        two.take(part[:150], snapshot=True)
        two.take(part[150:])
        if day < 3:
            two.die_and_come_back(messages)
    assert counts(store, last, "one") == counts(store, last, "four")
    assert counts(store, last, "one") == counts(store, last, "restarted")
    assert sum(day.lines for day in store.days("four", last)) == store.stats("four").lines > 600
    scored = store.days("one", last)
    assert all(sum(day.scores) == day.lines for day in scored)
    assert SCORES not in drifted(after(store, 3, "four"))


def test_days_of_another_model_and_days_without_lines_are_not_compared_with(store):
    end = None
    for day in range(10):
        changes = Changes("logs", 0, expected=end, end=day + 1)
        model = "old" if day < 4 else MODEL
        lines = 0 if day == 6 else 50 if day == 8 else 500
        changes.days = {FIRST + day: {f"lines:{model}": lines, "words": 9 * lines}} if lines else {}
        store.apply(changes)
        end = day + 1
    found = after(store, 9)
    assert [one.day - FIRST for one in found.days.before] == [
        4,
        5,
    ]  # 7 is after a day without lines, 8 has few
    assert found.because == "2 days to compare with, at least 3 are needed"
    assert after(store, 8).because == "50 lines, at least 100 of one model are needed"
    assert after(store, 30).because == "0 lines, at least 100 of one model are needed"
