from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from connectors.alerts import QUIET_SECONDS, AlertChange, Verdict
from connectors.findings import Anomaly, Pace, Reason
from connectors.memory import MemoryStore
from connectors.redis import connect
from tests.connectors.steps import NOW, everything, step


@pytest.fixture(params=["memory", "redis"])
def store(request):
    if request.param == "memory":
        return MemoryStore(clock=lambda: NOW)
    return request.getfixturevalue("redis_store")(clock=lambda: NOW)


def line(
    offset: int, *, pattern: str = "p1", at: float = NOW, score: float = 3.0, kind: str = "new"
) -> Anomaly:
    reasons = (Reason(kind, score, f"{kind} it is", {"lines": 7.0, "value": "ä\U0001f600"}),)
    return Anomaly(
        *(0, offset, at, score, 2.5, f"line {offset} \x00ä", "raw", pattern),
        reasons=reasons,
        model="m1",
        share=0.001,
        among=4_000,
        entities=("ip=192.0.2.7", "user=ada"),
    )


def change(*lines: Anomaly) -> AlertChange:
    best = max(lines, key=lambda one: one.score)
    kinds = tuple(dict.fromkeys(one.reasons[0].kind for one in lines))
    return AlertChange(lines[0].pattern, len(lines), kinds, lines[0], lines[-1], best)


def tell(store, *changes: AlertChange, source: str = "logs") -> None:
    """One step of these changes, and of the lines that they are of."""
    expected = store.applied(source).get(0)
    lines = {id(one): one for c in changes if c.count for one in (c.best, c.first, c.last)}
    flagged = {"anomalies": [*lines.values()], "alerts": [*changes]}
    store.apply(step(expected, (expected or 0) + 1, source=source, **flagged))


def told(store) -> list[tuple]:
    return [(entry.alert.pattern, entry.alert.why, entry.alert.count) for entry in store.outbox("logs")]


def test_lines_of_one_pattern_are_one_alert_that_is_told_once(store):
    for offset in range(5):
        tell(store, change(line(offset, at=NOW - 900 + 60 * offset, score=3 + offset % 3)))
    (alert,) = store.alerts("logs")
    assert (alert.id, alert.count, alert.first, alert.last) == ("p1.1", 5, line(0, at=NOW - 900), alert.last)
    assert (alert.last.offset, alert.best.offset) == (4, 2)
    assert (alert.first_seen, alert.last_seen, alert.kinds) == (NOW - 900, NOW - 660, ("new",))
    assert alert.entities == ("ip=192.0.2.7", "user=ada")
    assert told(store) == [("p1", "new", 1)]
    assert store.alert("logs", "p1") == alert
    assert store.alert("logs", "p2") is None


def test_it_is_told_again_when_it_is_unusual_in_another_way_comes_faster_or_comes_back(store):
    start = NOW - 3 * QUIET_SECONDS
    tell(store, change(line(0, at=start)))
    tell(store, change(line(1, at=start + 1, kind="rate")))
    tell(store, change(line(2, at=start + 2)))
    tell(store, change(*(line(offset, at=start + 3) for offset in range(10, 40))))
    tell(store, change(line(50, at=start + QUIET_SECONDS)))
    tell(store, change(line(60, at=start + 2.5 * QUIET_SECONDS)))
    assert told(store) == [("p1", "new", 1), ("p1", "kind", 2), ("p1", "rate", 33), ("p1", "again", 1)]
    (alert,) = store.alerts("logs")
    assert (alert.id, alert.count, alert.total, alert.revision) == ("p1.2", 1, 35, 4)


def test_a_scan_of_ten_thousand_lines_is_told_a_few_times(store):
    for minute in range(10):
        tell(store, change(*(line(offset, at=NOW - 600 + 60 * minute) for offset in range(1_000))))
    assert len(told(store)) <= 3
    assert store.alerts("logs")[0].count == 10_000


def test_an_alert_that_is_over_is_told_once_and_opened_again_by_the_next_line(store):
    over = replace(change(line(9, at=NOW - 300)), count=0, kinds=())
    tell(store, over)
    assert (store.alerts("logs"), told(store)) == ([], [])
    tell(store, change(line(0, at=NOW - 900)))
    tell(store, over, over)
    (alert,) = store.alerts("logs")
    assert (alert.id, alert.why, alert.count, alert.last.offset) == ("p1.1", "over", 1, 9)
    assert (alert.first_seen, alert.last_seen) == (NOW - 900, NOW - 300)
    tell(store, change(line(10, at=NOW - 200)))
    assert told(store) == [("p1", "new", 1), ("p1", "over", 1), ("p1", "again", 1)]
    assert store.alert("logs", "p1").id == "p1.2"


def test_entries_of_the_outbox_are_in_order_and_have_keys_of_their_own(store):
    for offset in range(12):
        tell(store, change(line(offset, pattern=f"p{offset}", at=NOW - offset)))
    found = store.outbox("logs")
    assert [entry.alert.pattern for entry in found] == [f"p{offset}" for offset in range(12)]
    assert [entry.before for entry in found] == [0, *(entry.position for entry in found[:-1])]
    assert len({entry.key("logs") for entry in found}) == 12
    assert store.outbox("logs", after=found[3].position, limit=2) == found[4:6]


