"""The command: python -m benchmarks.detection."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from benchmarks.detection.invented import ENVELOPED, ENVELOPES, SEEDS, invented_streams
from benchmarks.detection.keeping import encoder
from benchmarks.detection.measures import Measures, measure
from benchmarks.detection.methods import Method, methods
from benchmarks.detection.published import with_first_version
from benchmarks.detection.real import real_streams
from benchmarks.detection.report import publish, show, summarise, summary
from benchmarks.detection.streams import Made, Stream

DATA = Path("../shared/eval")
QUICK_LINES, QUICK_ENVELOPES = 4_000, ("filebeat", "otlp_json")
Found = dict[tuple[str, str, str, str], list[Measures]]


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def streams(options: argparse.Namespace) -> Iterator[Stream]:
    """The streams of a run, one at a time."""
    real: Iterator[Made] = iter(())
    if options.data.is_dir():
        real = real_streams(options.data)
    else:
        note(f"{options.data}: no such folder, so the sets of real systems are left out (--data)")
    seeds, envelopes = (options.seeds[:1], QUICK_ENVELOPES) if options.quick else (options.seeds, ENVELOPES)

    def wanted(name: str) -> bool:
        return any(part in name for part in options.sets or [""])

    for names, make in chain(real, invented_streams(seeds, envelopes)):
        for stream in make() if any(map(wanted, names)) else ():
            if wanted(stream.name):
                yield stream.first(QUICK_LINES) if options.quick else stream


def run(stream: Stream, method: Method, found: Found) -> None:
    """Adds what a method is worth on a stream, unless it can't take it."""
    started = time.monotonic()
    if len(stream) > method.most:
        note(f"  {method.name} is left out: more than {method.most:,} lines")
        return
    scores = method.scores(stream)
    note(f"  {method.name}: {time.monotonic() - started:.1f} s")
    key = (stream.family, stream.name, method.name, method.role)
    found.setdefault(key, []).append(measure(stream, scores))


def chosen(options: argparse.Namespace) -> list[Method]:
    """The methods of a run; says which ones are left out."""
    some = [method for method in methods() if method.quick or not options.quick]
    if options.methods:
        some = [method for method in some if any(name in method.name for name in options.methods)]
    for method in some:
        if method.missing:
            note(f"{method.name} is left out: the package {method.missing} is not installed")
    return [method for method in some if not method.missing]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with labelled/, loghub/ and alerts")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_LINES:,} lines of each, the fast methods"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--sets", nargs="+", help="only sets whose names contain one of these")
    parser.add_argument("--methods", nargs="+", help="only methods whose names contain one of these")
    parser.add_argument(
        "--publish", action="store_true", help="write the files also of a quick or partial run"
    )
    parser.add_argument("--dry", action="store_true", help="write no file")
    options = parser.parse_args(arguments)
    some = chosen(options)
    found: Found = {}
    for stream in streams(options):
        started = time.monotonic()
        for method in some:
            if method.quick or stream.name != ENVELOPED:
                run(stream, method, found)
        encoder().save()
        note(f"{stream.name} {stream.variant}: {len(stream):,} lines, {time.monotonic() - started:.1f} s")
    rows = with_first_version(summarise(found))
    show(rows)
    print(summary(rows))
    if options.publish or not (options.dry or options.quick or options.sets or options.methods):
        publish(rows)


if __name__ == "__main__":
    main()
