"""Following an object's plan gives what the plain way gives, whatever the object."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats.pairs import MAX_FIELDS, MAX_VALUE
from connectors.formats.structured import OBJECTS, parse_object, parse_plainly

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
EVENTS = st.dictionaries(NAMES, VALUES, max_size=6)


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
    OBJECTS.clear()


def seen(event: dict) -> None:
    """Shows an object as often as its plan needs."""
    for _ in range(2):
        parse_object(event)


@given(event=EVENTS, draw=st.data())
def test_a_plan_gives_what_the_plain_way_gives(event, draw):
    OBJECTS.clear()
    seen(event)
    alike = other(event, draw)
    found, plain = parse_object(alike), parse_plainly(alike)
    assert found == plain
    assert list(found.fields) == list(plain.fields)


@given(first=EVENTS, second=EVENTS)
def test_objects_of_different_shapes_do_not_share_a_plan(first, second):
    OBJECTS.clear()
    seen(first)
    assert parse_object(second) == parse_plainly(second)


def test_where_nested_names_end_is_part_of_the_shape():
    seen({"a": {"x": "1"}, "b": {"y": "2", "z": "3"}})
    seen({"a": {"x": ["1"]}, "b": ["2", "3"]})
    assert parse_object({"a": {"x": "1", "y": "2"}, "b": {"z": "3"}}).fields == {
        "a.x": "1",
        "a.y": "2",
        "b.z": "3",
    }
    assert parse_object({"a": {"x": ["1", "2"]}, "b": ["3"]}).fields == {"a.x": "1,2", "b": "3"}


def test_the_third_object_of_a_shape_is_not_flattened(monkeypatch):
    seen({"user": {"name": "eve"}, "code": 1})
    monkeypatch.setattr("connectors.formats.structured.flatten", lambda _event: 1 / 0)
    record = parse_object({"user": {"name": "mallory"}, "code": 503})
    assert record.fields == {"user.name": "mallory", "code": "503"}
    assert record.text == "name=mallory code=503"


def test_shapes_are_bounded(monkeypatch):
    monkeypatch.setattr("connectors.formats.object_shapes.SHAPES", 50)
    for number in range(500):
        seen({f"k{number}": "v"})
    assert OBJECTS.size <= 50


@pytest.mark.parametrize("count", [300, 5000])
def test_at_most_so_many_columns(count):
    event = {f"k{number}": str(number) for number in range(count)}
    seen(event)
    assert len(parse_object(event).fields) == MAX_FIELDS
    assert OBJECTS.size == (count == 300)


def test_nuls_are_replaced():
    seen({"a": "b", "n": ["x", "y"]})
    assert parse_object({"a": "\x00b", "n": ["x", "\x00"]}).fields == {"a": "\ufffdb", "n": "x,\ufffd"}
    seen({"a\x00": "b"})
    assert parse_object({"a\x00": "b"}).fields == {"a\ufffd": "b"}


@given(event=st.dictionaries(st.sampled_from("abcdefg"), VALUES, max_size=5))
def test_names_and_values_are_those_of_the_object(event):
    OBJECTS.clear()
    seen(event)
    record = parse_object(event)
    expected: dict[str, list[str]] = {}
    for name, value in leaves_of(event):
        expected.setdefault(name, []).append(value)
    for name, values in expected.items():
        assert record.fields[name] == ",".join(values)
        kept = ",".join([value for value in values if value])
        short = name.rpartition(".")[2] or name
        assert not kept or short in ("ts", "@timestamp") or f"{short}={kept[:MAX_VALUE]}" in record.text
    assert list(record.fields) == list(expected)


def test_an_empty_message_gives_way_to_the_next_one():
    event = {"message": "first", "msg": "second", "log": 7}
    seen(event)
    assert [parse_object({**event, "message": said}).message for said in ("first", "")] == ["first", "second"]


def test_a_number_is_no_message():
    event = {"message": 7, "msg": "second"}
    seen(event)
    assert parse_object(event).message == parse_plainly(event).message == "second"
