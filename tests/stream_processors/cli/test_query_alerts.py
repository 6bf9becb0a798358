"""``secencoder query alerts``, ``incidents`` and ``feedback`` over a real store."""

from __future__ import annotations

import json
import sys
import time

import pytest

from connectors.findings import Warmup
from stream_processors.cli import main
from tests.connectors.conftest import redis_store  # noqa: F401
from tests.connectors.steps import full_step, step, template
from tests.connectors.test_alerts import change, line

pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.fixture
def run(monkeypatch, capsys, redis_settings):
    """``run("query", "alerts", "--json")``: exit code, stdout and stderr."""

    def call(*words: str) -> tuple[int, str, str]:
        options = ["--redis-url", redis_settings.url, "--set", f"redis.env={redis_settings.env}"]
        monkeypatch.setattr(sys, "argv", ["secencoder", *words, *options])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def store(redis_store):  # noqa: F811
    store, now = redis_store(), time.time()
    alerts = [change(line(n, pattern=f"{n:016x}", at=now - 7_200 * n, score=3.0 + n)) for n in range(3)]
    told = [
        template(f"{n:016x}", count=9 - n, vector=b"\x00\x3c" * (n + 1) + b"\x00" * (62 - 2 * n))
        for n in range(3)
    ]
    store.apply(
        step(None, 9, lines=24, alerts=alerts, anomalies=[one.best for one in alerts], templates=told)
    )
    return store


def test_alerts_come_latest_first_in_pages_and_since_a_time(store, run):
    code, out, _ = run("query", "alerts", "--json")
    assert code == 0
    found = json.loads(out)
    assert [one["id"] for one in found] == [f"{n:016x}.1" for n in range(3)]
    assert (found[0]["count"], found[0]["kinds"], found[0]["entities"]) == (
        1,
        ["new"],
        ["ip=192.0.2.7", "user=ada"],
    )
    assert [one["id"] for one in json.loads(run("query", "alerts", "--json", "--since", "3h")[1])] == [
        f"{n:016x}.1" for n in range(2)
    ]
    page = json.loads(run("query", "alerts", "--json", "--skip", "1", "--limit", "1")[1])
    assert [one["id"] for one in page] == [f"{1:016x}.1"]
    lines = json.loads(run("query", "anomalies", "--json", "--by", "time", "--since", "1h")[1])
    assert [one["offset"] for one in lines] == [0]
    assert "line 0" in run("query", "alerts")[1]


def test_alerts_are_explained(store, run):
    out = run("query", "alerts", "--explain")[1]
    assert "new (3.0): new it is" in out
    assert "nearest known template" in out
    (first, *_) = json.loads(run("query", "alerts", "--explain", "--json")[1])
    assert first["explanation"]["history"]["lines"] == 9
    assert "new (5.0): new it is" in run("query", "anomalies", "--explain")[1]


def test_alerts_of_one_address_are_one_incident(store, run):
    (one,) = json.loads(run("query", "incidents", "--json", "--gap", "200")[1])
    assert (one["entity"], len(one["alerts"]), one["lines"]) == ("ip=192.0.2.7", 3, 3)
    assert len(json.loads(run("query", "incidents", "--json")[1])) == 3
    assert "ip=192.0.2.7" in run("query", "incidents", "--explain")[1]


def test_a_mark_is_given_shown_and_taken_back(store, run):
    name = f"{0:016x}"
    code, out, _ = run("feedback", "mark", f"{name}.1", "--benign", "--until", "7d", "--note", "our scanner")
    assert (code, out.startswith(f"{name} of logs: benign until ")) == (0, True)
    verdict = store.feedback("logs").verdicts[name]
    assert (verdict.mark, verdict.templates, verdict.note) == ("benign", (name,), "our scanner")
    assert verdict.until == pytest.approx(time.time() + 7 * 86_400, abs=60)
    assert json.loads(run("query", "alerts", "--json")[1])[0]["verdict"] == "benign"
    assert json.loads(run("feedback", "list", "--json")[1])[0]["pattern"] == name
    assert run("feedback", "unmark", name)[0] == 0
    assert store.feedback("logs").verdicts == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("mark", "feedc0de"), "one of --benign and --malicious is needed"),
        (("mark", "feedc0de", "--benign"), "feedc0de: logs has no such alert or pattern"),
        (("mark", "feedc0de", "--benign", "--until", "soon"), "expected e.g. 2h"),
        (("unmark", "feedc0de"), "feedc0de: not marked in logs"),
    ],
)
def test_wrong_feedback_is_one_line(store, run, words, told):
    code, out, err = run("feedback", *words)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("question", ["alerts", "incidents", "anomalies", "templates", "patterns", "windows"])
def test_every_query_of_a_source_that_is_warming_up_says_so(redis_store, run, question):  # noqa: F811
    redis_store().apply(step(None, 9, lines=9, warming_up=9, warmup=Warmup(9, 512, None, 32)))
    _, out, err = run("query", question)
    assert "logs is warming up: 9 of 512 lines seen" in " ".join((out + err).split())
    assert "logs is warming up" in run("query", question, "--json")[2]


def test_full_steps_have_no_alerts_of_their_own(redis_store, run):  # noqa: F811
    redis_store().apply(full_step(None, 10))
    assert json.loads(run("query", "alerts", "--json", "--source", "logs")[1]) == []
