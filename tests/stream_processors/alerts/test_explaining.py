from __future__ import annotations

from dataclasses import replace

import numpy as np

from connectors.alerts import Verdict, folded
from connectors.findings import Reason, SourceStats
from stream_processors.alerts.explaining import differing, explain, marked, sentences
from tests.connectors.steps import NOW, template
from tests.connectors.test_alerts import change, line


def vector(*numbers: float) -> bytes:
    return np.array(numbers, dtype="<f2").tobytes()


TEMPLATES = [
    template("p1", count=3, text="session opened for user <*> from <ip>", vector=vector(1, 0.1)),
    template("t2", count=1, pattern="p1", text="session opened for <*> from <ip>", vector=vector(1, 0.2)),
    template("p3", count=90, text="session closed for user <*>", vector=vector(0.9, 0.3)),
    template("p4", count=5, text="disk is full", vector=vector(0, 1)),
    template("p5", count=5, text="of another model", vector=vector(1, 0.1), model="m2"),
]
LINE = replace(
    line(1),
    text="session opened for user mallory from 192.0.2.7, mallory2",
    reasons=(
        Reason(
            "values",
            4.0,
            "user 'mallory' never seen in 99 lines",
            {"user": "mallory", "seen": 0.0, "lines": 99.0},
        ),
        Reason("words", 2.0, "of 99 lines opened is in 1", {"opened": 1.0, "lines": 99.0}),
    ),
)
ALERT = folded(None, change(LINE), NOW, NOW)[0]


def test_what_is_odd_is_marked_and_nothing_else():
    assert marked(LINE) == "session «opened» for user «mallory» from 192.0.2.7, mallory2"
    assert marked(replace(LINE, reasons=())) == LINE.text


def test_an_alert_is_explained():
    verdict = Verdict("p1", "benign", NOW, note="our scanner")
    found = explain(ALERT, TEMPLATES, SourceStats("logs", lines=104), verdict)
    assert found.nearest is not None
    assert (found.nearest.id, found.nearest.added) == ("p3", ("opened", "from", "<ip>"))
    assert found.nearest.missing == ("closed",)
    assert found.history is not None
    assert (found.history.lines, found.history.templates, found.history.source_lines) == (4, 2, 104)
    said = sentences(found)
    assert said[0] == "values (4.0): user 'mallory' never seen in 99 lines"
    assert "as high as 0.1 % of the last 4,000 lines of its partition" in said
    assert "its pattern has 4 of the source's 104 lines, in 2 templates" in said
    assert "marked as benign: our scanner" in said
    assert said[-1] == "model m1"
    assert any(
        one.startswith("nearest known template (cosine 0.9") and "there: closed" in one for one in said
    )


def test_what_is_not_known_is_left_out():
    found = explain(ALERT, [], SourceStats("logs"))
    assert (found.nearest, found.history, found.verdict) == (None, None, None)
    assert not any("nearest" in one for one in sentences(found))


def test_words_that_differ_are_told_in_their_order():
    assert differing("a b c d", "a x c d e") == (("b",), ("x", "e"))
    assert differing("same", "same") == ((), ())
