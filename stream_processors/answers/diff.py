"""Two environments that read the same lines, with other settings or another model: what differs in their answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.findings import Anomaly, Pattern, Reason
from connectors.replays import Plan
from connectors.store import Store
from stream_processors.answers.queries import readable

MOST_FLAGGED = 10_000
"""Flagged lines of a source that are compared, the latest."""
LEAST_FACTOR = 1.25
"""A pattern's share differs when one is so many times the other."""
LEAST_SCORE = 0.005
"""Scores that differ by less are shown as equal."""

Place = tuple[int, int, int]
"""Partition, offset and index: a line's identity."""


@dataclass(frozen=True)
class Side:
    """Totals of one environment."""

    env: str
    model: str
    lines: int
    dead_letters: int
    templates: int
    patterns: int
    flagged: int
    """Lines, of those that both have read."""
    alerts: int
    """Patterns with such lines."""


@dataclass(frozen=True)
class PatternPair:
    """A pattern in both; its counts are of all that each environment has read."""

    text: str
    ids: tuple[str, str]
    counts: tuple[int, int]
    shares: tuple[float, float]
    """Of each environment's lines."""


@dataclass(frozen=True)
class AlertPair:
    """Flagged lines of one pattern; nothing on the side where it has none."""

    text: str
    """Its most unusual line."""
    ids: tuple[str, str]
    lines: tuple[int, int]
    scores: tuple[float, float]
    """Of the most unusual line."""


@dataclass(frozen=True)
class LinePair:
    """A line that both flagged, with other scores."""

    place: Place
    text: str
    scores: tuple[float, float]
    reasons: tuple[tuple[Reason, ...], tuple[Reason, ...]]


@dataclass(frozen=True)
class SourceDiff:
    """What differs in one source; lists are cut, ``counts`` has how many there are."""

    source: str
    sides: tuple[Side, Side]
    patterns_only: tuple[list[Pattern], list[Pattern]]
    patterns_changed: list[PatternPair]
    alerts_only: tuple[list[AlertPair], list[AlertPair]]
    alerts_both: list[AlertPair]
    lines_changed: list[LinePair]
    counts: Mapping[str, int] = field(default_factory=dict)
    cut: bool = False
    """Whether a side has more flagged lines than are compared."""


@dataclass(frozen=True)
class Answers:
    """What is read of one side."""

    env: str
    patterns: list[Pattern]
    lines: int
    flagged: dict[Place, Anomaly]
    cut: bool
    side: Side


def answers_of(store: Store, env: str, source: str, plans: Iterable[Plan | None]) -> Answers:
    """One side, with the flagged lines that are in all plans."""
    stats, templates = store.stats(source), store.templates(source)
    found = store.anomalies(source, order="time", limit=MOST_FLAGGED)
    plans = list(plans)
    flagged = {
        (line.partition, line.offset, line.index): line
        for line in found
        if all(within(plan, stats.topic, line) for plan in plans)
    }
    patterns = readable(store.patterns(source), templates)
    alerts = len({line.pattern for line in flagged.values()})
    side = Side(
        *(env, stats.model, stats.lines, stats.dead_letters, stats.templates, stats.patterns),
        *(len(flagged), alerts),
    )
    return Answers(env, patterns, stats.lines, flagged, len(found) >= MOST_FLAGGED, side)


def within(plan: Plan | None, topic: str, line: Anomaly) -> bool:
    """Whether a replay has read a line; a live worker, without a plan, may have read any."""
    if plan is None or plan.dead_letters:
        return True
    span = plan.topics.get(topic, {}).get(line.partition)
    return span is not None and span.start <= line.offset < span.end


def compare(a: Answers, b: Answers, source: str, *, limit: int = 20) -> SourceDiff:
    """What differs. Patterns are the same when they share templates, of several the one with most lines in common.

    Alerts are the same when their patterns are, or when they share a line.
    """
    partner = partners(a.patterns, b.patterns)
    only = tuple(
        [pattern for pattern in side.patterns if pattern.id not in known]
        for side, known in ((a, partner.keys()), (b, partners(b.patterns, a.patterns).keys()))
    )
    changed = patterns_changed(a, b, partner)
    both, alone_a, alone_b = alerts_of(a, b, partner)
    lines = lines_changed(a.flagged, b.flagged)
    return SourceDiff(
        source,
        (a.side, b.side),
        (only[0][:limit], only[1][:limit]),
        changed[:limit],
        (alone_a[:limit], alone_b[:limit]),
        both[:limit],
        lines[:limit],
        {
            "patterns_only_a": len(only[0]),
            "patterns_only_b": len(only[1]),
            "patterns_changed": len(changed),
            "alerts_only_a": len(alone_a),
            "alerts_only_b": len(alone_b),
            "alerts_both": len(both),
            "lines_changed": len(lines),
            "lines_both": len(a.flagged.keys() & b.flagged.keys()),
        },
        a.cut or b.cut,
    )


