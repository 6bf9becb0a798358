"""Lines that some part can't take, parts that can't take any line, and lines from another time.

| case                          | what it shows                                                                |
| ----------------------------- | ---------------------------------------------------------------------------- |
| some forty kinds of odd lines | none of them is a dead letter, none hurts its neighbours                     |
| marked lines                  | a line that breaks the parser, encoder or detection is a dead letter, alone  |
| a broken part of ours         | no line is a dead letter; all are applied once it works again                |
| a dead letter over the limit  | it goes without what is too large, and nothing is held up                    |
| lines from the past and the future | windows go on afterwards, and none is of another time                   |
"""

from __future__ import annotations

import gzip
import json
import time

import pytest

from connectors.kafka import ensure_topic
from tests.faults.source import line_of
from tests.faults.worker import MARKS, PARTS

ODD = {
    "invalid UTF-8": b"%s \xff\xfe login of caf\xe9",
    "NULs": b"%s a\x00b\x00\x00",
    "encoded surrogate": b"%s user \xed\xa0\x80 logged in",
    "lone surrogates in JSON": b'{"message": "%s \\ud800 \\udfff", "\\udc80": 1}',
    "JSON objects deep": b'{"message": "%s", "a":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
    "JSON arrays deep": b'{"message": "%s", "a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "JSON cut short": b'{"message": "%s disk fail',
    "NaN in JSON": b'{"message": "%s", "a": NaN, "b": -Infinity}',
    "a number of 10,000 digits": b'{"message": "%s", "a": ' + b"9" * 10_000 + b"}",
    "a number over all limits": b'{"message": "%s", "a": 1e999, "b": -1e-999}',
    "a key twice": b'{"message": "%s", "message": "%s"}',
    "JSON array": b'["%s", 1, null]',
    "JSON string": b'"%s"',
    "JSON two documents": b'{"message": "%s"} {"message": "x"}',
    "empty names": b'{"": "%s", " ": {"": ""}}',
    "5,000 columns": b'{"message": "%s"' + b"".join(b', "c%d": %d' % (n, n) for n in range(5_000)) + b"}",
    "control characters": b"%s \x01\x02\x07\x08\x0b\x1b[2J\x7f\x9b",
    "escape codes": b"%s " + b"\x1b[31m" * 500,
    "byte order mark": b"\xef\xbb\xbf%s started",
    "line breaks": b"%s one\r\ntwo\n\n\nthree\r",
    "bidirectional marks": "%s \u202e\u2066\u200b\ufeff\u0000".encode(),
    "combining marks": b"%s " + "e\u0301\u0302".encode() * 500,
    "5 MB": b"%s " + b"x" * (5 << 20),
    "5 MB of JSON": b'{"message": "%s ' + b"y" * (5 << 20) + b'"}',
    "no space in 100 kB": b"%s," + b"abc," * 25_000,
    "syslog of no priority": b"<999>1 - - - - - - %s",
    "syslog of a bad time": b"<13>Foo 99 99:99:99 host %s",
    "a day that is none": b"9999-99-99T99:99:99Z %s",
    "a year that is none": b'{"message": "%s", "time": "+292277026596-12-04T15:30:08Z"}',
    "a time over all limits": b'{"message": "%s", "timestamp": 1e300}',
    "CEF cut short": b"CEF:0|a|b|%s",
    "logfmt of quotes": b'msg="%s a="b" c=\'" "',
    "gzip after text": b"%s " + gzip.compress(b"x" * 100),
    "placeholders": b"%s <*> <num> * {} %%s %%(a)s ${jndi:x}",
    "protocol words": b"%s *3\r\n$3\r\nSET\r\n",
}
NAMELESS = {
    "empty": b"",
    "tombstone": None,
    "blank": b" \t\r\n",
    "JSON null": b"null",
    "JSON number": b"17",
    "gzip": gzip.compress(b'{"message": "hello"}'),
    "UTF-16": "hello".encode("utf-16"),
    "random bytes": bytes(range(256)),
}


@pytest.mark.faults
def test_odd_lines_are_no_dead_letters_and_hurt_no_neighbours(case_factory):
    case = case_factory(2, {"max_message_bytes": 8 << 20})
    with case.worker() as worker:
        for at, value in enumerate(ODD.values()):
            (word,) = case.source.words(1)
            case.source.send_value(value.replace(b"%s", word.encode()), word=word, partition=at % 2)
            case.send(3)
        case.source.send_values(NAMELESS.values())
        case.send(100)
        case.check()
        assert "Traceback" not in worker.text(), worker.tail()


@pytest.mark.faults
@pytest.mark.parametrize("part", PARTS)
def test_a_line_that_breaks_a_part_is_a_dead_letter_and_its_neighbours_are_not(case_factory, part):
    case = case_factory(2)
    with case.worker() as worker:
        for _ in range(4):
            case.send(100)
            case.send(1, fate="dead", text=MARKS[part], partitions=[1])
            case.send(100)
        case.wait_until_seen(804)
        case.send(1, fate="dead", text=MARKS[part])  # alone in its batch
        case.check()
        assert worker.running, worker.tail()


@pytest.mark.parametrize(
    "part", [part if part == "encoder" else pytest.param(part, marks=pytest.mark.faults) for part in PARTS]
)
def test_while_a_part_of_ours_is_broken_no_line_is_a_dead_letter(case_factory, part):
    case = case_factory(2)
    with case.worker() as worker:
        with case.source.flow(per_second=200):
            case.wait_until_seen(200)
            with case.broken(part):
                time.sleep(5)
        case.check()
        assert f"broken {part}" in worker.text() or "can't take this line" in worker.text(), worker.tail()


@pytest.mark.faults
def test_an_encoder_that_is_broken_from_the_start_makes_no_dead_letter(case_factory):
    case = case_factory(2)
    case.send(1, partitions=[0])
    case.send(700, partitions=[1])
    with case.broken("encoder"), case.worker() as worker:
        case.said(worker, "a broken encoder")
        time.sleep(3)
        assert case.applied_sum() == 0, case.state()
        worker.kill()
    with case.worker():
        case.check()


@pytest.mark.faults
@pytest.mark.parametrize("large", ["value", "key", "headers", "all of them"])
def test_a_dead_letter_over_the_limit_goes_without_what_is_too_large(case_factory, large):
    case = case_factory(1, {"max_message_bytes": 2 << 20})
    ensure_topic(case.kafka, f"{case.topic}.dead-letter", 1, max_message_bytes=100_000)
    (word,) = case.source.words(1)
    filler = b"x" * 200_000
    parts = {name: large in (name, "all of them") for name in ("value", "key", "headers")}
    value = line_of(word) + f" {MARKS['parser']} ".encode()
    with case.worker():
        case.send(50)
        case.source.send_value(
            value + (filler if parts["value"] else b""),
            word=word,
            fate="dead",
            key=filler if parts["key"] else b"host-1",
            headers=[("agent", b"vector"), *([("huge", filler)] if parts["headers"] else [])],
        )
        case.send(50)
        case.check()


@pytest.mark.faults
def test_lines_from_the_past_and_the_future_end_no_window(case_factory):
    day = 86_400_000
    now = int(time.time() * 1_000)
    limits = {"message_timestamp_after_max_ms": (1 << 63) - 1}
    case = case_factory(1, limits, DETECTION__WINDOW_SECONDS="2", DETECTION__ALERT_BUDGET="top 5 %")
    strange = {"2100": 4_102_444_800_000, "next week": now + 7 * day, "1970": 1, "last month": now - 30 * day}
    with case.worker():
        case.send(300)
        case.wait_until_seen(300)
        for _ in range(2):
            for timestamp in strange.values():
                case.send(20, timestamp_ms=timestamp)
            with case.source.flow(per_second=200):
                time.sleep(7)
        case.check(windows=False)
    ordinary = len(case.source.applied) - 160
    begin, end = now / 1_000 - 60, time.time() + 60
    counts = {
        start: sum(part.count for part in case.store.window(case.topic, start))
        for start in case.store.windows(case.topic)
    }
    recent = sum(count for start, count in counts.items() if begin <= start <= end)
    assert ordinary <= recent <= len(case.source.applied), json.dumps(counts)
    assert max(counts) <= end, json.dumps(counts)
    seen = [template.last_seen for template in case.store.templates(case.topic)]
    assert max(seen) <= end, "a template is said to be seen in the future"
