"""A program that uses the library: typed, which ``make types`` checks, and run by ``test_detector``."""

from __future__ import annotations

from stream_processors import Detector, DetectorPool, Failure, Late, Result, Results


def scores(detector: Detector, lines: list[str]) -> dict[tuple[int, int], float]:
    """The score of each line, by its identity, when all have come."""
    found: dict[tuple[int, int], float] = {}
    results: Results = detector.process(lines, timestamps=0.0)
    for result in results:
        if not result.waiting:
            found[result.offset, result.index] = result.score
    for late in [*results.late, *detector.flush().late]:
        found[late.offset, late.index] = late.score
    return found


def flagged(results: Results) -> list[str]:
    """Why lines are flagged."""
    marked: list[Result] = [result for result in results if result.flagged]
    return [f"{one.template_id} {one.reasons[0].text}: {one.text}" for one in marked]


def places(late: list[Late], failed: list[Failure]) -> list[int]:
    """Where to look."""
    return [one.offset for one in late] + [one.line.offset for one in failed]


def restarted(detector: Detector) -> Detector:
    """One that goes on from it."""
    state: bytes = detector.state()
    return Detector.load(state, engine=detector.engine)


def by_tenant(pool: DetectorPool, lines: dict[str, list[bytes | str]]) -> dict[str, int]:
    """Alerts of each tenant."""
    return {tenant: len(pool[tenant].process(own).alerts) for tenant, own in lines.items()}
