"""``secencoder parse``: how messages are read, as a table and as JSON."""

import gzip
import io
import json
import sys
from dataclasses import dataclass

import pytest

from connectors.envelopes import plugins
from connectors.envelopes.envelope import Inner, Undecodable
from connectors.envelopes.reading import Reader
from stream_processors.cli import main, report
from stream_processors.cli.rows import iso, plain, severity_text

pytestmark = pytest.mark.usefixtures("no_settings")

SYSLOG = b"<35>2026-11-25T10:00:00Z web-1 sshd[812]: Failed password for root from 192.0.2.7 port 22"
EVENT = b'{"level":"WARN","user":"ada"}'
BROKEN = b'{"level":'


@dataclass(frozen=True)
class Outcome:
    """How a run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self):
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def parse(monkeypatch, capsysbinary):
    """``parse("-", stdin=b"...")`` runs the command in this process."""

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["secencoder", "parse", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsysbinary.readouterr()
        return Outcome(code, out.decode(), err.decode())

    return run


class Pair:
    """An envelope of two lines, for the tests."""

    name = "pair"

    def matches(self, names):
        return names == {"pair", "by"}

    def unwrap(self, event):
        by = {"pair": {"by": event["by"]}}
        return [Inner(line, time=1_764_064_800.0, severity=17, shipper=by) for line in event["pair"]]


@pytest.fixture
def pair(monkeypatch):
    monkeypatch.setattr(plugins, "envelopes", lambda: plugins.Envelopes((Pair(),), (), ()))


def test_every_line_is_a_json_object(parse):
    done = parse("-", "--json", stdin=b"\n".join((SYSLOG, EVENT, BROKEN)) + b"\n")
    assert done.code == 0
    told = ("template", "template_id", "parameters", "pattern_id")
    first, second, third = ({k: v for k, v in row.items() if k not in told} for row in done.rows)
    assert (
        first["columns"].items()
        >= {"host.name": "web-1", "service.name": "sshd", "process.pid": "812"}.items()
    )
    assert first | {"columns": {}, "severity": 0, "severity_text": "", "message": ""} == {
        "offset": 0,
        "index": 0,
        "envelope": "",
        "format": "rfc3164",
        "time": "2026-11-25T10:00:00Z",
        "severity": 0,
        "severity_text": "",
        "message": "",
        "text": "sshd: Failed password for root from 192.0.2.7 port 22",
        "columns": {},
        "shipper": {},
        "parse_error": None,
        "line": SYSLOG.decode(),
    }
    assert (second["offset"], second["format"], second["time"]) == (1, "json", None)
    assert second["columns"] == {"level": "WARN", "user": "ada"}
    assert third["parse_error"].startswith("invalid JSON")
    assert third["line"] == BROKEN.decode()
    assert done.err == (
        "3 messages, 3 lines, 1 parse errors, 3 templates in 3 patterns: 1 rfc3164, 1 json, 1 raw\n"
    )


def test_a_line_has_its_template_parameters_and_pattern(parse):
    lines = [
        b"job 4711 of 192.0.2.7 is done",
        b"job 4712 of 192.0.2.9 is done",
        b'{"event":"login","user":"ada"}',
    ]
    first, second, third = parse("-", "--json", stdin=b"\n".join(lines)).rows
    assert first["template"] == second["template"] == "job <num> of <ip> is done"
    assert first["parameters"] == [
        {"slot": "0", "type": "num", "value": "4711"},
        {"slot": "1", "type": "ip", "value": "192.0.2.7"},
    ]
    assert first["template_id"] == second["template_id"] != third["template_id"]
    assert first["pattern_id"] == second["pattern_id"]
    assert third["template"] == "event=login"
    assert third["parameters"] == [{"slot": "user", "type": "*", "value": "ada"}]


def test_templates_are_a_table_with_counts_and_an_example_the_most_frequent_first(parse, monkeypatch):
    monkeypatch.setattr(report.console, "width", 400)
    lines = [b"no route", *[b"job %d is done" % (4_000 + number) for number in range(20)], b"bye"]
    head, first, *others = parse("-", stdin=b"\n".join(lines)).out.strip().splitlines()
    assert head.split() == ["lines", "pattern", "template", "example"]
    assert first.split()[0] == "20"
    assert first.rstrip().endswith("job 4000 is done")
    assert "job <num> is done" in first
    assert len(others) == 2


def test_templates_that_say_the_same_have_one_pattern_from_the_first_line_on(parse):
    users = ("ada", "bjorn", "chidi", "dmitri", "elif", "farid", "gwen", "hiro", "ines", "jomo")
    lines = [f"session opened for user {user}".encode() for user in users]
    rows = parse("-", "--json", stdin=b"\n".join([*lines, b"session closed"])).rows
    assert len({row["pattern_id"] for row in rows[:-1]}) == 1
    assert rows[-1]["pattern_id"] not in {row["pattern_id"] for row in rows[:-1]}


def test_a_file_and_stdin_are_read_alike(parse, tmp_path):
    text = b"\n".join([SYSLOG, EVENT, BROKEN] * 5)
    path, packed = tmp_path / "lines", tmp_path / "lines.gz"
    path.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    assert parse(path, "--json").rows == parse(packed, "--json").rows == parse("-", "--json", stdin=text).rows
    assert parse(path).out == parse("-", stdin=text).out


def test_a_users_masks_and_seeds_count(parse, tmp_path):
    config, seeds = tmp_path / "secencoder.toml", tmp_path / "seeds"
    seeds.write_text("parked in <*>\n\n")
    config.write_text(f"[templates]\nseeds_file = '{seeds}'\n[templates.masks]\norder = 'ORD-[a-z]+'\n")
    plain_row, row = (
        parse("-", "--json", *given, stdin=b"ORD-abc left").rows[0] for given in ((), ("--config", config))
    )
    assert row["template"] == "<ORDER> left"
    assert row["template_id"] != plain_row["template_id"]
    parked = parse("-", "--json", "--config", config, stdin=b"parked in Oslo").rows[0]
    assert parked["template"] == "parked in <*>"
    assert parked["parameters"][0]["value"] == "Oslo"


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("masks = {order = '('}", "order"),
        ("seeds = ['']", "templates.seeds"),
        ("seeds_file = '/no/such/file'", "templates.seeds_file"),
    ],
)
def test_a_mask_or_seed_that_is_none_is_wrong_usage(parse, tmp_path, table, named):
    config = tmp_path / "secencoder.toml"
    config.write_text(f"[templates]\n{table}\n")
    done = parse("-", "--config", config, stdin=b"x")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert named in done.err


def test_a_line_that_fails_has_no_template(parse, monkeypatch):
    def refuse(self, value):
        raise Undecodable("is no message")

    monkeypatch.setattr(Reader, "unwrap", refuse)
    (row,) = parse("-", "--json", stdin=b"x").rows
    assert [row[name] for name in ("template", "template_id", "parameters", "pattern_id")] == [None] * 4


def test_lines_of_one_message_have_an_index_an_envelope_and_what_the_shipper_said(parse, pair):
    message = {"pair": [SYSLOG.decode(), {"a": "b"}], "by": {"id": 7}}
    done = parse("-", "--json", stdin=json.dumps(message).encode())
    one, two = done.rows
    assert [(row["offset"], row["index"], row["envelope"]) for row in (one, two)] == [
        (0, 0, "pair"),
        (0, 1, "pair"),
    ]
    assert one["shipper"] == two["shipper"] == {"pair": {"by": {"id": 7}}}
    assert (two["time"], two["severity"], two["severity_text"]) == ("2025-11-25T10:00:00Z", 17, "ERROR")
    assert two["line"] == '{"a": "b"}'
    assert "2 lines, 0 parse errors, 2 templates in 2 patterns: 1 rfc3164 in pair, 1 json in pair" in done.err


def test_a_table_has_a_row_a_line_and_the_shippers_data_when_asked(parse, pair, capsysbinary, monkeypatch):
    monkeypatch.setattr(report.console, "width", 400)
    message = json.dumps({"pair": [SYSLOG.decode()], "by": {"id": "a7"}}).encode() + b"\n" + BROKEN
    short = parse("-", "--lines", stdin=message).out
    full = parse("-", "--lines", "--shipper", stdin=message).out
    row = next(line for line in short.splitlines() if line.startswith("0:0"))
    for part in ("pair", "rfc3164", "2026-11-25T10:00:00Z", "Failed password for root", "service.name=sshd"):
        assert part in row
    assert "invalid JSON" in next(line for line in short.splitlines() if line.startswith("1:0"))
    assert "pair.by.id=a7" not in short
    assert "pair.by.id=a7" in full


def test_an_envelope_can_be_named_or_ruled_out(parse, pair):
    message = b'{"pair":["x"],"by":1}'
    assert parse("-", "--json", "--envelope", "none", stdin=message).rows[0]["envelope"] == ""
    assert parse("-", "--json", "--set", "stream.envelope=none", stdin=message).rows[0]["envelope"] == ""
    assert parse("-", "--json", "--envelope", "pair", stdin=message).rows[0]["envelope"] == "pair"


def test_a_topics_own_settings_count(parse, pair, tmp_path):
    config = tmp_path / "secencoder.toml"
    config.write_text('[stream]\ntopics = ["apps"]\n[stream.by_topic.apps]\nenvelope = "none"\n')
    message = b'{"pair":["x"],"by":1}'
    assert parse("-", "--json", "--config", config, stdin=message).rows[0]["envelope"] == "pair"
    ruled_out = parse("-", "--json", "--config", config, "--topic", "apps", stdin=message)
    assert ruled_out.rows[0]["envelope"] == ""


def test_a_file_can_be_one_message(parse, tmp_path):
    path = tmp_path / "message"
    path.write_bytes(b"\n".join((EVENT, EVENT, EVENT)))
    assert [(row["offset"], row["index"]) for row in parse(path, "--json").rows] == [(0, 0), (1, 0), (2, 0)]
    assert [(row["offset"], row["index"]) for row in parse(path, "--json", "--whole").rows] == [
        (0, 0),
        (0, 1),
        (0, 2),
    ]


def test_a_limit_counts_messages(parse, tmp_path):
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress(b"\n".join([EVENT] * 2_000)))
    assert len(parse(path, "--json", "--limit", 3).rows) == 3
    assert len(parse(path, "--json").rows) == 2_000
    assert "1,000 messages" in parse(path, "--lines").err
    assert "2,000 messages" in parse(path).err


def test_what_can_not_be_decoded_is_shown_with_the_reason(parse, monkeypatch):
    def refuse(self, value):
        raise Undecodable("needs kafka.schema_registry_url")

    monkeypatch.setattr(Reader, "unwrap", refuse)
    (row,) = parse("-", "--json", stdin=b"x").rows
    assert row["parse_error"] == "needs kafka.schema_registry_url"


def test_a_stack_trace_is_one_line_where_lines_are_joined(parse):
    trace = b"java.lang.IllegalStateException: no\n\tat com.example.A.run(A.java:1)\n\tat com.example.B.go(B.java:2)"
    (row,) = parse("-", "--json", "--set", "stream.multiline=true", stdin=trace).rows
    assert row["line"] == trace.decode()
    assert (row["offset"], row["index"]) == (0, 0)


def test_nothing_is_an_answer(parse):
    done = parse("-", stdin=b"")
    assert (done.code, done.out) == (0, "")
    assert done.err == "0 messages, 0 lines, 0 parse errors, 0 templates in 0 patterns\n"


def test_any_bytes_are_shown_as_text(parse):
    assert parse("-", stdin=b"\xff\x1b[2J\x07 \xed\xa0\x80").code == 0
    assert "\x1b" not in parse("-", stdin=b"a \x1b[2J\x07 b").out


def test_wrong_usage_is_one_line(parse, tmp_path):
    missing = parse(tmp_path / "no.log")
    assert (missing.code, len(missing.err.splitlines())) == (2, 1)
    assert "no.log" in missing.err
    unknown = parse("-", "--set", "stream.envelop=none")
    assert (unknown.code, unknown.err) == (2, unknown.err)
    assert "stream.envelope" in unknown.err


def test_severity_numbers_have_their_short_names():
    assert [severity_text(n) for n in (1, 4, 5, 9, 10, 13, 17, 21, 24)] == [
        *("TRACE", "TRACE4", "DEBUG", "INFO", "INFO2", "WARN", "ERROR", "FATAL", "FATAL4")
    ]


def test_times_are_iso_and_impossible_ones_none():
    assert iso(1_764_064_800.5) == "2025-11-25T10:00:00.500000Z"
    assert [iso(time) for time in (None, 1e20, float("nan"), -1e18)] == [None] * 4


def test_anything_a_shipper_said_becomes_json():
    deep: list = []
    for _ in range(200):
        deep = [deep]
    said = {
        1: b"\xff",
        "n": float("inf"),
        "s": "\udcff",
        "t": (1, None),
        "o": {2},
        "deep": deep,
        "b": 10**30,
    }
    assert (
        json.loads(json.dumps(plain(said), allow_nan=False)).items()
        >= {
            "1": "\ufffd",
            "n": "inf",
            "s": "?",
            "t": [1, None],
            "b": 10**30,
        }.items()
    )
