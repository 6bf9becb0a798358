"""The scenario's lines in shippers' messages, and that the reader finds the same lines in them again."""

import importlib.util
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from connectors.envelopes import Reader
from connectors.records import INFO
from stream_processors.demo.scenario import SYSTEMS, scenario
from stream_processors.demo.scenario.envelopes import ENVELOPES, LEAST, MOST, wrap

ROOT = Path(__file__).parents[3]
LINES = 2_000
PACKAGES = {"otlp_proto": "opentelemetry.proto", "zstd": "cramjam", "msgpack": "msgpack"}
SEVERAL = ("otlp_json", "otlp_proto", "cloudwatch", "ndjson", "json_array", "zstd")
TAKEN_APART = {
    **dict.fromkeys(("vector_syslog", "vector_journald", "journald", "gelf", "nxlog"), "sshd"),
    **dict.fromkeys(("rsyslog_json", "rsyslog_full", "syslogng_json"), "sshd"),
    **dict.fromkeys(("ecs", "logback"), "java"),
}
"""Envelopes whose shippers take the lines of a system apart: what they leave out can't be a column."""
SYSLOG_COLUMNS = {"facility", "severity"}
TIMELESS = ("otlp_raw", "connect", "nxlog")
"""Envelopes that say no time of their own where the line has none (NXLog only when it received it, in local time)."""
YEARLESS = ("syslogng_json",)
"""Envelopes whose time has no year: it gets the latest."""
LATE = 2.0
"""Seconds after a line at which its shipper may have seen it."""


@pytest.fixture(scope="module")
def lines():
    return list(scenario(lines=LINES))


def wrapped(lines, envelope, seed=7):
    if envelope in PACKAGES and importlib.util.find_spec(PACKAGES[envelope].partition(".")[0]) is None:
        pytest.skip(f"needs {PACKAGES[envelope]}")
    return list(wrap(lines, envelope, seed))


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_every_line_is_in_one_message(lines, envelope):
    messages = wrapped(lines, envelope)
    held = [line for message in messages for line in message.lines]
    assert len(held) == LINES
    assert set(held) == set(lines)
    sizes = [len(message.lines) for message in messages]
    if envelope in SEVERAL:
        assert all(LEAST <= size <= MOST for size in sizes[:-1])
    else:
        assert set(sizes) == {1}
        assert held == lines


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_same_arguments_give_the_same_messages(lines, envelope):
    messages = wrapped(lines[:300], envelope)
    assert messages == wrapped(lines[:300], envelope)
    if envelope not in ("otlp_raw", "cri", "docker", "connect"):  # nothing in them changes but the line
        assert messages != wrapped(lines[:300], envelope, seed=8)


def test_metadata_changes_with_rollouts(lines):
    text = "".join(message.value.decode() for message in wrap(lines, "fluentbit"))
    images = set(re.findall(r'"container_image":"registry.example.com/([^"]+)"', text))
    services = {image.partition(":")[0] for image in images}
    assert len(services) == len(SYSTEMS)
    assert len(images) > len(services)
    assert len(set(re.findall(r'"pod_name":"([^"]+)"', text))) >= 3 * len(images)
    assert len(set(re.findall(r'"namespace_name":"([^"]+)"', text))) > 1
    assert len(set(re.findall(r'"host":"([^"]+)"', text))) > 1


def test_an_unknown_envelope_is_named_with_the_known():
    with pytest.raises(ValueError, match="no such envelope 'filebeet'; known are filebeat"):
        wrap([], "filebeet")


def test_the_standard_library_writes_all_that_need_no_package():
    names = [name for name in ENVELOPES if name not in PACKAGES]
    code = (
        "import sys; from stream_processors.demo.scenario import SYSTEMS, scenario\n"
        "from stream_processors.demo.scenario.envelopes import wrap\n"
        f"for name in {names}: list(wrap(scenario(lines=100), name))\n"
        "print([name for name in sys.modules if name.partition('.')[0] not in sys.stdlib_module_names])"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    ours = "stream_processors"
    site = {"sitecustomize", "usercustomize", "__main__"}
    others = [name for name in re.findall(r"'([^']+)'", loaded) if not name.startswith((ours, "_"))]
    assert [name for name in others if name not in site and "editable" not in name] == []


def lost_years(seconds, envelope):
    """Seconds between the scenario's year and the one that a time without a year got."""
    if envelope not in YEARLESS:
        return 0
    return seconds - datetime.fromtimestamp(seconds, timezone.utc).replace(year=2025).timestamp()


def time_fits(line, plain, record, envelope):
    """Whether a record's time is that of the plain line, or where that has none, of its shipper."""
    if plain.time is not None and line.system != TAKEN_APART.get(envelope):
        return record.time == plain.time
    if record.time is None:
        return envelope in TIMELESS
    return -1 <= record.time - line.time - lost_years(record.time, envelope) <= LATE


def differences(line, plain, record, envelope):
    """What a wrapped line's record has otherwise than the plain line's."""
    apart = line.system == TAKEN_APART.get(envelope)
    if record.text != plain.text:
        yield "text", plain.text, record.text
    if record.format != plain.format and not apart:
        yield "format", plain.format, record.format
    if record.parse_error != plain.parse_error:
        yield "parse_error", plain.parse_error, record.parse_error
    if not time_fits(line, plain, record, envelope):
        yield "time", line.time if apart else plain.time, record.time
    missing = {name: value for name, value in plain.fields.items() if record.fields.get(name) != value}
    if apart:
        missing = {name: value for name, value in missing.items() if name not in SYSLOG_COLUMNS}
    if missing:
        yield "columns", missing, {name: record.fields.get(name) for name in missing}
    if plain.severity != INFO and record.severity != plain.severity:
        yield "severity", plain.severity, record.severity


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_wrapped_line_is_read_as_the_plain_one(lines, envelope):
    one, other = Reader(), Reader()
    plain = {line: other.read(line.line.encode()) for line in lines}
    found: dict[tuple[str, str], tuple[int, object]] = {}
    for message in wrapped(lines, envelope):
        records = one.read(message.value)
        assert len(records) == len(message.lines)
        for line, record in zip(message.lines, records, strict=True):
            for what, expected, got in differences(line, plain[line][0], record, envelope):
                count, example = found.get((line.system, what), (0, (expected, got, message.value[:600])))
                found[line.system, what] = count + 1, example
    assert found == {}