def partners(ours: Sequence[Pattern], theirs: Sequence[Pattern]) -> dict[str, str]:
    """Our pattern to theirs that has most of its templates; patterns that share none are left out."""
    of = {member: pattern.id for pattern in theirs for member in pattern.members}
    found: dict[str, str] = {}
    for pattern in ours:
        shared = Counter(of[member] for member in pattern.members if member in of)
        if shared:
            found[pattern.id] = max(shared, key=lambda name: (shared[name], name))
    return found


def patterns_changed(a: Answers, b: Answers, partner: Mapping[str, str]) -> list[PatternPair]:
    """Patterns whose share differs, the greatest difference first."""
    theirs = {pattern.id: pattern for pattern in b.patterns}
    pairs = []
    for pattern in a.patterns:
        if (other := theirs.get(partner.get(pattern.id, ""))) is None:
            continue
        shares = pattern.count / max(a.lines, 1), other.count / max(b.lines, 1)
        if max(shares) >= LEAST_FACTOR * min(shares) > 0:
            pairs.append(
                PatternPair(
                    pattern.template or pattern.example,
                    (pattern.id, other.id),
                    (pattern.count, other.count),
                    shares,
                )
            )
    return sorted(pairs, key=lambda pair: -abs(pair.shares[0] - pair.shares[1]))


def alerts_of(
    a: Answers, b: Answers, partner: Mapping[str, str]
) -> tuple[list[AlertPair], list[AlertPair], list[AlertPair]]:
    """Alerts in both, only in a and only in b; the highest score first."""
    ours, theirs = by_pattern(a.flagged), by_pattern(b.flagged)
    both: list[AlertPair] = []
    alone: list[AlertPair] = []
    met: set[str] = set()
    for name, places in ours.items():
        shared = Counter(b.flagged[place].pattern for place in places if place in b.flagged)
        other = partner.get(name, name)
        if other not in theirs:
            other = max(shared, key=lambda it: (shared[it], it)) if shared else ""
        met |= {other, *shared}
        pair = _alert(a.flagged, places, name, b.flagged, theirs.get(other, []), other)
        (both if other else alone).append(pair)
    left = [
        _alert(a.flagged, [], "", b.flagged, places, name)
        for name, places in theirs.items()
        if name not in met
    ]
    for found in (both, alone, left):
        found.sort(key=lambda pair: -max(pair.scores))
    return both, alone, left


def by_pattern(flagged: Mapping[Place, Anomaly]) -> dict[str, list[Place]]:
    """Pattern to its lines."""
    found: dict[str, list[Place]] = {}
    for place, line in flagged.items():
        found.setdefault(line.pattern, []).append(place)
    return found


def _alert(
    ours: Mapping[Place, Anomaly],
    places: Sequence[Place],
    name: str,
    theirs: Mapping[Place, Anomaly],
    their_places: Sequence[Place],
    other: str,
) -> AlertPair:
    best = [
        max((of[place] for place in some), key=lambda line: line.score, default=None)
        for of, some in ((ours, places), (theirs, their_places))
    ]
    scores = [0.0 if line is None else line.score for line in best]
    shown = best[0] or best[1]
    assert shown is not None, "one side has it"
    return AlertPair(shown.text, (name, other), (len(places), len(their_places)), (scores[0], scores[1]))


def lines_changed(ours: Mapping[Place, Anomaly], theirs: Mapping[Place, Anomaly]) -> list[LinePair]:
    """Lines that both flagged with other scores, the greatest difference first."""
    pairs = [
        LinePair(
            place,
            line.text,
            (line.score, theirs[place].score),
            (line.reasons, theirs[place].reasons),
        )
        for place, line in ours.items()
        if place in theirs and abs(line.score - theirs[place].score) >= LEAST_SCORE
    ]
    return sorted(pairs, key=lambda pair: -abs(pair.scores[0] - pair.scores[1]))
