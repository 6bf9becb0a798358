"""From records to templates: whatever is around a record and in whatever envelope it came, its match is the same."""

import gzip
import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest

from connectors.envelopes import Reader
from connectors.formats import parse
from encoder_core.templates import Templates
from stream_processors.demo.scenario import scenario
from stream_processors.demo.scenario.envelopes import ENVELOPES, wrap
from stream_processors.detection.matching import match_record

TEMPLATES = Templates()
LINES = list(scenario(lines=1_500))
STRUCTURED = {"auditd", "cloudtrail", "kubernetes", "nginx", "windows"}
PACKAGES = {"otlp_proto": "opentelemetry", "zstd": "cramjam", "msgpack": "msgpack"}
CASES = Path(__file__).parents[4] / "shared" / "cases"


def match(line: str | bytes):
    return match_record(parse(line.encode() if isinstance(line, str) else line), TEMPLATES)


def test_a_text_line_is_known_by_its_message_alone():
    message = "Failed password for root from 192.0.2.7 port 22"
    lines = [
        message,
        f"2026-11-25T10:00:00Z INFO [main] org.example.Shop: {message}",
        f"<35>2026-11-25T10:00:00Z web-1 sshd[812]: {message}",
        f"<34>1 2026-11-25T10:00:00Z web-2 sshd 7 - - {message}",
        f"Nov 25 10:00:00 web-1 sshd[813]: {message}",
    ]
    assert {match(line) for line in lines} == {TEMPLATES.of_text(message)}


@pytest.mark.parametrize(
    "payload",
    [
        '{"event":"login","outcome":"failure","user":"ada"}',
        '{"level":"warn","msg":"no route to 192.0.2.7","severity":"high","facility":"billing"}',
        "type=USER_LOGIN msg=audit(1795608000.007:77): pid=7 uid=0 res=failed",
        'level=info action=sync took=12ms msg="all well"',
        "CEF:0|Acme|Wall|1|100|worm stopped|9|src=192.0.2.7 act=blocked",
    ],
)
@pytest.mark.parametrize(
    "header",
    [
        "<35>2026-11-25T10:00:00Z web-1 shop[812]: ",
        "<34>1 2026-11-25T10:00:00Z web-2 shop 7 - - ",
        "Nov 25 10:00:00 web-1 shop[813]: ",
        "2026-11-25 10:00:00,123 INFO [main] org.example.Shop - ",
    ],
)
def test_a_payload_behind_a_header_has_the_payloads_match(header, payload):
    assert match(header + payload) == match(payload)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_line_has_the_same_template_in_every_envelope(envelope):
    if envelope in PACKAGES and importlib.util.find_spec(PACKAGES[envelope]) is None:
        pytest.skip(f"needs {PACKAGES[envelope]}")
    reader = Reader()
    for message in wrap(LINES, envelope):
        records = reader.read(message.value)
        for record, line in zip(records, message.lines, strict=True):
            assert match_record(record, TEMPLATES).template == match(line.line).template


def test_structured_lines_of_one_kind_have_one_template_and_kinds_are_told_apart():
    found: dict[str, Counter[str]] = {}
    for line in LINES:
        if line.system in STRUCTURED - {"nginx"}:
            found.setdefault(line.template, Counter())[match(line.line).template] += 1
    assert {kind for kind, templates in found.items() if len(templates) > 1} == set()
    assert len({next(iter(templates)) for templates in found.values()}) > 0.9 * len(found)


def test_where_a_line_came_from_is_no_parameter():
    found = match(
        '<35>2026-11-25T10:00:00Z web-1 shop[812]: {"event":"login","user":"ada","thread.name":"main-7"}'
    )
    assert [parameter.slot for parameter in found.parameters] == ["user"]


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the shared cases")
def test_a_cloud_trail_is_told_apart_by_its_calls():
    with gzip.open(next(CASES.glob("16-*/cloudtrail.ndjson.gz"))) as lines:
        values = list(lines)
    calls, templates = set(), set()
    reader = Reader()
    for value in values[::10]:
        event = json.loads(value)
        calls.add((event["eventSource"], event["eventName"], event.get("errorCode")))
        templates.update(match_record(record, TEMPLATES).template for record in reader.read(value))
    assert len(templates) == len(calls)
