"""Messages become lines in steps that take whole messages; what may be continued is held back."""

from __future__ import annotations

import json
import time
from typing import ClassVar

import pytest

from connectors.envelopes import ReadingSettings
from connectors.envelopes.envelope import Undecodable
from connectors.envelopes.joining import MOST_LINES, MOST_SECONDS, Joiner
from connectors.records import Message
from stream_processors.detection import reading
from stream_processors.detection.reading import LineReader
from stream_processors.detection.texts import display_text

JOIN = ReadingSettings(multiline=True)
TRACE = [
    "java.lang.IllegalStateException: closed",
    "\tat com.example.A.b(A.java:7)",
    "Caused by: java.io.IOException",
]


def messages(*values: str | bytes | None, first: int = 0, key: bytes | None = None) -> list[Message]:
    encoded = (value.encode() if isinstance(value, str) else value for value in values)
    return [Message(first + n, 5.0, value, key) for n, value in enumerate(encoded)]


def ndjson(count: int, *, start: int = 0) -> str:
    return "\n".join(json.dumps({"n": f"line {n}"}) for n in range(start, start + count))


def read_all(reader: LineReader, most_lines: int = 500) -> list[reading.Step]:
    steps = []
    while (step := reader.step(most_lines)) is not None:
        steps.append(step)
    return steps


def added(*values, settings: ReadingSettings | None = None, end: int | None = None) -> LineReader:
    reader = LineReader(settings)
    taken = messages(*values)
    reader.add(taken, len(taken) if end is None else end)
    return reader


