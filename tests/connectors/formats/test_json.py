"""JSON objects. All sample lines are made up."""

import calendar

import orjson
import pytest

from connectors.formats import parse

MOMENT = calendar.timegm((2024, 1, 2, 3, 4, 5))
"""The time that most sample lines state, in epoch seconds."""


class TestJson:
    def test_nested_objects_become_dotted_fields_and_short_keys_in_the_text(self):
        record = parse(b'{"user":{"name":"eve","groups":["ops","dev"]},"ok":true,"ratio":0.5}')
        assert record.fields == {
            "user.name": "eve",
            "user.groups": "ops,dev",
            "ok": "true",
            "ratio": "0.5",
        }
        assert record.text == "name=eve groups=ops,dev ok=true ratio=0.5"
        assert record.format == "json"

    def test_objects_in_a_list_share_one_name(self):
        record = parse(b'{"rule":[{"id":"a"},{"id":"b"},"c"]}')
        assert record.fields == {"rule.id": "a,b", "rule": "c"}

    @pytest.mark.parametrize(
        "pair",
        [
            '"time":"noon"',
            '"@timestamp":"x"',
            '"eventTime":"x"',
            '"ts":1.5',
            '"date":"today"',
            '"x":""',
            '"x":null',
        ],
    )
    def test_times_and_empty_values_are_fields_but_not_text(self, pair):
        record = parse(f'{{"event":"login",{pair}}}'.encode())
        assert record.text == "event=login"
        assert len(record.fields) == 2

    @pytest.mark.parametrize(
        "value", ["1234", "0123456789abcdef", "4.5", "2024-01-02", "-98765", "runtime", "12345 bytes"]
    )
    def test_any_other_value_is_in_the_text(self, value):
        assert parse(orjson.dumps({"x": value})).text == f"x={value}"

    def test_a_record_of_nothing_else_shows_its_names(self):
        assert parse(b'{"time":123456,"host":{"id":null}}').text == "time= id="

    def test_text_values_are_cut_to_256_characters_and_fields_are_whole(self):
        record = parse(orjson.dumps({"m": "é" * 300}))
        assert record.text == "m=" + "é" * 256
        assert record.fields["m"] == "é" * 300

    def test_at_most_200_fields_and_32_levels_are_kept(self):
        many = parse(orjson.dumps({f"k{number}": "v" for number in range(300)}))
        assert len(many.fields) == 200
        deep = parse(b'{"a":' * 31 + b'{"x":1}' + b"}" * 31)
        assert deep.fields == {"a." * 31 + "x": "1"}
        assert parse(b'{"a":' * 32 + b'{"x":1}' + b"}" * 32).fields == {}

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ('"2024-01-02T03:04:05Z"', 0),
            ('"2024-01-02T03:04:05.5+00:00"', 0.5),
            ("1704164645", 0),
            ("1704164645500", 0.5),
            ("1704164645.5", 0.5),
            ('"1704164645500"', 0.5),
        ],
    )
    def test_the_events_time_is_read(self, value, seconds):
        assert parse(f'{{"id":7,"timestamp":{value}}}'.encode()).time == MOMENT + seconds

    @pytest.mark.parametrize(
        "line",
        ['{"a":1', "{a:1}", '{"a":1} tail', "{}}", '{"a":' * 10_000 + "1" + "}" * 10_000],
    )
    def test_a_brace_without_valid_json_is_raw_with_an_error(self, line):
        record = parse(line.encode())
        assert (record.format, record.text, record.fields) == ("raw", line, {})
        assert record.parse_error.startswith("invalid JSON")

    @pytest.mark.parametrize("line", ["[1,2]", "42", '"text"', "null", '[{"a":1}]'])
    def test_json_that_is_no_object_is_raw(self, line):
        record = parse(line.encode())
        assert (record.format, record.text, record.parse_error) == ("raw", line, None)

    def test_json_may_follow_a_timestamp_or_blanks(self):
        record = parse(b'2024-01-02T03:04:05Z {"a":"b"}')
        assert (record.format, record.time, record.text) == ("json", MOMENT, "a=b")
        assert parse(b'  {"a":"b"}').format == "json"
        assert parse(b"2024-01-02T03:04:05Z {a} b").parse_error is None
