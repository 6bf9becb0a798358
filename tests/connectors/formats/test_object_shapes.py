"""Following an object's plan gives what the plain way gives, whatever the object."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats.pairs import MAX_FIELDS
from connectors.formats.structured import OBJECTS, parse_object, parse_plainly
from tests.connectors.formats.test_json_shapes import OBJECTS as EVENTS
from tests.connectors.formats.test_json_shapes import other


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