def test_every_line_of_a_message_has_a_place_in_it():
    (step,) = read_all(added("alone", ndjson(3), "alone too"))
    assert [(line.offset, line.index) for line in step.lines] == [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert step.lines[2].record.fields == {"n": "line 1"}
    assert {line.value for line in step.lines[1:4]} == {ndjson(3).encode()}


def test_a_step_has_about_as_many_lines_as_asked_for_and_never_half_a_message():
    steps = read_all(added(*[ndjson(40)] * 10, ndjson(5_000), "x"), most_lines=100)
    assert [len(step.lines) for step in steps] == [120, 120, 120, 5_040, 1]
    assert [step.end for step in steps] == [3, 6, 9, 11, 12]
    assert steps[0].offsets == {0, 1, 2}


def test_offsets_without_messages_and_messages_without_lines_move_on():
    reader = added(end=7)
    assert [(step.end, step.lines) for step in read_all(reader)] == [(7, [])]
    assert reader.step(500) is None
    reader.add(messages("#Fields: a b", first=8), 9)
    assert reader.step(500).end == 9


def test_no_step_goes_across_the_applied_offset():
    reader = added("a", "b", "c", "d")
    steps = [reader.step(500, before=2), reader.step(500, before=2)]
    assert [(step.end, [line.offset for line in step.lines]) for step in steps] == [(2, [0, 1]), (4, [2, 3])]


def test_a_line_states_its_time_but_never_a_future_one_and_kafkas_may_be_wanted():
    values = ["2024-01-02T03:04:05Z a", "2999-01-02T03:04:05Z b", "no time"]
    (step,) = read_all(added(*values))
    assert step.lines[0].timestamp == 1_704_164_645.0
    assert step.lines[1].timestamp <= time.time()
    assert step.lines[2].timestamp == 5.0
    (step,) = read_all(added(*values, settings=ReadingSettings(time="kafka")))
    assert {line.timestamp for line in step.lines} == {5.0}


def test_a_message_that_cannot_be_decoded_here_fails_whole(monkeypatch):
    reader = added("a", "b")
    unwrap = reader.reader.unwrap

    def undecodable(value):
        if value == b"b":
            raise Undecodable("needs a registry (setting x.y)")
        return unwrap(value)

    monkeypatch.setattr(reader.reader, "unwrap", undecodable)
    (step,) = read_all(reader)
    assert [line.offset for line in step.lines] == [0]
    (failed,) = step.failed
    assert (failed.line.offset, failed.line.value, failed.whole, failed.ours) == (1, b"b", True, False)


def test_a_line_whose_parser_raises_fails_alone(monkeypatch):
    reader = added("a", ndjson(3))
    parse = reader.reader.parse

    def choking(unread):
        if unread.line == {"n": "line 1"}:
            raise ZeroDivisionError("choked")
        return parse(unread)

    monkeypatch.setattr(reader.reader, "parse", choking)
    (step,) = read_all(reader)
    assert [(line.offset, line.index) for line in step.lines] == [(0, 0), (1, 0), (1, 2)]
    (failed,) = step.failed
    assert (failed.line.offset, failed.line.index, failed.whole, failed.ours) == (1, 1, False, True)


class TestJoining:
    def test_a_trace_is_one_line_where_its_first_line_was(self):
        reader = added("before", *TRACE, "after", "end", settings=JOIN)
        reader.close()
        (step,) = read_all(reader)
        assert [(line.offset, line.record.text) for line in step.lines][1] == (1, "\n".join(TRACE))
        assert [line.offset for line in step.lines] == [0, 1, 4, 5]
        assert [part.offset for part in step.joined[1, 0]] == [1, 2, 3]
        assert display_text(step.lines[1]) == "\n".join(TRACE)

    def test_it_is_off_unless_asked_for(self):
        (step,) = read_all(added(*TRACE))
        assert len(step.lines) == 3

    def test_what_may_be_continued_is_held_back_and_not_applied(self):
        reader = added("a", *TRACE, settings=JOIN)
        (step,) = read_all(reader)
        assert (step.end, [line.offset for line in step.lines]) == (1, [0])
        assert reader.until is not None
        reader.add(messages("\tat com.example.C.d(C.java:9)", "next", first=4), 6)
        (step,) = read_all(reader)
        assert step.end == 5
        assert step.lines[0].record.text == "\n".join([*TRACE, "\tat com.example.C.d(C.java:9)"])

    def test_it_waits_for_seconds_only(self, monkeypatch):
        reader = added("a", settings=JOIN)
        assert reader.step(500) is None
        later = time.monotonic() + MOST_SECONDS
        monkeypatch.setattr(reading.time, "monotonic", lambda: later)
        assert reader.step(500).end == 1
        assert reader.until is None

    def test_a_trace_without_end_is_cut_into_lines_of_a_bounded_number_of_parts(self):
        reader = added("error", *["\tat x"] * (2 * MOST_LINES), settings=JOIN)
        reader.close()
        lines = [line for step in read_all(reader) for line in step.lines]
        assert [line.record.text.count("\n") + 1 for line in lines] == [MOST_LINES, MOST_LINES, 1]

    def test_streams_that_take_turns_are_joined_each_and_a_step_splits_none(self):
        reader = LineReader(JOIN)
        taken = [
            Message(n, 5.0, value.encode(), key)
            for n, (key, value) in enumerate(
                [(b"a", "a: error"), (b"b", "b: error"), (b"a", " at a"), (b"b", " at b"), (b"a", "a: next")]
            )
        ]
        reader.add(taken, 5)
        assert reader.step(500) is None, "b's line may go on, and a's spans its beginning"
        reader.close()
        (step,) = read_all(reader)
        assert [line.record.text for line in step.lines] == ["a: error\n at a", "b: error\n at b", "a: next"]

    def test_no_more_is_held_back_than_a_bound(self, monkeypatch):
        monkeypatch.setattr(reading, "HELD_LINES", 10)
        reader = LineReader(JOIN)
        reader.add([Message(n, 5.0, b"line", f"stream {n}".encode()) for n in range(11)], 11)
        assert reader.step(500).end == 11

    def test_lines_that_were_applied_before_wait_for_nothing(self):
        reader = added("a", "b", settings=JOIN)
        assert [line.offset for line in reader.step(500, before=2).lines] == [0, 1]

    @pytest.mark.parametrize(
        "trace",
        [
            ["Traceback (most recent call last):", '  File "a.py", line 1, in b', "ValueError: no"],
            ["ERROR failed", "Traceback (most recent call last):", '  File "a.py", line 1', "app.errors.Odd"],
        ],
    )
    def test_the_last_line_of_a_python_traceback_is_part_of_it(self, trace):
        reader = added(*trace, "KeyError: of another", settings=JOIN)
        reader.close()
        (step,) = read_all(reader)
        assert [line.record.message or line.record.text for line in step.lines] == [
            "\n".join(trace),
            "KeyError: of another",
        ]


def test_a_joiner_without_traces_and_partial_lines_remembers_nothing():
    joiner = Joiner(traces=False)
    reader = added(*TRACE)
    assert read_all(reader)
    assert (joiner.first, joiner.until) == (None, None)


class TestManyAtOnce:
    VALUES: ClassVar[list[str]] = [
        '{"log":"half of ","stream":"stdout","time":"2026-11-25T10:00:00Z","attrs":{"tag":"a"}}',
        '{"n":1,"level":"error","time":"2026-11-25T10:00:00Z"}',
        "2026-11-25T10:00:00.000000000Z stdout P one ",
        "2026-11-25T10:00:00.000000000Z stdout F line",
        "#Fields: date time cs-method sc-status",
        "2026-11-25 10:00:00 GET 200",
        "java.lang.IllegalStateException: closed",
        "\tat com.example.A.b(A.java:7)",
        '{"log":"java.lang.IllegalStateException: closed\\n","stream":"stderr","time":"2026-11-25T10:00:00Z"}',
        '{"log":"\\tat com.example.A.b(A.java:7)\\n","stream":"stderr","time":"2026-11-25T10:00:01Z"}',
        "",
    ]

    @pytest.mark.parametrize("settings", [ReadingSettings(), JOIN])
    def test_they_become_the_lines_that_each_by_itself_becomes(self, settings):
        sent = messages(*self.VALUES * 10)
        steps = []
        for few in (1, len(sent) + 1):
            reader = LineReader(settings, few=few)
            reader.add(sent, end=len(sent))
            reader.close()
            steps.append(read_all(reader, 25))
        found = [[line for step in some for line in step.lines] for some in steps]
        assert found[0] == found[1]
        joined = [[step.joined for step in some if step.joined] for some in steps]
        assert joined[0] == joined[1]

    def test_a_fault_of_reading_them_together_loses_none(self, monkeypatch, caplog):
        reader = LineReader(few=1)
        reader.add(messages(*self.VALUES[:2]), end=2)

        def broken(_: object) -> None:
            raise IndexError("ours")

        reader.reader.scan(())  # loads it
        monkeypatch.setattr(reader.reader._columnar, "scan", broken)
        assert [line.offset for step in read_all(reader) for line in step.lines] == [0, 1]
        assert "ours" in caplog.text
