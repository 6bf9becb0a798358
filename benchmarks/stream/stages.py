"""Where a worker's time goes: its threads are looked at every few milliseconds, and what they are in is counted.

``python -m benchmarks.stream.stages COUNTS`` runs ``secencoder worker`` and writes the counts to a file every second.
A thread counts for the stage of the innermost frame that belongs to one, one that waits for work not at all; two
threads that work at once count twice. Compiled and native code counts for whoever called it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

COMMAND = ("-m", "benchmarks.stream.stages")
LOOK_SECONDS = 0.003
WRITE_SECONDS = 0.5
STAGES = (
    ("connectors/envelopes", "reading"),
    ("connectors/formats", "reading"),
    ("detection/reading", "reading"),
    ("detection/ahead", "reading"),
    ("detection/arriving", "reading"),
    ("detection/lines", "reading"),
    ("encoder_core/templates", "templates"),
    ("detection/matching", "templates"),
    ("detection/matches", "templates"),
    ("detection/choosing", "templates"),
    ("detection/layouts", "templates"),
    ("detection/batch", "arrays of a batch"),
    ("detection/columns", "arrays of a batch"),
    ("detection/hashing", "arrays of a batch"),
    ("detection/spans", "arrays of a batch"),
    ("detection/table", "arrays of a batch"),
    ("detection/wording", "arrays of a batch"),
    ("encoder_core/", "encoding"),
    ("detection/embedding", "encoding"),
    ("detection/knowledge", "patterns"),
    ("detection/patternbook", "patterns"),
    ("detection/forms", "patterns"),
    ("detection/frames", "patterns"),
    ("detection/detectors", "kinds of surprise"),
    ("detection/policy", "alerts"),
    ("detection/pace", "alerts"),
    ("detection/quantile", "alerts"),
    ("detection/texts", "alerts"),
    ("stream_processors/alerts", "alerts"),
    ("detection/windows", "windows"),
    ("detection/selection", "windows"),
    ("detection/merging", "windows"),
    ("detection/snapshot", "snapshots"),
    ("stream_processors/detection", "detection, rest"),
    ("connectors/redis", "store"),
    ("site-packages/redis", "store"),
    ("site-packages/aiokafka", "fetching and committing"),
    ("stream_processors/delivery", "delivery"),
    ("site-packages/faust", "delivery"),
    ("site-packages/mode", "delivery"),
    ("asyncio/", "event loop"),
)
"""The first part of a file's path that fits says the stage."""
WAITING = {
    ("selectors.py", "select"),
    ("thread.py", "_worker"),
    ("threading.py", "wait"),
    ("threading.py", "_wait"),
}
"""Innermost frames of a thread that has nothing to do."""


def stage_of(frame: FrameType | None) -> str | None:
    """The stage of a thread's frames; None for one that waits."""
    if frame is not None and (Path(frame.f_code.co_filename).name, frame.f_code.co_name) in WAITING:
        return None
    while frame is not None:
        path = frame.f_code.co_filename
        for part, stage in STAGES:
            if part in path:
                return stage
        frame = frame.f_back
    return None


def watch(path: Path) -> None:
    """Counts for as long as the process lives."""
    counts: Counter[str] = Counter()
    written, own = 0.0, threading.get_ident()
    while True:
        time.sleep(LOOK_SECONDS)
        for thread, frame in sys._current_frames().items():
            if thread != own and (stage := stage_of(frame)) is not None:
                counts[stage] += 1
        if time.monotonic() > written + WRITE_SECONDS:
            written = time.monotonic()
            part = path.with_suffix(".part")
            part.write_text(json.dumps(counts))
            os.replace(part, path)


def shares(before: dict[str, int], after: dict[str, int]) -> dict[str, float]:
    """Stage to its share of what was counted between two looks at the file, largest first."""
    counted = {stage: count - before.get(stage, 0) for stage, count in after.items()}
    total = sum(counted.values()) or 1
    return {stage: count / total for stage, count in sorted(counted.items(), key=lambda item: -item[1])}


def main() -> None:
    path = Path(sys.argv[1])
    threading.Thread(target=watch, args=(path,), daemon=True).start()
    from stream_processors.cli import main as cli

    sys.argv[1:] = ["worker", "--log-level", "warning"]
    cli()


if __name__ == "__main__":
    main()
