from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder_core import canonical as module
from encoder_core.canonical import MASK, canonical

WORDS = ["user", "0x", "a3", "7", "2024", "deadbeef", "code=", "port ", "::"]
ODD = ["\n", "\0", "\ud83d", "\ude00", "é", "٣٣٣", "\x7f", "\xfe", "\xff"]
PIECES = st.sampled_from([*WORDS, *ODD, *':-._ =*"'])
LINES = st.one_of(st.text(st.characters(codec=None)), st.lists(PIECES).map("".join))


def key(line: str) -> str:
    (found,) = canonical([line])
    return found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2026-01-31T23:59:59.123Z up", "2025-12-01T00:00:07.9Z up"),
        ("2026-01-31 23:59:59,123 up", "2025-12-01 00:00:07,456 up"),
        ("Mar 28 05:17:05 up", "Mar 11 17:45:59 up"),
        ("[17/May/2015:11:05:55 +0000] up", "[30/May/2026:01:22:33 +0200] up"),
        ("1718000000.123 up", "1700000000.9 up"),
        ("at 1718000000", "at 1700000000123"),
        ("from 10.0.0.7 port 50122", "from 203.0.113.213 port 44310"),
        ("10.20.6.13#46694", "10.20.8.13#38211"),
        ("10.0.0.1:50022 open", "192.168.17.4:443 open"),
        ("from fe80::20c:29ff:fe77:20d4 now", "from fe80::1ac:31fe:ab77:1 now"),
        ("from 2001:db8:0:0:1:2:3:4", "from 2001:db8:a:b:c1:d:e:f"),
        ("mac 00:1a:2b:dd:ee:1f", "mac a0:36:9f:00:bc:da"),
        ("mac 00-1A-2B-DD-EE-1F", "mac A0-36-9F-00-BC-DA"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id deadbee5-beef-4fad-bcde-abcdefabcde1"),
        (
            "commit be3d87556921089fc4594a1fb3bcf9d7d95d093b",
            "commit 00000a1fb3bcf9d7d95d093bbe3d87556921089f",
        ),
        ("at 0xdeadbeef", "at 0x7f615af012e0"),
        ("block blk_-1608999687919862906 done", "block blk_-8213344 done"),
        ("session g02YwhPFHEBiRHKhsALl2ow7GgAj", "session 8Kd0jeuVn3xYYxaPqq11ZA"),
        ("request req-ab12cd34ef", "request req-0099ff00aa"),
        ("sshd[21563]: up", "sshd[99]: up"),
        ("took 35 ms, 1024 bytes", "took 1250 ms, 88 bytes"),
        ("took 35ms and 1.5s", "took 120ms and 22.75s"),
        ("conn871 closed", "conn12513677 closed"),
        ("uid=12345", "uid=54321"),
        ("step 3/9 done", "step 12/45 done"),
        ("sampled 2,5 of it", "sampled 12,75 of it"),
    ],
)
def test_lines_that_differ_in_what_varies_share_a_key(first, second):
    assert key(first) == key(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Failed password for root", "Failed password for admin"),
        ("GET /etc/passwd", "GET /etc/shadow"),
        ("COMMAND=/bin/ls", "COMMAND=/bin/sh"),
        ('"GET / HTTP/1.1" 200 512', '"GET / HTTP/1.1" 500 512'),
        ("method=GET path=/ status=200", "method=GET path=/ status=403"),
        ("EventID=4624", "EventID=4625"),
        ('{"EventID": 4624}', '{"EventID": 4625}'),
        ("<EventID>4624</EventID>", "<EventID>4625</EventID>"),
        ("event_id=4624", "event_id=1102"),
        ("code=4624", "code=4688"),
        ("Status=0xC000006D", "Status=0xC0000234"),
        ("TokenElevationType=%%1936", "TokenElevationType=%%1937"),
        ("GrantedAccess=0x1410", "GrantedAccess=0x1000"),
        ("port 22", "port 4444"),
        ("DestinationPort=445", "DestinationPort=3389"),
        ("uid=0", "uid=1007"),
        ("exit=0", "exit=1"),
        ("LogonType=3", "LogonType=10"),
        ("ipv4 route", "ipv6 route"),
        ("md5 sum", "sha1 sum"),
        ("пользователь root", "пользователь админ"),
        ("10.0.0.1 is up", "10.0.0 is up"),
        ("dead:beef:cafe", "cafe:dead:beef"),
        ("face-to-bad-bed", "face-to-bad-add"),
    ],
)
def test_lines_that_say_different_things_have_different_keys(first, second):
    assert key(first) != key(second)


def test_a_key_is_the_line_with_a_mark_for_each_volatile_part():
    line = "Mar 28 05:17:05 web-1 sshd[21563]: Failed password for root from 203.0.113.7 port 44060 ssh2"
    expected = "Mar * * web-1 sshd[*]: Failed password for root from *.*.*.* port * ssh2"
    assert key(line) == expected
    assert MASK == "*"


def test_no_lines_have_no_keys():
    assert canonical([]) == []


@given(st.lists(LINES))
def test_a_key_does_not_depend_on_the_lines_around(lines):
    assert canonical(lines) == [key(line) for line in lines]


@given(st.lists(LINES), st.integers(1, 40))
def test_a_key_does_not_depend_on_how_lines_are_taken_together(lines, characters):
    expected = canonical(lines)
    usual = module.CHUNK_CHARACTERS
    module.CHUNK_CHARACTERS = characters
    try:
        assert canonical(lines) == expected
    finally:
        module.CHUNK_CHARACTERS = usual


@given(LINES)
def test_only_ascii_letters_and_digits_are_ever_masked(line):
    def rest(text: str) -> list[str]:
        return [c for c in text if not (c.isascii() and c.isalnum()) and c != MASK]

    if MASK not in line and line.isascii():
        assert rest(key(line)) == rest(line)


@given(LINES)
def test_the_key_of_a_key_is_itself(line):
    assert key(key(line)) == key(line)


@given(st.text(st.characters(codec=None, exclude_categories=["Nd"], exclude_characters="0123456789xX")))
def test_a_line_without_digits_is_its_own_key(line):
    assert key(line) == line


@given(st.uuids(), st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(10, 10**20), st.datetimes())
def test_whatever_the_values_the_key_is_that_of_the_template(identifier, source, target, size, time):
    line = f"{time:%Y-%m-%d %H:%M:%S} {source} -> {target}: sent {size} bytes"
    assert key(line) == "* * *.*.*.* -> *.*.*.*: sent * bytes"
    assert key(f"request {identifier}") == key(f"request {uuid.UUID(int=0x1234567890AB4DEF8123456789ABCDEF)}")


def test_a_very_long_line_has_a_key():
    assert key("x1 " * 130_000 + "1" * 400_000) == "x1 " * 130_000 + MASK
    assert key("1a" * 200_000) == MASK
