"""JSON that stands alone, after one another, in an array, or only resembles JSON. All values are made up."""

from __future__ import annotations

import pytest

from connectors.envelopes import Reader
from connectors.formats import json_events, parse
from connectors.formats.json_text import MAX_CONTAINERS


class TestWhatOnlySomeCallJson:
    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
    def test_no_number_is_a_value_of_that_name(self, number):
        record = parse(f'{{"event":"scored","score":{number},"user":"eve"}}'.encode())
        assert (record.format, record.parse_error) == ("json", None)
        assert record.fields == {"event": "scored", "score": number, "user": "eve"}
        assert record.text == f"event=scored score={number} user=eve"

    def test_half_a_surrogate_pair_becomes_a_replacement_character(self):
        record = parse(b'{"user":"eve \\ud800","smile":"\\ud83d\\ude00"}')
        assert record.fields == {"user": "eve \ufffd", "smile": "\U0001f600"}

    @pytest.mark.parametrize(
        "text",
        ['{"a":NaN', '{"a":NaNs}', '{"a":"NaN"}}', '{"a":' * 5_000 + "NaN" + "}" * 5_000, '{"a":"\\u12"}'],
    )
    def test_what_is_no_json_for_anyone_is_raw(self, text):
        record = parse(text.encode())
        assert (record.format, record.text) == ("raw", text)
        assert record.parse_error.startswith("invalid JSON")


class TestEvents:
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\n \t\r\n"])
    def test_objects_on_lines_of_their_own(self, end):
        assert json_events(end.join(['{"a":1}', '{"b":2}', '{"c":3}']) + end) == [
            {"a": 1},
            {"b": 2},
            {"c": 3},
        ]

    def test_objects_over_several_lines(self):
        text = '{\n  "a": {\n    "b": 1\n  }\n}\n{\n  "c": [\n    {}\n  ]\n}\n{"d": 2}'
        assert json_events(text) == [{"a": {"b": 1}}, {"c": [{}]}, {"d": 2}]

    @pytest.mark.parametrize("broken", ['{"b":', '{"b" 2}', "plain words", '{"b":1} tail'])
    def test_a_broken_line_alone_stays_text(self, broken):
        assert json_events(f'{{"a":1}}\n{broken}\n{{"c":3}}') == [{"a": 1}, broken, {"c": 3}]

    def test_a_broken_object_over_several_lines_is_one_text(self):
        text = '{\n  "a": 1\n}\n{\n  "b": oops\n}\n{\n  "c": 3\n}'
        assert json_events(text) == [{"a": 1}, '{\n  "b": oops\n}', {"c": 3}]

    def test_a_line_separator_within_a_string_ends_no_line(self):
        assert json_events('{"a":"x\u2028y"}\n{"b":"\x85"}') == [{"a": "x\u2028y"}, {"b": "\x85"}]

    def test_an_array_of_objects_and_of_objects_and_strings(self):
        assert json_events('[{"a":1},{"b":2}]') == [{"a": 1}, {"b": 2}]
        assert json_events('[{"a":1},"text"]') == [{"a": 1}, "text"]

    @pytest.mark.parametrize(
        "text",
        [
            "[]",
            "[1,2]",
            '["a","b"]',
            "[[{}]]",
            '[{"a":1},[2]]',
            "[" * 100_000,
            "[" * 500 + "]" * 500,
            "{",
            "[1",
        ],
    )
    def test_other_arrays_are_one_line(self, text):
        assert json_events(text) == []
        assert [record.text for record in Reader().read(text.encode())] == [text[:65_536]]

    def test_the_string_of_a_quoted_one(self):
        assert json_events('"a \\u003cb\\u003e"') == ["a <b>"]

    def test_a_message_of_several_has_an_error_for_the_broken_one_only(self):
        records = Reader().read(b'{"a":"x"}\n{"b":\n{"c":"z"}')
        assert [record.text for record in records] == ["a=x", '{"b":', "c=z"]
        assert [bool(record.parse_error) for record in records] == [False, True, False]

    @pytest.mark.parametrize("unit", ["[],", "{},", "[", '{"a":['])
    def test_more_containers_than_the_limit_are_not_built(self, unit):
        text = "[" + unit * (MAX_CONTAINERS + 1) + "]"
        (record,) = Reader().read(text.encode())
        assert (record.format, record.cut) == ("raw", True)

    @pytest.mark.parametrize(
        "unit", ['{"a":[\n', "}\n", "{\n", '{"a":1}\n{', "}\n\n\n{", '{"a":NaN,\n', '"\n{"']
    )
    def test_hostile_text_of_a_megabyte_finishes(self, unit):
        json_events(('{"a":1}\n' + unit * (1_000_000 // len(unit)))[:1_000_000])
