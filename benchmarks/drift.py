"""How often generated logs that stay the same are called drift, and whether logs that change are.

A month of ordinary lines for each of some seeds, asked on each of its days as ``secencoder query drift`` asks; then ten
days of which the last one is changed: a release that says the same in other words, a new service, a new format, a
device that speaks a language no model was trained on. Lines of sshd are left out: which year they are of depends on
today's.
Run: python -m benchmarks.drift [--seeds 4] [--lines 400] [--plot FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from connectors.days import DAY
from connectors.findings import Changes
from connectors.memory import MemoryStore
from connectors.records import Message
from connectors.store import Store
from encoder_core import Encoder
from stream_processors.answers.drift import Drift, drift
from stream_processors.cli.query_drift import show
from stream_processors.demo.scenario import START, scenario
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.reading import LineReader, Step
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources

RESULTS = Path(__file__).parent / "results" / "drift.csv"
FIRST = int(START // DAY)
"""The first day, since the epoch."""
MONTH, LAST = 30, 9
"""Days of a month that stays the same; the day of a change."""
STEP_LINES = 4_000
MODEL = "m"
Change = Callable[[str, random.Random], str]


def lines_of(days: int, seed: int, per_day: int, change: Change | None = None) -> list[Message]:
    """Whole days of ordinary lines, about ``per_day`` each; the last day's are changed."""
    start, end, draw = float(FIRST * DAY), (FIRST + days) * DAY, random.Random(seed)
    made = scenario(lines=2 * days * per_day, seed=seed, rate=per_day / DAY, start=start, attack=False)
    kept = (one for one in takewhile(lambda one: one.time < end, made) if one.system != "sshd")
    return [
        Message(
            at,
            one.time,
            (one.line if change is None or one.time < end - DAY else change(one.line, draw)).encode(),
        )
        for at, one in enumerate(kept)
    ]


WORDS_OF_A_RELEASE = {
    "session opened": "login started",
    "session closed": "login ended",
    "query:": "lookup:",
    "Started": "Launched",
    "Created container": "Prepared container",
    "Order": "Purchase",
    "accepted": "confirmed",
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


def release(text: str, draw: random.Random) -> str:
    """The same in other words, which the model knows."""
    for before, now in WORDS_OF_A_RELEASE.items():
        text = text.replace(before, now)
    return text


def service(text: str, draw: random.Random) -> str:
    """One line in six is of a service that was not there."""
    if draw.random() > 1 / 6:
        return text
    number = draw.randrange(1_000)
    said = (
        f"payment {number} authorised for merchant",
        f"refund {number} queued",
        f"invoice {number} paid late",
    )
    return json.dumps({"service": "payments", "level": "info", "message": draw.choice(said)})


def format_(text: str, draw: random.Random) -> str:
    """The web server's lines become JSON."""
    found = re.match(r'(\S+) - (\S+) \[(.*?)\] "(\S+) (\S+) (\S+)" (\d+) (\d+)', text)
    if not found:
        return text
    names = ("caller", "login", "at", "verb", "target", "protocol", "outcome", "sent")
    return json.dumps(dict(zip(names, found.groups(), strict=True)))


def language(text: str, draw: random.Random) -> str:
    """One line in eight is of a device that speaks German."""
    if draw.random() > 1 / 8:
        return text
    said = random.Random(draw.randrange(20))
    return f"Gerät {draw.randrange(9)}: {' '.join(said.choices(GERMAN, k=4))} Wert={draw.randrange(999)}"


CHANGES: dict[str, Change] = {
    "release": release,
    "service": service,
    "format": format_,
    "language": language,
}


class Partition:
    """A partition of a topic on its way through detection into a store."""

    def __init__(self, store: Store, pipeline: Pipeline, source: str = "logs", number: int = 0) -> None:
        self.store, self.pipeline, self.source, self.number = store, pipeline, source, number
        self.applied: int | None = None
        self.detector = self._new()

    def _new(self) -> Sources:
        settings = DetectionSettings(warmup=64)
        return Sources(self.source, self.number, self.pipeline.table.dim, settings, model=MODEL)

    def _read(self, messages: Sequence[Message]) -> Iterator[Step]:
        reader = LineReader()
        for at in range(0, len(messages), STEP_LINES):
            part = messages[at : at + STEP_LINES]
            reader.add(part, part[-1].offset + 1)
            while (found := reader.step(STEP_LINES)) is not None:
                yield found

    def take(self, messages: Sequence[Message], *, snapshot: bool = False) -> None:
        """Applies messages in steps."""
        for step in self._read(messages):
            changes = Changes(self.source, self.number, expected=self.applied, end=step.end)
            self.pipeline.process(step.lines, self.detector, changes, step.failed)
            if snapshot:
                self.detector.snapshot(step.end, changes)
            self.detector.decided(self.store.apply(changes))
            self.applied = step.end

    def die_and_come_back(self, messages: Sequence[Message]) -> None:
        """Goes on from the last snapshot, and learns again what was applied since."""
        stored = self.store.stored(self.source, self.number, 4)
        self.detector, self.applied = self._new(), stored.applied
        offset = self.detector.restore(stored)
        since = [one for one in messages if offset <= one.offset < (stored.applied or 0)]
        for step in self._read(since):
            self.pipeline.relearn(step.lines, self.detector)


def after(store: Store, day: int, source: str = "logs", *, period: int = 1, reference: int = 7) -> Drift:
    """What is said when a day is over, counted from the first."""
    return drift(store, source, until=(FIRST + day + 1) * DAY + 60.0, period=period, reference=reference)


def drifted(found: Drift) -> list[str]:
    """The names of the measures that are over their limits."""
    return [one.name for one in found.measures if one.drifted]


def rows(pipeline: Pipeline, seeds: int, per_day: int, folder: Path | None) -> Iterator[list[object]]:
    """A row for each month, and each change."""
    for seed in range(1, seeds + 1):
        for name, change in {"nothing": None, **CHANGES}.items():
            store = MemoryStore(clock=lambda: (FIRST + MONTH + 1.0) * DAY)
            days = range(MONTH) if change is None else [LAST]
            messages = lines_of(days[-1] + 1, seed, per_day, change)
            Partition(store, pipeline).take(messages)
            told = [found for found in (after(store, day) for day in days) if found.measures]
            alarms = dict.fromkeys(name for found in told for name in drifted(found))
            yield [name, seed, len(messages), len(told), sum(one.retrain for one in told), "; ".join(alarms)]
            if seed > 1:
                continue
            show(replace(told[-1], source=name))
            if folder is not None:
                from stream_processors.cli.drift_plot import draw

                draw([replace(told[-1], source=name)], folder / f"drift-{name}.png")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--lines", type=int, default=400, help="a day")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="for the first seed's plots")
    options = parser.parse_args(arguments)
    encoder = Encoder.from_path()
    pipeline = Pipeline(encoder, count_words=encoder.count_words)
    table: list[list[object]] = [["changed", "seed", "lines", "days asked", "retrain advised", "drifted"]]
    print(*table[0], sep=",")
    for row in rows(pipeline, options.seeds, options.lines, options.plot):
        table.append(row)
        print(*row, sep=",", flush=True)
    with RESULTS.open("w", newline="") as stream:
        csv.writer(stream).writerows(table)


if __name__ == "__main__":
    main()
