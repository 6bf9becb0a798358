import pytest

from connectors.envelopes.paths import MAX_DEPTH, MISSING, add_columns, get, string, text, without
from connectors.formats import MAX_FIELDS


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ({"log": {"file": {"path": "/a"}}}, "/a"),
        ({"log.file.path": "/a"}, "/a"),
        ({"log": {"file.path": "/a"}}, "/a"),
        ({"log.file": {"path": "/a"}}, "/a"),
        ({"log": "text", "log.file": {"path": "/a"}}, "/a"),
        ({"log": {"file": None}}, MISSING),
        ({"log": {"file": {"path": None}}}, None),
        ({"log": ["file"]}, MISSING),
        (["log"], MISSING),
    ],
)
def test_a_path_is_found_nested_literal_or_mixed(event, value):
    assert get(event, "log.file.path", MISSING) == value


def test_without_leaves_the_rest_and_the_event_as_they_are():
    event = {"a": {"b": 1, "c": 2}, "d.e": 3, "f": 4}
    assert without(event, "a.b") == {"a": {"c": 2}, "d.e": 3, "f": 4}
    assert without(event, "d.e") == {"a": {"b": 1, "c": 2}, "f": 4}
    assert without(event, "a.x") is event
    assert event == {"a": {"b": 1, "c": 2}, "d.e": 3, "f": 4}


def test_texts_are_strings_and_numbers_alone():
    assert [text(value) for value in ("a", 5, 1.5, True, None, [], {})] == ["a", "5", "1.5", "", "", "", ""]
    assert string({"a": 1, "b": "", "c": "x"}, "a", "b", "c") == "x"
    assert string(None, "a") == string("a", "a") == ""


def test_columns_are_dotted_and_lists_joined():
    columns = {"user.name": "bo"}
    event = {
        "user": {"name": "eve", "roles": ["a", 1, None, True], "groups": [{"id": "x"}]},
        "ok": False,
        "no": None,
    }
    add_columns(columns, event, event)
    assert columns == {
        "user.name": "bo",
        "user.roles": "a,1,,true",
        "user.groups.id": "x",
        "ok": "false",
    }


def test_columns_are_bounded():
    deep = {"x": "leaf"}
    for _ in range(2 * MAX_DEPTH):
        deep = {"n": deep}
    columns = {}
    add_columns(columns, {"deep": deep, **{str(n): "v" for n in range(2 * MAX_FIELDS)}}, ["deep", "1"])
    assert columns == {"1": "v"}
    many = {str(n): "v" for n in range(2 * MAX_FIELDS)}
    add_columns(columns, many, many)
    assert len(columns) == MAX_FIELDS
