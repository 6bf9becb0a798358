from __future__ import annotations

import csv
import gzip
import json
import math

import numpy as np
import pytest

from benchmarks.detection import __main__ as command
from benchmarks.detection import invented, real, report, simple
from benchmarks.detection.measures import budget, incidents, measure, precision_at
from benchmarks.detection.streams import IGNORED, Stream


def stream(labels, kinds=None, **fields) -> Stream:
    messages = [f"line {place}".encode() for place in range(len(labels))]
    kinds = kinds or ["attack" if label else "" for label in labels]
    return Stream("some", "logs", messages, np.array(labels, dtype=np.int8), kinds, **fields)


def test_results_come_back_from_their_file(tmp_path):
    rows = report.summarise({("logs", "a", "burst", "simple"): [measure(stream([0, 1]), np.array([0.0, 1]))]})
    report.write(rows, tmp_path / "rows.csv")
    (again,) = report.read(tmp_path / "rows.csv")
    assert (again.set, again.method, again.streams, again.average_precision) == ("a", "burst", 1, 1.0)


def test_ties_for_the_last_places_count_as_their_mean():
    unusual = np.array([True, False, True, False, False])
    assert precision_at(unusual, np.array([3.0, 1, 1, 1, 0]), 2) == pytest.approx((1 + 1 / 3) / 2)
    assert precision_at(unusual, np.zeros(5), 2) == pytest.approx(0.4)


def test_a_session_has_the_highest_score_of_its_lines():
    one = Stream(
        "s", "sessions", [b"x"] * 4, np.array([0, 0, 1, 1], dtype=np.int8), ["", "", "f", "f"], list("abcc")
    )
    assert measure(one, np.array([2.0, 1, 0, 3])).average_precision == 1.0
    assert measure(one, np.array([3.0, 1, 0, 2])).average_precision == 0.5


def test_messages_that_are_ignored_count_neither_way():
    found = measure(stream([0, 1, IGNORED, 0]), np.array([0.0, 2, 3, 1]))
    assert (found.average_precision, found.roc_auc) == (1.0, 1.0)


def test_the_first_alert_of_an_incident_is_counted_in_messages_from_its_first_one():
    labels = np.zeros(5_000, dtype=np.int8)
    labels[[10, 15, 40, 3_000]] = 1
    scores = np.zeros(5_000)
    scores[[15, 40]] = 1.0
    kinds = ["scan" if label else "" for label in labels]
    found, delay = incidents(stream(labels, kinds), scores)
    assert (found, math.isnan(delay)) == (0.5, True)
    scores[3_002] = scores[3_000] = 2.0
    assert incidents(stream(labels, kinds), scores) == (1.0, 2.5)


def test_what_ties_beyond_the_budget_is_no_alert():
    assert budget(400) == 2
    found, _ = incidents(stream([1] + [0] * 399), np.zeros(400))
    assert found == 0.0


def test_a_part_of_a_stream_has_unusual_messages():
    labels = [0] * 500
    labels[400] = 1
    assert stream(labels).first(100).labels.sum() == 1
    assert len(stream(labels).first(100)) == 100
    assert stream([1] * 9 + [0] * 91).first(50).messages[0] == b"line 0"


def test_labels_are_never_in_the_lines(tmp_path):
    (tmp_path / "loghub").mkdir()
    (tmp_path / "loghub" / "BGL_2k.log").write_bytes(
        b"- 1 node-1 RAS KERNEL INFO fine\nKERNDTLB 2 node-2 RAS bad\n"
    )
    with gzip.open(tmp_path / "ait_alerts_shaw.csv.gz", "wt", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(["time", "name", "ip", "host", "short", "time_label", "event_label"])
        for time, name, label in ((1, "A", "false_positive"), (2, "B", "scan"), (3, "B", "scan")):
            rows.writerow([time, name, "192.0.2.1", "web", "x", label, "-"])
    bgl, alerts, first = (one for made in real.real_streams(tmp_path) for one in made.make())
    assert (bgl.messages[1], bgl.labels.tolist()) == (b"2 node-2 RAS bad", [0, 1])
    assert set(json.loads(alerts.messages[1])) == {"time", "name", "ip", "host", "short"}
    assert (alerts.labels.tolist(), first.labels.tolist()) == ([0, 1, 1], [0, 1, IGNORED])


def test_a_story_is_the_same_in_an_envelope_and_after_a_rollout():
    several = invented.enveloped("otlp_json", 1)
    assert len(several) < 500 and 0 < several.labels.sum() <= 39
    rollout, _, _ = invented.drifting(1)
    (plain,) = invented.planted("story_1_percent", 1)
    assert rollout.labels.sum() == plain.labels.sum() == 39
    assert any(b"shop2" in message for message in rollout.messages[2_000:])
    assert not any(b"shop2" in message for message in rollout.messages[:2_000])


def test_simple_scores_tell_what_is_rare_new_and_bursting():
    lines = [b"user 1 logged in"] * 50 + [b"disk failed"] + [b"user 2 logged in"] * 49 + [b"user 3 logged in"]
    one = Stream("s", "logs", lines, np.zeros(len(lines), dtype=np.int8), [""] * len(lines))
    for score in (simple.rarity, simple.new_words):
        assert np.argmax(score(one)[10:]) == 40
    assert simple.bursts(["a"] * 2_000 + ["b"] * 300).argmax() >= 2_000


def test_without_the_data_the_command_says_so(tmp_path, capsys):
    command.main(
        [
            "--data",
            str(tmp_path / "none"),
            "--sets",
            "story_2",
            "--seeds",
            "1",
            "--methods",
            "burst",
            "length",
        ]
    )
    captured = capsys.readouterr()
    assert "no such folder" in captured.err
    assert "story_2_percent" in captured.out


def test_the_summary_says_where_ours_is_below():
    def row(name, method, role, precision, auc=0.9):
        return report.Row(
            "logs", name, method, role, 1, 9.0, precision, precision, precision, auc, *[0.0] * 4
        )

    rows = [
        row("a", report.OURS, "ours", 0.5),
        row("a", "burst", "simple", 0.2),
        row("a", report.DRAIN, "simple", 0.4),
        row("b", report.OURS, "ours", 0.1, auc=0.5),
        row("b", report.DRAIN, "simple", 0.2),
    ]
    text = report.summary(rows)
    assert "ours 0.300" in text and "0.300, ratio 1.00" in text
    assert "Below Drain3 rarity on 1 of 2 sets: b." in text
    assert "where another method is not: b." in text
