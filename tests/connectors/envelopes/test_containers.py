"""Lines as container runtimes write them: Docker's objects, CRI's text."""

import pytest
from orjson import dumps

from connectors.envelopes import Reader
from connectors.envelopes.docker import CHUNK
from tests.connectors.envelopes.messages import is_plain, read_one, same_as_alone

LINE = "Nov 25 09:59:59 web-1 sshd[812]: Accepted publickey for bo from 192.0.2.7 port 50022 ssh2"
STAMP = "2026-11-25T10:00:00.250000000Z"


def around(message):
    [unread] = Reader().unwrap(message if isinstance(message, bytes) else dumps(message))
    return unread.around


def test_dockers_line():
    record = read_one({"log": LINE + "\n", "stream": "stdout", "time": STAMP, "attrs": {"tag": "cart"}})
    assert record.envelope == "docker"
    assert same_as_alone(record, LINE)
    assert record.shipper == {"docker": {"stream": "stdout", "time": STAMP, "attrs": {"tag": "cart"}}}


def test_dockers_time_and_stream():
    message = {"log": "up\n", "stream": "stderr", "time": STAMP}
    assert read_one(message).time == 1_795_600_800.25
    assert around(message).stream == "stderr"


@pytest.mark.parametrize(("log", "partial"), [("x" * CHUNK, True), ("x" * CHUNK + "\n", False), ("x", False)])
def test_docker_cuts_long_lines(log, partial):
    assert around({"log": log, "stream": "stdout", "time": STAMP}).partial is partial


@pytest.mark.parametrize(
    "lookalike",
    [
        {"log": "x", "stream": "stdout"},
        {"log": "x", "stream": "north", "time": STAMP},
        {"log": "x", "stream": "stdout", "time": "noon"},
        {"log": ["x"], "stream": "stdout", "time": STAMP},
        {"log": "x", "stream": "stdout", "time": STAMP, "user": "bo"},
        {"log": "x", "stream": ["stdout"], "time": STAMP},
    ],
)
def test_an_applications_own_object_keeps_its_members(lookalike):
    assert is_plain(lookalike)


@pytest.mark.parametrize("stamp", [STAMP, "2026-11-25T11:00:00.25+01:00", "2026-11-25T10:00:00Z"])
def test_cris_line(stamp):
    record = read_one(f"{stamp} stderr F {LINE}")
    assert record.envelope == "cri"
    assert same_as_alone(record, LINE)
    assert read_one(f"{stamp} stderr F up").time in (1_795_600_800.25, 1_795_600_800.0)


@pytest.mark.parametrize(("tags", "partial"), [("F", False), ("P", True), ("P:x", True), ("F:P", False)])
def test_cris_tags(tags, partial):
    found = around(f"{STAMP} stdout {tags} {LINE}".encode())
    assert (found.line, found.partial, found.stream) == (LINE, partial, "stdout")


def test_an_empty_line_of_a_container_is_an_empty_line():
    record = read_one(f"{STAMP} stdout F ")
    assert (record.envelope, record.text) == ("cri", "")


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP} stdout X line",
        f"{STAMP} stdin F line",
        f"{STAMP} std",
        f"{STAMP} stdout",
        f"{STAMP} stdout F",
        "2026-11-25 10:00:00 stdout F line",
        "2026-99-25T10:00:00.250Z stdout F line",
    ],
)
def test_other_lines_are_no_cri(line):
    record = read_one(line)
    assert record.envelope == ("cri" if line.endswith(" F") else "")


def test_envelopes_nest():
    docker = dumps({"log": '{"level":"error","msg":"refused"}\n', "stream": "stdout", "time": STAMP}).decode()
    beat = {
        "@timestamp": "2026-11-25T10:00:01.000Z",
        "@metadata": {"beat": "filebeat", "version": "9.2.0"},
        "host": {"name": "node-3"},
        "log": {"file": {"path": "/var/lib/docker/containers/c/c-json.log"}, "offset": 1},
        "message": docker,
    }
    record = read_one(beat)
    assert record.envelope == "filebeat/docker"
    assert record.text == "level=error msg=refused"
    assert record.time == 1_795_600_800.25
    assert record.fields["host.name"] == "node-3"
    assert set(record.shipper) == {"filebeat", "docker"}
