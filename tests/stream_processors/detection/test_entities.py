from __future__ import annotations

import pytest

from connectors.records import Record
from stream_processors.detection.entities import entities_of

FIELDS = {
    "user": "ada",
    "src_ip": "192.0.2.7",
    "dst_ip": "198.51.100.4",
    "event.session": "s-17",
    "host": "web-1",
}


def of(*names: str, **fields: object) -> tuple[str, ...]:
    return entities_of(Record(text="", format="json", fields=fields or FIELDS), (), names)


def test_who_and_where_is_found_addresses_first():
    assert of() == ("ip=192.0.2.7", "ip=198.51.100.4", "user=ada", "host=web-1")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["src_ip"], ("ip=192.0.2.7",)),
        (["session", "user"], ("session=s-17", "user=ada")),
        (["User", "SRC-IP"], ("user=ada", "ip=192.0.2.7")),
        (["tenant"], of()),
    ],
)
def test_a_line_is_about_what_the_named_columns_say_and_else_about_what_is_found(names, found):
    assert of(*names) == found


def test_an_empty_column_names_no_one():
    assert of("user", user=" ", host="web-1") == ("host=web-1",)
