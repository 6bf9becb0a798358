"""The check that every case ends with sees what it is there to see."""

from __future__ import annotations

import pytest


@pytest.mark.faults
def test_the_check_sees_what_is_missing_twice_or_ahead(case_factory):
    case = case_factory(2)
    first, *_ = case.send(400)
    with case.worker():
        case.check()
        template = next(t for t in case.store.templates(case.topic) if first in t.example)
        name = case.store.key(case.topic, "template", template.id)
        feed = case.store.key(case.topic, "feed")
        (_, anomaly), *_ = case.client.xrange(feed, count=1)

        case.client.hincrby(name, "count", 1)
        expect(case, "1 of 400 words applied more than once", "in patterns: 401, not 400")
        case.client.hincrby(name, "count", -1)

        case.source.applied.add("idzzzzz")
        expect(case, "1 of 401 words missing: idzzzzz", "lines: 400, not 401", "in windows: 400, not 401")
        case.source.applied -= {"idzzzzz", first}
        expect(case, "applied, and should not be")
        case.source.applied.add(first)

        case.source.dead.add("idzzzzz")
        expect(case, "dead letters: 1 missing", "0 dead letters counted, not 1")
        case.source.dead.clear()

        case.client.xadd(feed, anomaly)
        expect(case, "1 anomalies more than once in the feed")

        case.sampler.broken.append("committed {0: 2}, applied {0: 1}")
        expect(case, "committed ahead of applied")

        case.client.hset(case.store.key(case.topic, "applied"), 0, 1)
        with pytest.raises(AssertionError, match="applied and committed at the end"):
            case.check(seconds=1)


def expect(case, *problems: str) -> None:
    """The check fails and says so."""
    with pytest.raises(AssertionError) as failure:
        case.check(seconds=5)
    assert all(problem in str(failure.value) for problem in problems), str(failure.value)
