"""Following a plan gives what building the object gives, whatever the object and however it is damaged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats import structured
from connectors.formats.json_shapes import JsonShapes
from connectors.formats.pairs import MAX_FIELDS, MAX_VALUE, is_volatile
from connectors.formats.structured import MESSAGES, SHAPES, flatten, parse_known, parse_object
from connectors.records import Record

NAMES = st.sampled_from(
    ["a", "b", "a.b", "ts", "@timestamp", "level", "message", "msg", "", "é", 'q"', "n\\", "log"]
)
STRINGS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "x", "12345", "WARN", "2026-11-25T10:00:00Z", 'say "x"', "C:\\dir", "\x00", "#3", "{}", "a,b"]
    ),
)
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20), st.sampled_from([0, -0.0, 0.5, 1e300, 1764064800, 1764064800.5, 10**18])
)
SCALARS = st.one_of(STRINGS, NUMBERS, st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)


def leaves_of(node: Any, name: str = "") -> list[tuple[str, str]]:
    """The plain meaning of a nested value: names joined by dots, items under their list's name."""
    if isinstance(node, dict):
        return [
            leaf for key, item in node.items() for leaf in leaves_of(item, f"{name}.{key}" if name else key)
        ]
    if isinstance(node, list):
        return [leaf for item in node for leaf in leaves_of(item, name)]
    spelled = (
        {None: "", True: "true", False: "false"}.get(node) if node is None or isinstance(node, bool) else None
    )
    return [(name, (str(node) if spelled is None else spelled).replace("\x00", "\ufffd"))]


def other(value: Any, draw: st.DataObject) -> Any:
    """Another value of the same shape."""
    if isinstance(value, dict):
        return {name: other(item, draw) for name, item in value.items()}
    if isinstance(value, list):
        return [other(item, draw) for item in value]
    if isinstance(value, str):
        return draw.draw(STRINGS)
    return value if isinstance(value, bool) or value is None else draw.draw(NUMBERS)


@pytest.fixture(autouse=True)
def no_plans_yet():
    SHAPES.clear()


def parse_json(text: str) -> Record:
    """By its plan, where it has one."""
    known = SHAPES.find(text)
    record = parse_known(known) if known else structured.parse_json(text)
    record.text = record.text or text
    return record


def seen(text: str) -> None:
    """Shows a text as often as its plan needs."""
    for _ in range(3):
        parse_json(text)


class TestPlans:
    @given(event=OBJECTS, draw=st.data(), ascii_only=st.booleans(), blanks=st.booleans())
    def test_a_plan_gives_what_the_object_gives(self, event, draw, ascii_only, blanks):
        SHAPES.clear()
        options = {"ensure_ascii": ascii_only, "separators": (", ", ": ") if blanks else (",", ":")}
        seen(json.dumps(event, **options))
        text = json.dumps(other(event, draw), **options)
        found = parse_json(text)
        SHAPES.clear()
        assert found == parse_json(text)
        assert list(found.fields) == list(parse_json(text).fields)

    @given(event=OBJECTS, draw=st.data())
    def test_damaged_text_is_read_as_if_it_had_no_plan(self, event, draw):
        SHAPES.clear()
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        seen(text)
        at = draw.draw(st.integers(0, len(text)))
        piece = draw.draw(
            st.sampled_from([*'{}[]",:0123456789-.eE\\ \n\t\x01é', "", "null", "\\u0000", "\\ud800"])
        )
        damaged = text[:at] + piece + text[at + draw.draw(st.integers(0, 2)) :]
        found = parse_json(damaged)
        SHAPES.clear()
        assert found == parse_json(damaged)

    @given(event=st.dictionaries(st.sampled_from("abcdefg"), VALUES, max_size=5))
    def test_names_and_values_are_those_of_the_object(self, event):
        SHAPES.clear()
        seen(json.dumps(event))
        record = parse_json(json.dumps(event))
        expected: dict[str, list[str]] = {}
        for name, value in leaves_of(json.loads(json.dumps(event))):
            expected.setdefault(name, []).append(value)
        big = {name for name, value in leaves_of(event) if "e" in value.lower() or len(value) > 18}
        for name, values in expected.items():
            if name not in big:
                assert record.fields[name] == ",".join(values)
                kept = ",".join([value for value in values if value and not is_volatile(value)])
                short = name.rpartition(".")[2] or name
                assert (
                    not kept or short in ("ts", "@timestamp") or f"{short}={kept[:MAX_VALUE]}" in record.text
                )
        assert list(record.fields) == list(expected)

    def test_the_third_object_of_a_shape_is_not_built(self, monkeypatch):
        for number in range(2):
            parse_json(json.dumps({"user": {"name": f"eve{number}"}, "code": number}, separators=(",", ":")))
        monkeypatch.setattr("connectors.formats.structured.loads", lambda _text: 1 / 0)
        record = parse_json('{"user":{"name":"C:\\\\dir"},"code":503}')
        assert record.fields == {"user.name": "C:\\dir", "code": "503"}
        assert record.text == "name=C:\\dir code=503"

    @pytest.mark.parametrize(
        "text",
        [
            '{"a":[]}',
            '{"a":[5]}',
            '{"a":01}',
            '{"a":-}',
            '{"a":1}2',
            '{"a":1.}',
            '{"a":1e999}',
            '{"a":123456789012345678901}',
            '{"a": 1}',
            '{"a":"x\ty"}',
            '{"a":"\\x"}',
            '{"a":"',
            '{"a":"b',
            '{"a":"b"}"',
        ],
    )
    def test_what_differs_by_its_digits_or_its_end_only(self, text):
        plain = JsonShapes(flatten, MESSAGES)
        assert plain.find(text) is None
        alone = parse_json(text)
        for shape in (
            '{"a":1}',
            '{"a":-1}',
            '{"a":[]}',
            '{"a":[1]}',
            '{"a":1.5}',
            '{"a":"b"}',
            '{"a": 1}',
            '{"a":1e5}',
        ):
            seen(shape)
        assert parse_json(text) == alone

    def test_shapes_are_bounded(self, monkeypatch):
        monkeypatch.setattr("connectors.formats.json_shapes.SHAPES", 50)
        for number in range(500):
            seen(json.dumps({f"k{number}": "v", "n" * number: [[]] * (number % 90)}))
        assert SHAPES.size <= 51

    def test_at_most_so_many_columns(self):
        event = {f"k{number}": str(number) for number in range(300)}
        seen(json.dumps(event))
        assert len(parse_json(json.dumps(event)).fields) == MAX_FIELDS

    def test_an_empty_message_gives_way_to_the_next_one(self):
        text = '{"message":"%s","msg":"second","log":7}'
        seen(text % "first")
        assert [parse_json(text % said).message for said in ("first", "")] == ["first", "second"]

    def test_a_number_is_no_message(self):
        text = '{"message":7,"msg":"second"}'
        seen(text)
        assert parse_json(text).message == parse_object(json.loads(text)).message == "second"