def test_a_sinks_position_moves_from_where_it_is_thought_to_be_only(store):
    tell(store, change(line(0)))
    assert store.sent("logs") == {}
    assert store.acknowledge("logs", "topic", 0, 7)
    assert not store.acknowledge("logs", "topic", 0, 9)
    assert store.acknowledge("logs", "webhook", 0, 3)
    assert store.sent("logs") == {"topic": 7, "webhook": 3}


def test_a_step_that_is_fenced_tells_nothing(store):
    tell(store, change(line(0)))
    before = everything(store), store.alerts("logs"), store.outbox("logs")
    with pytest.raises(Exception, match="expected 9"):
        store.apply(step(9, 10, alerts=[change(line(1, kind="rate"))]))
    assert (everything(store), store.alerts("logs"), store.outbox("logs")) == before


def test_alerts_come_in_pages_and_since_a_time(store):
    for offset in range(30):
        tell(store, change(line(offset, pattern=f"p{offset:02}", at=NOW - offset)))
    names = [f"p{offset:02}" for offset in range(30)]
    assert [alert.pattern for alert in store.alerts("logs", limit=10)] == names[:10]
    assert [alert.pattern for alert in store.alerts("logs", skip=10, limit=15)] == names[10:25]
    assert [alert.pattern for alert in store.alerts("logs", since=NOW - 4)] == names[:5]


def test_feedback_is_answered_once_a_change_and_can_be_taken_back(store):
    applied = store.apply(step(None, 1))
    verdict = Verdict("p1", "benign", NOW, NOW + 60, ("t1", "t2"), "a ä note")
    assert applied.feedback is None
    assert store.mark("logs", verdict)
    told = store.apply(step(1, 2, feedback=0)).feedback
    assert told is not None
    assert told == store.feedback("logs") == store.stored("logs", 0, 1).feedback
    assert (dict(told.verdicts), told.version) == ({"p1": verdict}, 1)
    assert store.apply(step(2, 3, feedback=1)).feedback is None
    assert store.unmark("logs", "p1")
    assert not store.unmark("logs", "p1")
    changed = store.apply(step(3, 4, feedback=1)).feedback
    assert changed is not None
    assert changed.verdicts == {}


def test_partitions_are_told_how_fast_the_others_lines_come(store):
    store.apply(step(None, 1, pace=Pace(2.5, NOW)))
    applied = store.apply(step(None, 1, partition=1, pace=Pace(0.1, NOW + 1)))
    assert applied.others == (Pace(2.5, NOW),)
    assert store.apply(step(1, 2, pace=Pace(3.0, NOW))).others == (Pace(0.1, NOW + 1),)


def test_both_stores_fold_alike(redis_store):
    rng, clock = np.random.default_rng(5), [NOW]
    memory = MemoryStore(clock=lambda: clock[0])
    redis = redis_store(clock=lambda: clock[0])
    for number in range(150):
        changes = []
        for _ in range(rng.integers(1, 4)):
            pattern, at = f"p{rng.integers(3)}", clock[0] - float(rng.integers(-50, 900))
            kinds = rng.choice(
                ["new", "rate", "values", "rare"], rng.choice([1, 2, 40]), p=[0.9, 0.04, 0.03, 0.03]
            )
            lines = [
                line(
                    number * 100 + place, pattern=pattern, kind=str(kind), at=at, score=float(rng.integers(9))
                )
                for place, kind in enumerate(kinds)
            ]
            changes.append(change(*lines))
            if rng.random() < 0.1:
                changes.append(replace(changes[-1], count=0, kinds=()))
        for store in (memory, redis):
            tell(store, *changes)
        clock[0] += float(rng.choice([1, 300, 5_000, 60_000, 100_000], p=[0.5, 0.3, 0.1, 0.05, 0.05]))
    assert redis.alerts("logs") == memory.alerts("logs")
    assert redis.outbox("logs", limit=10_000) == memory.outbox("logs", limit=10_000)
    assert {entry.alert.why for entry in redis.outbox("logs", limit=10_000)} == {
        "new",
        "again",
        "kind",
        "rate",
        "over",
    }


def test_what_is_kept_of_alerts_has_bounds(redis_store, redis_settings):
    store, client = redis_store(alerts=3, feedback=2, clock=lambda: NOW), connect(redis_settings)
    tell(store, *(change(line(n, pattern=f"p{n}", at=NOW - 100 + n)) for n in range(9)))
    assert [alert.pattern for alert in store.alerts("logs")] == ["p8", "p7", "p6"]
    assert len(list(client.scan_iter(match=f"se:{redis_settings.env}:*:alert:*"))) == 3
    marked = [store.mark("logs", Verdict(f"p{n % 3}", "benign", NOW)) for n in range(4)]
    assert marked == [True, True, False, True]
