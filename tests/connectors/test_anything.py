"""Whatever a message holds: it is read without an error, nothing of it is lost, and every record is whole."""

import copy
import gzip
import importlib.util
import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.envelopes import Reader
from connectors.envelopes.envelope import Undecodable
from connectors.formats import FORMATS
from stream_processors.demo.scenario import LabelledLine, scenario
from stream_processors.demo.scenario.envelopes import ENVELOPES, wrap

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"
SHARE = 20_000
"""Mutated messages of a test; five of them make 100,000."""
NEEDS = {"otlp_proto": "opentelemetry", "zstd": "cramjam", "msgpack": "msgpack"}
KNOWN = [name for name in ENVELOPES if name not in NEEDS or importlib.util.find_spec(NEEDS[name])]
NO_LINE = re.compile(rb'\[\s*\]|CONTROL_MESSAGE|resourceLogs|"payload": ?null|^#|^\x90$')
"""What a message without a line has: an empty list, a resource without logs, a tombstone, or that it is none."""
DROPPED = ("rawmsg", "original", "short_message", "messageType", "resource")
"""What others say too, and what belongs to a line that is not there. The tail of a Windows message is such a thing."""
STRANGE = [
    *(None, True, False, 0, -1, 1e308, -1e-308, 10**30, 2**63, "", " ", "\x00", "\ufeff", "\u2028", "é" * 40),
    *([], {}, [[]], [None], [{}], {"": ""}, {"a": {"b": [1, {"c": None}]}}, "2026-13-45T99:99:99Z", "NaN"),
    *('{"message":"x"}', '{"log":', '"quoted"', "<999>1 - - - - - -", "<38>", "#Fields:", "CEF:0|", "%ASA-"),
    *(
        "1764064800",
        "99999999999999999999",
        "-1",
        "0",
        "info",
        "\x1b[31m",
        "Caused by: x",
        "a=b c=d e=f",
        "\udcff",
    ),
]


def page_messages() -> list[bytes]:
    """Every example of the page about messages."""
    text = PAGE.read_text() if PAGE.is_file() else ""
    return [block.encode() for block in re.findall(r"^```message\n(.*?)\n```$", text, re.M | re.S)]


@pytest.fixture(scope="module")
def messages() -> list[bytes]:
    """Real messages: of every envelope of the scenario, plain lines, and the page's examples."""
    lines = list(scenario(lines=48, seed=5))
    held = [message.value for name in KNOWN for start in (0, 16, 32) for message in few(lines[start:], name)]
    return [*held, *(line.line.encode() for line in lines), *page_messages()]


def few(lines: list[LabelledLine], name: str):
    """Messages of four lines."""
    return list(wrap(lines[:4], name))


def assert_whole(reader: Reader, value: bytes | None) -> int:
    """Reads one message and checks its records; their number."""
    try:
        records = reader.read(value)
    except Undecodable as error:
        assert len(str(error).splitlines()) == 1
        return 1
    for record in records:
        assert 1 <= record.severity <= 24
        assert record.format in FORMATS
        assert type(record.text) is str
        assert type(record.fields) is dict
        assert record.message is None or type(record.message) is str
        assert record.time is None or (type(record.time) in (int, float) and math.isfinite(record.time))
        assert record.parse_error is None or len(record.parse_error.splitlines()) == 1
        held = [record.text, record.message or "", record.parse_error or "", record.envelope]
        for name, column in record.fields.items():
            assert type(name) is type(column) is str
            held += (name, column)
        "".join(held).encode()  # raises for a lone surrogate, which no store takes
    return len(records)


def truncated(draw: random.Random, value: bytes, other: bytes) -> bytes:
    start = draw.choice((0, 0, draw.randrange(len(value) + 1)))
    return value[start : draw.randrange(len(value) + 1)]


def flipped(draw: random.Random, value: bytes, other: bytes) -> bytes:
    changed = bytearray(value)
    for _ in range(draw.choice((1, 1, 2, 8))):
        if changed:
            changed[draw.randrange(len(changed))] = draw.choice(
                (draw.randrange(256), 0, 0x22, 0x5C, 0x0A, 0x7B)
            )
    return bytes(changed)


def spliced(draw: random.Random, value: bytes, other: bytes) -> bytes:
    piece = other[draw.randrange(len(other) + 1) :][: draw.randrange(64)]
    at = draw.randrange(len(value) + 1)
    return value[:at] + piece + value[at + draw.choice((0, len(piece))) :]


