from __future__ import annotations

from dataclasses import replace

from connectors.records import Line, Record
from stream_processors.detection.texts import TEXT_CHARACTERS, display_text
from tests.fakes import make_line


def test_people_see_the_line_as_it_came():
    line = make_line(0, "a message")
    assert display_text(line) == "a message"
    assert display_text(replace(line, value=b"\xff raw \x00")) == "\ufffd raw \x00"
    assert display_text(replace(line, value=None)) == "a message"
    lone = Line(0, 0.0, Record(text="a \ud800", format="raw"))
    assert display_text(lone) == "a ?", "half a surrogate pair can't be written anywhere"
    assert display_text(replace(line, value=b"x" * 100_000)) == "x" * TEXT_CHARACTERS
    assert display_text(replace(line, value="é".encode() * 100_000)) == "é" * TEXT_CHARACTERS


def test_people_see_the_line_as_it_stood_in_its_envelope():
    outside = make_line(0, "a message")
    inside = replace(outside, record=replace(outside.record, line="<34>a message"))
    assert display_text(inside) == "<34>a message"
    event = {"msg": "größe", "n": 1, "list": [1.5, None], "odd": "\ud800"}
    inside = replace(outside, record=replace(outside.record, line=event))
    assert display_text(inside) == '{"msg":"größe","n":1,"list":[1.5,null],"odd":"?"}'


def test_an_object_that_json_can_not_hold_is_shown_as_its_text():
    deep: dict = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for odd in (deep, {("a", 1): 1}):
        line = make_line(0, "a message")
        line.record.line = odd
        assert display_text(line) == "a message"
