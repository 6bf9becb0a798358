"""``secencoder query`` of warm-ups, and of sources inside a topic; ``test_cli.py`` has the rest."""

from __future__ import annotations

import json
import sys

import pytest

from connectors.findings import SourceStats, Warmup
from stream_processors.cli import main
from stream_processors.cli.report import warming_up
from tests.connectors.conftest import redis_store  # noqa: F401
from tests.connectors.steps import NOW, anomaly, full_step, step

pytestmark = pytest.mark.usefixtures("no_settings")
ENDS = int(NOW) + 60  # 2023-11-14 22:14:20 UTC


@pytest.fixture
def store(redis_store):  # noqa: F811
    return redis_store()


@pytest.fixture
def ask(monkeypatch, capsys, redis_settings):
    """``ask("anomalies", "--json")``: exit code, stdout and stderr of a query."""

    def run(*words: str) -> tuple[int, str, str]:
        options = ["--redis-url", redis_settings.url, "--set", f"redis.env={redis_settings.env}"]
        monkeypatch.setattr(sys, "argv", ["secencoder", "query", *words, *options])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return run


def test_a_source_that_is_warming_up_is_told_with_its_alerts(store, ask):
    store.apply(step(None, 400, lines=400, warming_up=400, warmup=Warmup(400, 512, ENDS, 32)))
    code, out, _ = ask("anomalies")
    assert code == 0
    told = "logs is warming up: 400 of 512 lines seen; lines that wait are scored when they have come"
    assert f"{told} or at 2023-11-14 22:14:20 UTC, whichever is first\n" in out
    code, out, err = ask("anomalies", "--json")
    assert json.loads(out) == []
    assert err.splitlines() == [line for line in err.splitlines() if line.startswith(f"secencoder: {told}")]
    assert len(err.splitlines()) == 1
    (source,) = json.loads(ask("sources", "--json")[1])
    assert source["warmups"] == {"0": {"lines": 400, "of": 512, "ends": ENDS, "least": 32}}


def test_a_source_that_is_warm_tells_its_alerts_alone(store, ask):
    store.apply(step(None, 10, lines=10, anomalies=[anomaly(1)]))
    _, out, err = ask("anomalies")
    assert "warming" not in out + err
    assert ask("anomalies", "--json")[2] == ""


@pytest.mark.parametrize(
    ("warmups", "partitions", "told"),
    [
        ({}, 1, ""),
        (
            {0: Warmup(3, 512, None, 32)},
            1,
            "3 of 512 lines seen; lines that wait are scored when they have come",
        ),
        ({0: Warmup(3, 512, ENDS, 32)}, 1, "whichever is first, but not with fewer than 32"),
        (
            {0: Warmup(99, 512, 5, 32), 2: Warmup(40, 512, ENDS, 32)},
            4,
            "in 2 of 4 partitions, the last of them: 40",
        ),
    ],
)
def test_a_warm_up_says_how_far_it_is_and_when_it_ends(warmups, partitions, told):
    stats = SourceStats("logs/api", warmups=warmups, applied=dict.fromkeys(range(partitions), 1))
    assert told in warming_up(stats)
    assert bool(told) == warming_up(stats).startswith("logs/api is warming up")


def test_sources_inside_a_topic_are_asked_by_name(store, ask):
    store.apply(full_step(None, 10))
    (found,) = json.loads(ask("anomalies", "--source", "logs/api", "--json")[1])
    assert (found["offset"], found["index"]) == (8, 5)
    assert "0:8:5" in ask("anomalies", "--source", "logs/api")[1]
    (found,) = json.loads(ask("anomalies", "--source", "logs", "--json")[1])
    assert (found["offset"], found["index"]) == (9, 0)
    code, out, err = ask("anomalies")
    assert (code, out) == (2, "")
    assert "logs, logs/api" in err
    assert [source["topic"] for source in json.loads(ask("sources", "--json")[1])] == ["logs", "logs"]


def test_the_only_source_with_lines_needs_no_name(store, ask):
    changes = step(None, 10)
    changes.part("api").lines, changes.part("api").anomalies = 10, [anomaly(3)]
    store.apply(changes)
    (found,) = json.loads(ask("anomalies", "--json")[1])
    assert found["offset"] == 3


def test_of_many_sources_those_of_most_lines_are_shown(store, ask):
    changes = step(None, 10)
    for number, name in enumerate(["a", "b", "c"]):
        changes.part(name).lines = 10 - number
    store.apply(changes)
    shown = json.loads(ask("sources", "--json", "--limit", "2")[1])
    assert [source["source"] for source in shown] == ["logs/a", "logs/b"]
    assert "Sources (2 of 4)" in ask("sources", "--limit", "2")[1]
