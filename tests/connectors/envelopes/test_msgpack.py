"""MessagePack of Fluent Bit and Fluentd: one line a map, with the time that stands beside it."""

import contextlib

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.envelopes import Reader
from connectors.envelopes.envelope import Undecodable
from connectors.envelopes.msgpack import MessagePack
from connectors.records import NAMESPACE

EVENT = {"level": "warn", "reason": "no space", "free": 12, "ok": False, "nothing": None}
EVENT_TIME = msgpack.ExtType(0, (1764064800).to_bytes(4, "big") + (500_000_000).to_bytes(4, "big"))


def read(*values):
    return Reader().read(b"".join(map(msgpack.packb, values)))


def test_a_map_is_an_object():
    (record,) = read(EVENT)
    assert record.envelope == "msgpack"
    assert record.fields == {
        "level": "warn",
        "reason": "no space",
        "free": "12",
        "ok": "false",
        "nothing": "",
    }


@pytest.mark.parametrize("stamp", [EVENT_TIME, 1764064800.5, [EVENT_TIME, {"meta": 1}]])
def test_a_pair_has_its_time(stamp):
    (record,) = read([stamp, EVENT])
    assert record.time == 1764064800.5
    assert record.fields["reason"] == "no space"


def test_many_pairs_in_an_array_or_after_one_another_are_many_lines():
    pairs = [[1764064800 + n, {"n": n}] for n in range(40)]
    for values in ([pairs], pairs, [pairs[:20], *pairs[20:]]):
        records = read(*values)
        assert [record.fields["n"] for record in records] == [str(n) for n in range(40)]
        assert [record.time for record in records] == [1764064800 + n for n in range(40)]


def test_a_line_inside_is_read_as_any_other():
    pod = {"namespace_name": "shop", "container_name": "app", "pod_name": "app-1", "docker_id": "d1"}
    event = {"log": "<38>Nov 25 10:00:00 web1 sshd[812]: opened\n", "stream": "stdout", "kubernetes": pod}
    (record,) = read([EVENT_TIME, event])
    assert record.text == "sshd: opened"
    assert record.envelope.startswith("msgpack/")
    assert record.fields[NAMESPACE] == "shop"


def test_names_and_bytes_of_other_types_are_text():
    (record,) = read(
        {
            b"raw": b"caf\xc3\xa9 \xff",
            7: "seven",
            "t": msgpack.Timestamp(1764064800),
            "e": msgpack.ExtType(9, b"x"),
        }
    )
    assert record.fields == {"raw": "café \ufffd", "7": "seven", "t": "1764064800.0", "e": "x"}


def test_a_cut_or_broken_one_says_so():
    whole = msgpack.packb(EVENT)
    for value in (whole[:-1], whole[:12], whole + b"\xc1", whole + msgpack.packb(7)):
        (record,) = Reader().read(value)
        assert record.parse_error.startswith("msgpack: ")


@pytest.mark.parametrize("line", ["ߐߐ and more", "ޑ text", "ޑ", "plain", "\u00de\u0081 x"])
def test_text_is_told_from_it(line):
    assert Reader().read(line.encode())[0].envelope == ""


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats()
TEXT = st.text(max_size=9)
VALUES = st.recursive(
    SCALARS | TEXT | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.integers(0, 9), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(VALUES, st.data())
def test_any_value_whole_or_changed_is_read(value, data):
    packed = msgpack.packb(value)
    for record in Reader().read(packed):
        assert all(type(item) is str for pair in record.fields.items() for item in pair)
    at = data.draw(st.integers(0, len(packed) - 1))
    changed = packed[:at] + data.draw(st.binary(max_size=4)) + packed[at + 1 :]
    with contextlib.suppress(Undecodable):  # it may begin as Confluent's wire format does then
        assert Reader().read(changed) is not None


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "value",
    [
        *(b"\x81\xa1a" * 100_000, b"\x91" * 500_000),
        *(b"\xdf\xff\xff\xff\xff\xa1a", b"\xdd\xff\xff\xff\xff\x80"),
    ],
)
def test_depth_and_promised_lengths_are_bounded(value):
    assert len(Reader().read(value)) == 1


def test_many_empty_maps_are_bounded():
    assert MessagePack().unwrap(b"\x81\xa1a\x01" * 10)
    with pytest.raises(ValueError, match="more than"):
        MessagePack().unwrap(b"\x81\xa1a\x01" * 200_000)
