"""Compressed values: what is inside is read as if it had come alone, within bounds."""

import bz2
import gzip
import json
import zlib

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.envelopes import MAX_LINES, Reader
from connectors.envelopes.compressed import Gzip, Zstd
from connectors.envelopes.envelope import MAX_MESSAGE_BYTES


def zstd(data: bytes) -> bytes:
    return bytes(cramjam.zstd.compress(data))


PACKED = [pytest.param(gzip.compress, "gzip", id="gzip"), pytest.param(zstd, "zstd", id="zstd")]


def read(value: bytes):
    return Reader().read(value)


@pytest.mark.parametrize(("pack", "name"), PACKED)
def test_a_compressed_line_is_the_line(pack, name):
    (record,) = read(pack(b"<38>Nov 25 10:00:00 web1 sshd[812]: session opened"))
    assert record.envelope == name
    assert record.text == "sshd: session opened"
    assert record.parse_error is None


@pytest.mark.parametrize(("pack", "name"), PACKED)
def test_many_lines_and_further_envelopes_are_undone(pack, name):
    events = [{"n": n, "state": "up"} for n in range(3)]
    records = read(pack(pack("\n".join(map(json.dumps, events)).encode())))
    assert [record.fields["n"] for record in records] == ["0", "1", "2"]
    assert {record.envelope for record in records} == {f"{name}/{name}"}


def test_a_cloudwatch_subscription_is_its_log_events():
    events = [
        {"id": str(n), "timestamp": 1764064800000 + n, "message": f"request {n} done"} for n in range(25)
    ]
    names = {"owner": "1", "logGroup": "/app", "logStream": "s", "subscriptionFilters": ["f"]}
    records = read(
        gzip.compress(json.dumps({"messageType": "DATA_MESSAGE", **names, "logEvents": events}).encode())
    )
    assert [record.text for record in records] == [event["message"] for event in events]
    assert {record.envelope for record in records} == {"gzip/cloudwatch"}
    control = {"messageType": "CONTROL_MESSAGE", **names, "logEvents": events[:1]}
    assert read(gzip.compress(json.dumps(control).encode())) == []


def test_members_and_frames_after_one_another_are_one_value():
    assert Gzip().unwrap(gzip.compress(b"one ") + gzip.compress(b"two")) == [b"one two"]
    assert Zstd().unwrap(zstd(b"one ") + zstd(b"two")) == [b"one two"]


@pytest.mark.parametrize(("pack", "name"), PACKED)
def test_a_value_up_to_the_bound_is_unpacked_and_a_longer_one_is_an_error(pack, name):
    envelope = {"gzip": Gzip(), "zstd": Zstd()}[name]
    assert len(envelope.unwrap(pack(bytes(MAX_MESSAGE_BYTES)))[0]) == MAX_MESSAGE_BYTES
    (record,) = read(pack(b"x" * (MAX_MESSAGE_BYTES + 1)))
    assert record.parse_error == f"{name}: unpacks to more than {MAX_MESSAGE_BYTES} bytes"


@pytest.mark.timeout(20)
def test_bombs_of_bombs_and_of_empty_members_end_soon():
    bomb = b"x" * MAX_MESSAGE_BYTES
    for _ in range(12):
        bomb = gzip.compress(bomb)
    assert len(read(bomb)) == 1
    (record,) = read(gzip.compress(b"") * 1_000_000)
    assert "members" in record.parse_error
    (record,) = read(gzip.compress(b'{"a":1}\n' * (MAX_LINES + 1)))
    assert str(MAX_LINES) in record.parse_error


@pytest.mark.parametrize(("pack", "name"), PACKED)
def test_a_cut_or_broken_value_says_so_and_is_kept(pack, name):
    whole = pack(b"disk full on /dev/sda1 " * 50)
    broken = whole[:6] + b"\xff" * 9 + whole[15:]
    for value in (whole[:-1], whole[:5], broken):
        (record,) = read(value)
        assert record.format == "raw"
        assert record.text
        assert record.parse_error.startswith(f"{name}: ")


@pytest.mark.parametrize(
    "value", [bz2.compress(b"line" * 40), zlib.compress(bytes(range(256)) * 9), b"PAR1\0\0" * 90]
)
def test_what_is_no_text_never_passes_as_a_line(value):
    (record,) = read(value)
    assert f"value of {len(value)} bytes is no text" in record.parse_error


@pytest.mark.parametrize(
    "line",
    [
        "tabs\tand\x1b[31mcolours",
        "8=FIX.4.2\x019=12\x0135=A\x01",
        "größe übergeben",
        "日志 写入 失败",
        "a\x00b and more",
    ],
)
def test_text_with_a_few_odd_characters_is_a_line(line):
    (record,) = read(line.encode())
    assert record.parse_error is None


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([gzip.compress(b"a line\n" * 9), zstd(b"a line\n" * 9)]), st.data())
def test_no_changed_byte_is_an_error_of_ours(value, data):
    at = data.draw(st.integers(0, len(value) - 1))
    changed = value[:at] + bytes([data.draw(st.integers(0, 255))]) + value[at + 1 :]
    assert len(read(changed)) >= 1
