"""Prints the digest of an hour in which an attack ends, of generated logs: the example of docs/digest.md.

Run: python -m benchmarks.digest [--tokens N]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from connectors.envelopes import ReadingSettings
from connectors.findings import Changes
from connectors.memory import MemoryStore
from connectors.records import Message
from encoder_core import Encoder
from stream_processors.alerts.folding import fold
from stream_processors.answers.digest import digest
from stream_processors.answers.prompt import prompt
from stream_processors.demo.scenario import scenario
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.reading import LineReader
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources

SOURCE, LINES, RATE, AFTER, STEP = "logs", 24_000, 1.5, 200, 500
"""Lines a second; lines after the attack's last one; lines of a step."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=2_000)
    options = parser.parse_args(arguments)
    lines = list(scenario(lines=LINES, rate=RATE))
    lines = lines[: max(place for place, one in enumerate(lines) if one.attack) + AFTER]
    encoder, settings = Encoder.from_path(None), DetectionSettings(alert_budget="20 an hour")
    store, pipeline = MemoryStore(clock=lambda: lines[-1].time), Pipeline(encoder)
    detector = Sources(SOURCE, 0, encoder.dim, settings, model=encoder.bundle.identity)
    reader = LineReader(ReadingSettings(time="kafka"))
    reader.add([Message(at, one.time, one.line.encode()) for at, one in enumerate(lines)], len(lines))
    applied = None
    while (step := reader.step(STEP)) is not None:
        changes = Changes(SOURCE, 0, expected=applied, end=step.end)
        pipeline.process(step.lines, detector, changes, step.failed)
        fold(changes)
        detector.decided(store.apply(changes))
        applied = changes.end
    k, seconds = settings.window_lines, settings.window_seconds
    found = digest(store, SOURCE, since=None, now=lines[-1].time, k=k, seconds=seconds)
    print(prompt(found, options.tokens), end="")


if __name__ == "__main__":
    main()