def retyped(draw: random.Random, value: bytes, other: bytes) -> bytes:
    """A few values anywhere in a JSON message are of other types, missing, or moved."""
    try:
        event = json.loads(value)
    except (ValueError, RecursionError):
        return spliced(draw, value, other)
    for _ in range(draw.choice((1, 1, 2, 4))):
        node = event
        while isinstance(node, dict | list) and node:
            key = draw.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if not isinstance(node[key], dict | list) or draw.random() < 0.3:
                if isinstance(node, dict) and draw.random() < 0.2:
                    del node[key]
                else:
                    node[key] = copy.deepcopy(draw.choice(STRANGE))
                break
            node = node[key]
    return json.dumps(event, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")


def nested(draw: random.Random, value: bytes, other: bytes) -> bytes:
    """One message where another has its line, or compressed."""
    if draw.random() < 0.1:
        return gzip.compress(value, 1)[: draw.choice((None, -3))]
    line = LabelledLine(value.decode("utf-8", "replace"), "nginx", "any", 1.7e9, None)
    return few([line], draw.choice(KNOWN))[0].value


def joined(draw: random.Random, value: bytes, other: bytes) -> bytes:
    return draw.choice((b"", b"\n", b"\r\n", b" ", b"\x00", b",")).join((value, other))


MUTATIONS = (truncated, flipped, spliced, retyped, nested, joined)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_no_mutated_message_is_an_error_or_lost(messages, seed):
    draw = random.Random(seed)
    reader = Reader()
    for _ in range(SHARE):
        value = draw.choice(messages)
        for _ in range(draw.choice((1, 1, 2, 3))):
            value = draw.choice(MUTATIONS)(draw, value, draw.choice(messages))
        assert assert_whole(reader, value) or NO_LINE.search(value)


def is_object(value: bytes) -> bool:
    """Whether a message is one JSON object."""
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return False


def words_of(node: object) -> Iterator[str]:
    """Words of a JSON message that must be somewhere in its records."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in DROPPED:
                yield from words_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from words_of(value)
    elif isinstance(node, str):
        yield from re.findall(r"(?<![\\\w])[A-Za-z]{7,}", node.partition("\n\n")[0].partition("\r\n\r\n")[0])


def test_no_word_of_a_message_is_lost(messages):
    draw, reader = random.Random(9), Reader()
    events = [value for value in messages if is_object(value)]
    for _ in range(5_000):
        value = retyped(draw, draw.choice(events), b"")
        kept = [[r.text, r.message, r.fields, r.line, r.shipper] for r in reader.read(value)]
        if kept:
            held = json.dumps(kept, default=str)
            assert [word for word in words_of(json.loads(value)) if word not in held] == [], value


LINE = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=80).map(str.strip)
"""One line, without what decoding replaces or cuts off."""


@pytest.mark.parametrize("name", KNOWN)
def test_lines_of_any_text_are_all_there_in_order(name):
    reader = Reader()

    @settings(max_examples=25, deadline=None)
    @given(st.lists(LINE, min_size=1, max_size=6))
    def check(texts):
        lines = [
            LabelledLine(f"w{n} {text}".strip(), "nginx", "any", 1.7e9, None) for n, text in enumerate(texts)
        ]
        held = [record for message in wrap(lines, name) for record in reader.read(message.value)]
        plain = [reader.read(line.line.encode())[0] for line in lines]
        assert sorted(record.text for record in held) == sorted(record.text for record in plain)

    check()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
NAMES = (
    "@timestamp @metadata @version message log msg MESSAGE Message _raw event host kubernetes docker stream time "
    "timestamp source_type short_message full_message version resourceLogs logEvents messageType records Records "
    "payload schema rawmsg syslogtag programname PROGRAM agent ecs ecs.version log.level winlog SourceModuleType "
    "EventTime level severity _time sourcetype __REALTIME_TIMESTAMP PRIORITY event_type ts uid id.orig_h"
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES.split()), JSON, max_size=12))
def test_objects_with_the_names_of_shippers_and_any_values_are_read(event):
    assert_whole(Reader(), json.dumps(event).encode("utf-8", "surrogatepass"))


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_read(value):
    assert assert_whole(Reader(), value) >= 1 or value.startswith(b"#")


@pytest.mark.parametrize(
    "value", [None, b"", b"\n", b"\x00", b"\xff\xfe", b"[]", b"{}", b'""', b"null", b"[1,2]"]
)
def test_nothing_and_next_to_nothing(value):
    assert assert_whole(Reader(), value) == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit", ["[", '{"a":', '"', "\\", "<", "<1>", "a=", 'a="', "::", "(", " ", "1", "-", "\x1b["]
)
def test_long_repeats_end(unit):
    assert_whole(Reader(), (unit * 500_000).encode()[:500_000])
