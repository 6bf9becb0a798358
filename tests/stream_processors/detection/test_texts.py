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


def test_people_see_a_line_without_its_envelope():
    def shown(held):
        return display_text(
            Line(0, 0.0, Record(text="a=b", format="json", line=held), value=b"the whole message")
        )

    assert shown("a line") == "a line"
    assert shown("\udcff" + "x" * 9_000) == "?" + "x" * (TEXT_CHARACTERS - 1)
    assert shown({"a": "b", "n": [1, None]}) == '{"a":"b","n":[1,null]}'
    assert shown({"big": 10**30, "half": "\ud800", "bytes": b"x"}) == (
        '{"big":1000000000000000000000000000000,"half":"?","bytes":"b\'x\'"}'
    )
    deep: dict = {}
    for _ in range(100_000):
        deep = {"d": deep}
    assert shown(deep) == "a=b"
