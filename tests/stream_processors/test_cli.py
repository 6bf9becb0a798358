from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from connectors.redis import RedisStore, connect
from stream_processors.cli import main, options
from stream_processors.demo.servers import free_port
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.settings import DetectionSettings
from tests.fakes import changes_of, make_lines

pytestmark = pytest.mark.usefixtures("no_settings")

SECRET = "s3cret-of-the-test"
LINES = [f"sshd[{n}]: session opened for user u{n % 4}" for n in range(60)] + ["RANSOM note dropped !!!"]
FAST = ["--set", "encoder.max_tokens=32", "--set", "encoder.threads=1"]


@dataclass(frozen=True)
class Outcome:
    """How a run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def secencoder(monkeypatch, capsys):
    """``secencoder("scan", "-", stdin=b"...")`` runs the command in this process."""

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["secencoder", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def log_file(tmp_path):
    path = tmp_path / "auth.log"
    path.write_text("\n".join(LINES) + "\n")
    return path


@pytest.fixture
def filled(redis_settings, bundle):
    """The options of a query to a real store that a detector filled with LINES."""
    from encoder_core import Encoder

    store = RedisStore(connect(redis_settings), prefix=redis_settings.prefix, env=redis_settings.env)
    encoder = Encoder(bundle, threads=1, max_tokens=32)
    detection = DetectionSettings(warmup=16, window_lines=5, alert_budget="top 5 %")
    detector = PartitionDetector("logs", 0, encoder.dim, detection, model=bundle.identity)
    lines = make_lines(LINES)
    for line in lines:
        line.timestamp += 0.5  # 0 is no time: such a line counts as one of now
    changes = changes_of(lines)
    Pipeline(encoder).process(lines, detector, changes)
    store.apply(changes)
    return ["--redis-url", redis_settings.url, "--set", f"redis.env={redis_settings.env}", *FAST]


def one_line_of(outcome: Outcome, code: int) -> str:
    """The only line on stderr of a run that ended with ``code``."""
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    (line,) = outcome.err.splitlines()
    return line


# scan


def test_scan_tells_all_it_found_as_json(secencoder, log_file):
    found = secencoder("scan", log_file, "--json", "--top", 3, "--sample", 4, *FAST).json
    assert (found["source"], found["lines"], found["failed"]) == ("auth.log", len(LINES), 0)
    assert LINES[-1] in [anomaly["text"] for anomaly in found["anomalies"]]
    assert len(found["anomalies"]) <= 3
    assert len(found["sample"]["lines"]) <= 4
    assert sum(pattern["count"] for pattern in found["patterns"]) <= len(LINES)
    assert found["pattern_count"] >= 2


def test_scan_writes_a_score_a_line(secencoder, log_file, tmp_path):
    found = secencoder("scan", log_file, "--json", "--scores", tmp_path / "scores.npy", *FAST).json
    scores = np.load(tmp_path / "scores.npy", allow_pickle=False)
    assert (scores.dtype, len(scores), found["scores"]) == (
        np.float32,
        found["lines"],
        str(tmp_path / "scores.npy"),
    )
    flagged = found["anomalies"][0]
    assert scores[flagged["offset"]] == np.float32(flagged["score"])


def test_scan_reads_stdin_and_gzip_as_it_reads_a_file(secencoder, log_file, tmp_path):
    import gzip

    packed = tmp_path / "auth.log.gz"
    packed.write_bytes(gzip.compress(log_file.read_bytes()))
    answers = [
        secencoder("scan", log_file, "--json", *FAST).json,
        secencoder("scan", "-", "--json", *FAST, stdin=log_file.read_bytes()).json,
        secencoder("scan", packed, "--json", *FAST).json,
    ]
    assert [answer["source"] for answer in answers] == ["auth.log", "stdin", "auth.log.gz"]
    for answer in answers:
        for varies in ("source", "seconds"):
            del answer[varies]
    assert answers[0] == answers[1] == answers[2]


def test_scan_shows_tables_to_people(secencoder, log_file):
    outcome = secencoder("scan", log_file, *FAST)
    assert outcome.code == 0
    for title in ("Alerts", "Patterns", "What to read of the whole input"):
        assert title in outcome.out
    assert "Most unusual lines" not in outcome.out
    assert "Most unusual lines" in secencoder("scan", log_file, "--lines", *FAST).out


def test_scan_folds_lines_of_a_pattern_into_one_alert(secencoder):
    lines = [*LINES[:-1] * 3, *["RANSOM note dropped !!!"] * 4, *LINES[:-1]]
    options = ["--json", "--top", 3, "--set", "detection.alert_budget=top 5 %", *FAST]
    found = secencoder("scan", "-", *options, stdin="\n".join(lines).encode()).json
    (ransom,) = [alert for alert in found["alerts"] if "RANSOM" in alert["best"]["text"]]
    assert ransom["count"] > 1
    assert ransom["first"]["offset"] < ransom["last"]["offset"]
    assert ransom["explanation"]["sentences"]
    scores = [alert["best"]["score"] for alert in found["alerts"]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) <= min(3, found["alert_count"])


def test_scan_makes_control_characters_of_a_log_harmless(secencoder):
    outcome = secencoder("scan", "-", *FAST, stdin=b"\x1b[2Jevil [bold]markup[/bold] \x07\n" * 3)
    assert outcome.code == 0
    assert "\x1b" not in outcome.out
    assert "[bold]markup" in outcome.out


def test_scan_of_nothing_is_an_answer(secencoder):
    found = secencoder("scan", "-", "--json", *FAST).json
    assert (found["lines"], found["anomalies"], found["patterns"], found["sample"]) == (0, [], [], None)


def test_scan_takes_any_bytes(secencoder):
    bad = [b"\xff\xfe", b"\x00", b"", b"x" * 100_000, b'{"a":' * 10_000, b"ok"]
    found = secencoder("scan", "-", "--json", *FAST, stdin=b"\n".join(bad)).json
    assert found["lines"] + found["failed"] == len(bad)
    assert found["failed"] == 0


def test_scan_says_which_lines_were_cut(secencoder, log_file):
    short = secencoder("scan", log_file, "--json", *FAST).json
    assert (short["cut"], {anomaly["cut"] for anomaly in short["anomalies"]}) == (0, {False})
    cut = secencoder("scan", log_file, "--json", *FAST, "--set", "encoder.max_tokens=4").json
    assert (cut["cut"], {anomaly["cut"] for anomaly in cut["anomalies"]}) == (len(LINES), {True})
    table = secencoder("scan", log_file, *FAST, "--set", "encoder.max_tokens=4")
    assert f"{len(LINES)} lines cut" in table.out


def test_a_cascade_scans_and_embeds_with_the_full_encoder(secencoder, log_file, tmp_path, student_bundle):
    cascade = [*FAST, "--set", "encoder.tier=cascade", "--set", f"encoder.static_bundle={student_bundle}"]
    found = secencoder("scan", log_file, "--json", *cascade).json
    assert found["lines"] == len(LINES)
    assert LINES[-1] in [anomaly["text"] for anomaly in found["anomalies"]]
    for name, chosen in (("full", FAST), ("cascade", cascade)):
        assert secencoder("embed", log_file, "-o", tmp_path / f"{name}.npy", *chosen).code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "full.npy"), np.load(tmp_path / "cascade.npy"))


@pytest.mark.parametrize("tier", ["static", "cascade"])
def test_a_static_bundle_that_is_not_there_is_said_in_one_line(secencoder, log_file, tmp_path, tier):
    options = ["--set", f"encoder.tier={tier}", "--set", f"encoder.static_bundle={tmp_path / 'none'}"]
    line = one_line_of(secencoder("scan", log_file, *FAST, *options), 2)
    assert "encoder.static_bundle" in line
    assert str(tmp_path / "none") in line


@pytest.mark.parametrize("command", [["scan"], ["embed", "-o", "out.npy"]])
def test_a_missing_file_is_named_in_one_line(secencoder, tmp_path, command):
    missing = tmp_path / "none.log"
    assert str(missing) in one_line_of(secencoder(*command, missing, *FAST), 2)


def test_a_folder_is_no_file(secencoder, tmp_path):
    assert str(tmp_path) in one_line_of(secencoder("scan", tmp_path, *FAST), 2)


@pytest.mark.parametrize("content", [b"not gzip at all", None], ids=["foreign", "cut"])
def test_a_broken_gzip_file_is_named_in_one_line(secencoder, tmp_path, log_file, content):
    import gzip

    broken = tmp_path / "broken.gz"
    broken.write_bytes(content or gzip.compress(log_file.read_bytes())[:-20])
    assert str(broken) in one_line_of(secencoder("scan", broken, *FAST), 2)


# embed


@pytest.mark.parametrize("raw", [[], ["--raw"]])
def test_embed_writes_a_float32_row_a_line(secencoder, log_file, tmp_path, bundle, raw):
    target = tmp_path / "vectors.npy"
    facts = secencoder("embed", log_file, "-o", target, "--json", *raw, *FAST).json
    vectors = np.load(target, allow_pickle=False)
    assert vectors.shape == (len(LINES), bundle.dim) == (facts["lines"], facts["dim"])
    assert vectors.dtype == np.float32
    assert facts["model"] == bundle.identity


def test_embed_reads_what_the_settings_say_templates_or_lines(secencoder, tmp_path, bundle):
    """Two lines of one template, behind other headers: one vector, unless every line is read."""
    file, target = tmp_path / "two.log", tmp_path / "vectors.npy"
    file.write_text(
        "Jun 14 15:16:01 web1 sshd[471]: Connection closed by 192.0.2.7 port 50022\n"
        "Jun 15 03:04:05 web2 sshd[88]: Connection closed by 192.0.2.99 port 50022\n"
    )
    vectors = {}
    for name in ("template", "line"):
        options = [*FAST, "--set", f"encoder.input={name}"]
        assert secencoder("embed", file, "-o", target, *options).code == 0
        vectors[name] = np.load(target)
    np.testing.assert_array_equal(vectors["template"][0], vectors["template"][1])
    assert not np.allclose(vectors["line"][0], vectors["line"][1], atol=1e-2)
    assert not np.allclose(vectors["line"][0], vectors["template"][0], atol=1e-2)


def test_embed_of_nothing_is_an_empty_array(secencoder, tmp_path, bundle):
    target = tmp_path / "vectors.npy"
    assert secencoder("embed", "-", "-o", target, *FAST).code == 0
    assert np.load(target).shape == (0, bundle.dim)


# model


def test_model_info_describes_the_shipped_bundle(secencoder, bundle):
    facts = secencoder("model", "info", "--json").json
    assert (facts["name"], facts["version"], facts["dim"]) == (bundle.name, bundle.version, bundle.dim)
    assert facts["sha256"] == bundle.sha256


def test_model_verify_accepts_a_good_bundle(secencoder, bundle_copy):
    assert secencoder("model", "verify", bundle_copy).code == 0


@pytest.mark.parametrize("command", ["info", "verify"])
@pytest.mark.parametrize("name", ["README.md", "onnx/model_qint8.onnx"])
def test_a_tampered_bundle_is_refused_in_one_line(secencoder, bundle_copy, command, name):
    path = bundle_copy / name
    path.write_bytes(path.read_bytes() + b"\n")
    line = one_line_of(secencoder("model", command, bundle_copy), 2)
    assert str(path) in line
    assert "sha256" in line


def test_model_verify_loads_what_it_vouches_for(secencoder, bundle_copy):
    from encoder_core.bundle import write_manifest

    (bundle_copy / "onnx" / "model_qint8.onnx").write_bytes(b"no graph")
    write_manifest(bundle_copy, {"name": "copy", "version": "test"})
    assert "model_qint8.onnx" in one_line_of(secencoder("model", "verify", bundle_copy), 2)


def test_scan_refuses_a_tampered_bundle(secencoder, bundle_copy, log_file):
    (bundle_copy / "config.json").write_text("{}")
    assert "config.json" in one_line_of(secencoder("scan", log_file, "--bundle", bundle_copy), 2)


# settings and usage


@pytest.mark.parametrize(("typed", "meant"), [("scann", "scan"), ("querry", "query"), ("wroker", "worker")])
def test_an_unknown_command_suggests_the_nearest(secencoder, typed, meant):
    outcome = secencoder(typed)
    assert outcome.code == 2
    assert f"Did you mean '{meant}'?" in outcome.err


def test_an_unknown_setting_is_one_line(secencoder, log_file):
    line = one_line_of(secencoder("scan", log_file, "--set", "detection.doubt=50"), 2)
    assert "detection.doubt" in line
    assert "did you mean detection.doubts?" in line


@pytest.mark.parametrize(
    ("assignment", "named"),
    [
        ("detection.doubts=many", "detection.doubts"),
        ("detection.warmup=1000000", "detection.warmup"),
        ("detection.doubts", "expected NAME=VALUE"),
    ],
)
def test_a_wrong_setting_is_one_line(secencoder, log_file, assignment, named):
    assert named in one_line_of(secencoder("scan", log_file, "--set", assignment), 2)


def test_an_unknown_variable_is_one_line(secencoder, monkeypatch):
    monkeypatch.setenv("SECENCODER_STREAM__TOPIC", "x")
    assert "SECENCODER_STREAM__TOPIC" in one_line_of(secencoder("worker", "--print-config"), 2)


def test_print_config_shows_what_holds_with_secrets_masked(secencoder, tmp_path, monkeypatch):
    config = tmp_path / "settings.toml"
    config.write_text(
        f'[redis]\nurl = "redis://:{SECRET}@store:6379/0"\n[stream]\ngroup = "file"\nbatch_lines = 7\n'
    )
    monkeypatch.setenv("SECENCODER_STREAM__GROUP", "environment")
    outcome = secencoder("worker", "--config", config, "--topic", "a", "--topic", "b", "--print-config")
    assert SECRET not in outcome.out + outcome.err
    shown = outcome.json
    assert (shown["stream"]["group"], shown["stream"]["batch_lines"]) == ("environment", 7)
    assert shown["stream"]["topics"] == ["a", "b"]
    assert shown["redis"]["password"] == "**********"
    assert shown["redis"]["url"] == "redis://store:6379/0"


def test_help_names_every_command(secencoder):
    outcome = secencoder("--help")
    assert outcome.code == 0
    for command in ("demo", "embed", "model", "produce", "query", "scan", "worker"):
        assert f"  {command} " in outcome.out


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "stream_processors.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("secencoder ")


# query


@pytest.mark.parametrize("question", ["anomalies", "patterns", "windows", "sources"])
def test_an_unreachable_store_is_a_failure_said_clearly(secencoder, monkeypatch, question):
    monkeypatch.setitem(options.store_from.__kwdefaults__, "wait_seconds", 0.1)
    port = free_port()
    outcome = secencoder("query", question, "--redis-url", f"redis://:{SECRET}@127.0.0.1:{port}/0")
    assert (outcome.code, outcome.out) == (1, "")
    last = outcome.err.splitlines()[-1]
    assert f"127.0.0.1:{port}" in last
    assert "redis.url" in last
    assert SECRET not in outcome.err
    assert "Traceback" not in outcome.err


def test_query_anomalies(secencoder, filled):
    by_score = secencoder("query", "anomalies", "--json", *filled).json
    assert LINES[-1] in [anomaly["text"] for anomaly in by_score]
    assert by_score == sorted(by_score, key=lambda anomaly: -anomaly["score"])
    by_time = secencoder("query", "anomalies", "--by", "time", "--limit", 1, "--json", *filled).json
    assert [anomaly["timestamp"] for anomaly in by_time] == [max(a["timestamp"] for a in by_score)]


def test_query_patterns(secencoder, filled):
    found = secencoder("query", "patterns", "--json", *filled).json
    assert sum(pattern["count"] for pattern in found) == len(LINES)
    assert LINES[-1] in [pattern["example"] for pattern in found]
    assert len(secencoder("query", "patterns", "--limit", 1, "--json", *filled).json) == 1


def test_query_windows(secencoder, filled):
    (latest,) = secencoder("query", "windows", "--json", *filled).json
    assert (latest["start"], latest["count"], latest["lines"]) == (60, 1, [[0, 60, 0, LINES[-1]]])
    both = secencoder("query", "windows", "--last", 5, "--limit", 3, "--json", *filled).json
    assert [(window["start"], window["count"]) for window in both] == [(60, 1), (0, 60)]
    assert len(both[1]["lines"]) <= 3


def test_query_similar(secencoder, filled):
    found = secencoder("query", "similar", LINES[-1], "--json", *filled).json
    assert found[0]["pattern"]["example"] == LINES[-1]
    assert found[0]["cosine"] == pytest.approx(1, abs=0.02)


def test_query_sources(secencoder, filled):
    (source,) = secencoder("query", "sources", "--json", *filled).json
    assert (source["source"], source["lines"], source["applied"]) == ("logs", len(LINES), {"0": len(LINES)})
    assert source["cut"] == 0
    header = next(
        line for line in secencoder("query", "sources", *filled).out.splitlines() if "lines" in line
    )
    assert "parse errors  cut  expired  partitions" in header


@pytest.mark.parametrize(
    "question", [["anomalies"], ["patterns"], ["windows"], ["similar", "x"], ["sources"]]
)
def test_every_question_has_a_table(secencoder, filled, question):
    outcome = secencoder("query", *question, *filled)
    assert outcome.code == 0
    assert outcome.out.strip()


def test_a_source_nobody_knows_is_named_beside_the_known(secencoder, filled):
    line = one_line_of(secencoder("query", "patterns", "--source", "lgos", *filled), 2)
    assert "lgos" in line
    assert "logs" in line


def test_an_empty_store_is_said_to_be_empty(secencoder, redis_settings):
    store = ["--redis-url", redis_settings.url, "--set", f"redis.env={redis_settings.env}"]
    assert "no sources" in one_line_of(secencoder("query", "anomalies", *store), 2)
    assert secencoder("query", "sources", "--json", *store).json == []
