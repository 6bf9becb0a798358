from __future__ import annotations

import pytest

from connectors.findings import Anomaly, Changes, Reason, Template
from connectors.memory import MemoryStore
from connectors.replays import Plan, Span
from stream_processors.answers.diff import SourceDiff, answers_of, compare

Flagged = tuple[int, str, float]
"""Offset, pattern and score of a flagged line."""


def template(name: str, count: int, pattern: str = "") -> Template:
    return Template(name, f"text of {name}", pattern or name, count, 1.0, 2.0, f"example of {name}")


def anomaly(offset: int, pattern: str, score: float) -> Anomaly:
    reasons = (Reason("new", score, f"scored {score}"),)
    return Anomaly(0, offset, 10.0 + offset, score, 1.0, f"line {offset}", "plain", pattern, reasons=reasons)


def store(templates: list[Template], flagged: list[Flagged]) -> MemoryStore:
    made = MemoryStore()
    lines = sum(one.count for one in templates)
    anomalies = [anomaly(*one) for one in flagged]
    made.apply(Changes("logs", 0, None, lines, lines=lines, templates=templates, anomalies=anomalies))
    return made


def difference(a: MemoryStore, b: MemoryStore, *plans: Plan, limit: int = 20) -> SourceDiff:
    one, other = (answers_of(of, env, "logs", plans) for of, env in ((a, "live"), (b, "trial")))
    return compare(one, other, "logs", limit=limit)


def test_patterns_are_the_same_by_the_templates_that_they_share_whatever_founded_them():
    a = store([template("t1", 40), template("t2", 40, "t1"), template("t3", 20), template("old", 100)], [])
    b = store([template("t2", 80), template("t1", 80, "t2"), template("t3", 200), template("new", 40)], [])
    found = difference(a, b)
    assert [[one.id for one in only] for only in found.patterns_only] == [["old"], ["new"]]
    assert [(pair.ids, pair.counts) for pair in found.patterns_changed] == [(("t3", "t3"), (20, 200))]
    assert found.patterns_changed[0].shares == (0.1, 0.5)


def test_alerts_are_the_same_by_their_pattern_or_by_a_line_that_they_share():
    templates = [template(name, 10) for name in ("p", "q", "r", "s")]
    a = store(templates, [(1, "p", 3.0), (2, "p", 4.0), (3, "q", 2.0), (4, "r", 5.0)])
    b = store(templates, [(9, "p", 3.5), (3, "s", 2.5), (7, "s", 2.0), (8, "only-b", 1.0)])
    found = difference(a, b)
    both = {pair.ids: (pair.lines, pair.scores, pair.text) for pair in found.alerts_both}
    assert both == {
        ("p", "p"): ((2, 1), (4.0, 3.5), "line 2"),
        ("q", "s"): ((1, 2), (2.0, 2.5), "line 3"),
    }
    assert [[pair.ids for pair in only] for only in found.alerts_only] == [[("r", "")], [("", "only-b")]]


def test_lines_that_both_flagged_with_other_scores_come_with_the_reasons_of_each():
    a = store([template("p", 10)], [(1, "p", 3.0), (2, "p", 2.0), (3, "p", 2.0)])
    b = store([template("p", 10)], [(1, "p", 2.5), (2, "p", 4.0), (3, "p", 2.0)])
    found = difference(a, b)
    assert [(line.place, line.scores) for line in found.lines_changed] == [
        ((0, 2, 0), (2.0, 4.0)),
        ((0, 1, 0), (3.0, 2.5)),
    ]
    assert [of[0].text for of in found.lines_changed[0].reasons] == ["scored 2.0", "scored 4.0"]
    assert found.counts["lines_both"] == 3
    assert difference(a, a).lines_changed == []


@pytest.mark.parametrize(
    ("plan", "flagged"),
    [
        (Plan("", {"logs": {0: Span(2, 4)}}), (2, 2)),
        (Plan("", {"logs": {1: Span(0, 9)}}), (0, 0)),
        (Plan("", {"logs": {0: Span(0, 2)}}, dead_letters="letters"), (4, 3)),
    ],
)
def test_lines_count_that_a_replay_has_read_too(plan, flagged):
    a = store([template("p", 10)], [(at, "p", 2.0) for at in range(1, 5)])
    b = store([template("p", 10)], [(at, "p", 2.0) for at in range(2, 5)])
    assert tuple(side.flagged for side in difference(a, b, plan).sides) == flagged


def test_lists_are_cut_and_counts_are_not():
    a = store([template(f"t{n}", 1) for n in range(9)], [(n, f"t{n}", 1.0 + n) for n in range(9)])
    found = difference(a, store([template("x", 1)], []), limit=2)
    assert [pair.text for pair in found.alerts_only[0]] == ["line 8", "line 7"]
    assert (len(found.patterns_only[0]), found.counts["patterns_only_a"]) == (2, 9)
    assert found.counts["alerts_only_a"] == 9
