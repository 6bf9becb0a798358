"""The one check at the end of every case: nothing lost, nothing twice, and it got there in time.

* Liveness: within a bound the applied and the committed offsets reach the topic's end.
* Ids conserved: each word was applied once, or dead-lettered, as it was meant to; no other word was seen.
* Sums: lines = the counts of all templates (forgotten ones included) = the counts of all window parts.
* Each anomaly once, in the live feed as in the ranking by time.
* Committed was never ahead of applied, while the fault ran as well.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import redis

from tests.faults.source import WORD
from tests.integration.harness import read_topic, wait_until

if TYPE_CHECKING:
    from tests.faults.case import Case

SHOWN = 5
ALL = 1_000_000
FLAGGED_AMONG = 1_000
"""Of so many lines some are flagged, or nothing would be seen of anomalies that come twice."""


def check(
    case: Case,
    *,
    seconds: float = 90.0,
    expired: int = 0,
    lines: int | None = None,
    windows: bool = True,
    anomalies: bool = True,
    repeated_letters: bool = False,
    commits: bool = True,
    unread: tuple[int, ...] = (),
) -> None:
    """Fails with everything that is wrong at once.

    expired: lines that were removed before they were read. lines: those counted, when it is not one a word.
    windows, anomalies, commits: whether these are to hold. repeated_letters: a worker may have died between a dead
    letter and its step. unread: partitions that nothing can be read from.
    """
    wait_until_settled(case, seconds, unread)
    if case.sampler is not None:
        case.sampler.stop()
    wanted = len(case.source.applied) + case.source.nameless if lines is None else lines
    problems = [
        *words(case),
        *sums(case, wanted, windows=windows),
        *dead_letters(case, repeated=repeated_letters),
        *(twice(case) if anomalies else ()),
    ]
    found = getattr(case.store.stats(case.topic), "expired", 0)
    if found != expired:
        problems.append(f"{found} lines are said to be expired, not {expired}")
    if commits and case.sampler is not None:
        if case.sampler.broken:
            problems.append(f"committed ahead of applied: {case.sampler.broken[:SHOWN]}")
        if not case.sampler.samples:
            problems.append("committed offsets were never seen")
    assert not problems, "\n".join([*problems, case.state()])


def wait_until_settled(case: Case, seconds: float, unread: tuple[int, ...] = ()) -> None:
    """Liveness: applied and committed offsets at the topic's end."""
    ends = {partition: end for partition, end in case.ends().items() if end and partition not in unread}

    def settled() -> bool:
        assert any(worker.running for worker in case.workers), f"no worker runs\n{case.state()}"
        with contextlib.suppress(redis.RedisError):
            return at(case.applied()) == ends and at(case.committed()) == ends
        return False

    def at(offsets: dict[int, int]) -> dict[int, int]:
        return {partition: offset for partition, offset in offsets.items() if partition in ends}

    def state() -> str:
        lines = case.store.stats(case.topic).lines
        return f"committed {case.committed()}; {lines} lines\n{case.state()}"

    wait_until(settled, f"applied and committed at the end, {ends}", seconds=seconds, state=state)


def words(case: Case) -> list[str]:
    """Words that were not applied exactly once, although they should, or were, although they should not."""
    counted: Counter[str] = Counter()
    for template in case.store.templates(case.topic):
        if found := WORD.search(template.example):
            counted[found.group()] += template.count
    expected = case.source.applied
    groups = {
        "missing": expected - counted.keys(),
        "applied more than once": {word for word in expected if counted[word] > 1},
        "applied, and should not be": counted.keys() - expected,
    }
    return [
        f"{len(found)} of {len(expected)} words {what}: "
        + ", ".join(f"{word} at {case.source.where.get(word)}" for word in sorted(found)[:SHOWN])
        for what, found in groups.items()
        if found
    ]


def sums(case: Case, lines: int, *, windows: bool) -> list[str]:
    """Totals that are not the number of lines."""
    stats = case.store.stats(case.topic)
    found = {"lines": stats.lines, "in patterns": case.pattern_lines()}
    if windows:
        parts = (case.store.window(case.topic, start) for start in case.store.windows(case.topic))
        found["in windows"] = sum(part.count for window in parts for part in window)
    return [f"{what}: {number}, not {lines}" for what, number in found.items() if number != lines]


def dead_letters(case: Case, *, repeated: bool) -> list[str]:
    """Dead letters that are not those of the words meant to be, each once."""
    name = f"{case.topic}.dead-letter"
    known = name in case.admin.list_topics(timeout=10).topics
    at = {place: word for word, place in case.source.where.items()}
    letters = Counter(
        at.get(place_of(message.headers), "a line of no word")
        for message in (read_topic(case.kafka, name) if known else [])
    )
    problems = []
    if letters.keys() != case.source.dead:
        missing, more = case.source.dead - letters.keys(), letters.keys() - case.source.dead
        problems.append(f"dead letters: {len(missing)} missing, {len(more)} too many: {sorted(more)[:SHOWN]}")
    if not repeated and max(letters.values(), default=1) > 1:
        problems.append(f"dead letters more than once: {letters.most_common(SHOWN)}")
    counted = case.store.stats(case.topic).dead_letters
    if counted != len(case.source.dead):
        problems.append(f"{counted} dead letters counted, not {len(case.source.dead)}")
    return problems


def place_of(headers: list[tuple[str, bytes]]) -> tuple[int, int, int]:
    """Partition, offset and index of the line that a dead letter is about; index 0 for a whole message."""
    added = dict(headers)
    partition, offset = (int(added[f"__streams.errors.{name}"]) for name in ("partition", "offset"))
    return partition, offset, int(added.get("secencoder.index", b"0"))


def twice(case: Case) -> list[str]:
    """Anomalies that came more than once, or are in one place only."""
    entries = case.client.xrange(case.store.key(case.topic, "feed"))
    names = (b"partition", b"offset", b"index")
    feed = Counter(tuple(int(fields[name]) for name in names) for _, fields in entries)
    ranked = Counter(
        (a.partition, a.offset, a.index) for a in case.store.anomalies(case.topic, order="time", limit=ALL)
    )
    problems = [] if feed or case.store.stats(case.topic).lines < FLAGGED_AMONG else ["nothing was flagged"]
    for name, found in (("feed", feed), ("ranking by time", ranked)):
        if more := {place: times for place, times in found.items() if times > 1}:
            problems.append(f"{len(more)} anomalies more than once in the {name}: {list(more)[:SHOWN]}")
    if feed.keys() != ranked.keys():
        different = feed.keys() ^ ranked.keys()
        problems.append(
            f"{len(different)} anomalies in the feed or the ranking only: {list(different)[:SHOWN]}"
        )
    return problems
