from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import CONTAINER, NAMESPACE, SERVICE, Record
from stream_processors.detection.naming import NAME_CHARACTERS, NONE, clean, namer


def name(setting: str, shipper: dict | None = None, **columns: str) -> str:
    return namer(setting)(Record(text="x", format="json", fields=columns, shipper=shipper))


def test_a_service_is_the_lines_own_else_its_container():
    assert name("service", **{SERVICE: "checkout", CONTAINER: "app"}) == "checkout"
    assert name("service", **{CONTAINER: "app"}) == "app"
    assert name("service") == NONE


def test_a_namespace_and_a_container_are_named_together_as_far_as_they_are_known():
    assert name("namespace/container", **{NAMESPACE: "shop", CONTAINER: "app"}) == "shop/app"
    assert name("namespace/container", **{CONTAINER: "app"}) == "app"
    assert name("namespace/container") == NONE


def test_any_column_or_path_of_the_shippers_data_may_name_a_source():
    assert name("team", team="blue") == "blue"
    assert name("labels.team", **{"labels.team": "blue"}) == "blue"
    shipper = {"filebeat": {"fields": {"team": "red", "size": 3}, "agent.name": {"x.y": "z"}, "tags": ["a"]}}
    assert name("fields.team", shipper) == "red"
    assert name("filebeat.fields.team", shipper) == "red"
    assert name("fields.size", shipper) == "3"
    assert name("agent.name.x.y", shipper) == "z"
    assert name("fields.team", shipper, **{"fields.team": "of the line"}) == clean("of the line")
    for path in ("tags", "fields", "fields.none", "fields.team.x", "", "."):
        assert name(path, shipper) == NONE


@pytest.mark.parametrize("plain", ["checkout", "shop/app", "web-1.example.com", "日志", "user@host", "a_b+c"])
def test_an_ordinary_name_stays_as_it_is(plain):
    assert clean(plain) == plain


def test_names_that_are_changed_stay_apart():
    odd = ["a:b", "a b", "a{b", "a\nb", "-none", "-rare", "\ud800", "a" * 200, "a" * 201, "*"]
    cleaned = [clean(one) for one in odd]
    assert len(set(cleaned)) == len(odd)
    assert not set(cleaned) & {"a_b", "_none", "a" * NAME_CHARACTERS}


@given(st.text(alphabet=st.characters(), max_size=300))
def test_every_name_is_short_printable_without_braces_and_none_of_ours(text):
    found = clean(text)
    assert found.encode()
    assert len(found) <= NAME_CHARACTERS + 9
    assert found.isprintable()
    assert not set(found) & set(" :{}*?[]'\"\\")
    assert not found.startswith("-") or (text, found) == ("", NONE)
