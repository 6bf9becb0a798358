"""What a ``Detector`` costs: bytes of its memory and of its state, and CPU a line, on the generated logs.

Each of ``--detectors`` detectors of one pool takes other lines; memory is what the process grows by for each. Linux
only. Run: python -m benchmarks.library
"""

from __future__ import annotations

import argparse
import gc
import time
from pathlib import Path

from stream_processors.demo.scenario import scenario
from stream_processors.pool import DetectorPool

CALL_LINES = 500


def rss() -> int:
    """Resident memory of the process, in bytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096


def main() -> None:
    """Prints a row for each number of lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detectors", type=int, default=8)
    parser.add_argument("--lines", type=int, nargs="+", default=[100, 1_000, 5_000])
    options = parser.parse_args()
    pool = DetectorPool(most=options.detectors + 1)
    pool["first"].process([line.line for line in scenario(lines=2_000, seed=1)])
    before, done = rss(), 0
    print(
        "| lines of each | memory of each, MB | state, bytes | templates | CPU a line, us |\n|---|---|---|---|---|"
    )
    for count in options.lines:
        started = time.process_time()
        for number in range(options.detectors):
            lines = [line.line for line in scenario(lines=count, seed=2 + number)][done:]
            for begin in range(0, len(lines), CALL_LINES):
                pool[str(number)].process(lines[begin : begin + CALL_LINES])
        seconds = (time.process_time() - started) / (options.detectors * (count - done))
        each, detector = (rss() - before) / options.detectors, pool["0"]
        state, templates = len(detector.state()), len(detector.templates())
        print(f"| {count:,} | {each / 1e6:.1f} | {state:,} | {templates} | {seconds * 1e6:.0f} |", flush=True)
        done = count


if __name__ == "__main__":
    main()
