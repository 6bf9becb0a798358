"""The main job from the outside: ``secencoder demo`` on its embedded servers, and Faust's own command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.harness import ROOT, SECONDS, log_lines

FAUST = Path(sys.executable).with_name("faust")


def demo(*arguments: object) -> dict:
    """The JSON answer of a demo that must end well."""
    pytest.importorskip("confluent_kafka")
    command = [sys.executable, "-m", "stream_processors.cli", "demo", "--json", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=2 * SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    return json.loads(done.stdout)


def test_the_demo_answers_with_anomalies_patterns_and_a_sample():
    answer = demo("--lines", 1_500, "--seconds", 200)
    assert answer["lines"] == answer["sources"][0]["lines"] == 1_500
    assert answer["anomalies"]
    assert answer["planted"]["planted"] > 0
    assert answer["pattern_count"] >= len(answer["patterns"]) > 0
    assert answer["windows"][0]["lines"]


def test_the_demo_ships_its_logs_in_an_envelope_of_many_lines():
    answer = demo("--lines", 900, "--seconds", 200, "--envelope", "otlp_json")
    assert answer["lines"] == answer["sources"][0]["lines"] == 900
    assert 900 / 60 <= answer["messages"] <= 900 / 10
    assert answer["sources"][0]["parse_errors"] == 0
    assert answer["planted"]["planted"] == 19


def test_the_demo_takes_a_file(tmp_path):
    file = tmp_path / "app.log"
    lines = [*log_lines(800, distinct=40), b"kernel: panic - not syncing: fatal exception in interrupt"]
    file.write_bytes(b"\n".join(lines) + b"\n")
    answer = demo("--input", file, "--seconds", 200)
    assert answer["lines"] == answer["sources"][0]["lines"] == len(lines)
    assert answer["planted"] is None
    assert answer["patterns"]
    examples = {pattern["example"].encode() for pattern in answer["patterns"]}
    assert examples <= set(lines)


def test_a_file_that_is_not_there_is_named_and_nothing_starts(tmp_path):
    command = [sys.executable, "-m", "stream_processors.cli", "demo", "--input", tmp_path / "no.log"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "no.log" in done.stderr


def test_fausts_own_command_line_runs_the_worker(stream_factory):
    stream = stream_factory(2)
    stream.produce(log_lines(1_000, distinct=50), partitions=2)
    command = [str(FAUST), "-A", "stream_processors.app", "worker", "--loglevel", "info"]
    with stream.worker(command=command) as worker:
        stream.wait_until_done()
        assert worker.terminate() == 0, worker.tail()
    stream.assert_each_line_counted_once()
