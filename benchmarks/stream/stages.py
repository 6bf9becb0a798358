"""Where a worker's CPU time goes: its threads are looked at every few milliseconds, and what each used since counts.

``python -m benchmarks.stream.stages SECONDS`` runs ``secencoder worker`` and writes seconds by stage to a file, twice
a second. A thread's time counts for the stage of the innermost frame that belongs to one. Compiled and native code
counts for whoever called it. Time that a thread waits, for work, a core or Python's lock, counts for nobody: compiled
code lets go of that lock, and who takes it up again would seem to work while others do. On Linux.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import defaultdict
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
THREAD_CLOCK = 6
"""Bits of a clock's number that say: of one thread, what the scheduler gave it."""
WAITING = {
    ("selectors.py", "select"),
    ("thread.py", "_worker"),
    ("threading.py", "wait"),
    ("threading.py", "_wait"),
}
"""Innermost frames of a thread that has nothing to do: what it used since the last look is of what it did before."""


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


def cpu_seconds(native_id: int) -> float:
    """CPU time of a thread of this process, by the id that Linux has for it; 0 for one that has ended."""
    try:
        return time.clock_gettime((~native_id << 3) | THREAD_CLOCK)
    except OSError:
        return 0.0


class Looker:
    """Adds what threads use to the stages that they are in."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._used: dict[int, float] = {}
        self._last: dict[int, str] = {}

    def look(self) -> None:
        """Counts what each thread has used since the last look."""
        frames = sys._current_frames()
        for thread in threading.enumerate():
            number = thread.native_id
            if thread.ident == threading.get_ident() or number is None:
                continue
            used, before = cpu_seconds(number), self._used.get(number)
            stage = stage_of(frames.get(thread.ident or 0)) or self._last.get(number)
            self._used[number] = used
            if stage is not None:
                self._last[number] = stage
                if before is not None:
                    self.seconds[stage] += max(0.0, used - before)


def watch(path: Path) -> None:
    """Counts for as long as the process lives."""
    looker, written = Looker(), 0.0
    while True:
        time.sleep(LOOK_SECONDS)
        looker.look()
        if time.monotonic() > written + WRITE_SECONDS:
            written = time.monotonic()
            part = path.with_suffix(".part")
            part.write_text(json.dumps(looker.seconds))
            os.replace(part, path)


def shares(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Stage to its share of the CPU time between two looks at the file, largest first."""
    used = {stage: seconds - before.get(stage, 0.0) for stage, seconds in after.items()}
    total = sum(used.values()) or 1.0
    return {stage: seconds / total for stage, seconds in sorted(used.items(), key=lambda item: -item[1])}


def main() -> None:
    path = Path(sys.argv[1])
    threading.Thread(target=watch, args=(path,), daemon=True).start()
    from stream_processors.cli import main as cli

    sys.argv[1:] = ["worker", "--log-level", "warning"]
    cli()


if __name__ == "__main__":
    main()
