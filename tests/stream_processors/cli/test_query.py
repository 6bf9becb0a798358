"""``secencoder query`` of warm-ups, and of sources inside a topic; ``test_cli.py`` has the rest."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from connectors.findings import Merge, SourceStats, Warmup
from stream_processors.cli import main
from stream_processors.cli.report import warming_up
from tests.connectors.conftest import redis_store  # noqa: F401
from tests.connectors.steps import MINUTE, NOW, SLOTS, anomaly, full_step, step, template

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


def filled(store) -> None:
    """Two templates that became one pattern, and one beside them."""
    hours = tuple((MINUTE - 60 * hour, hour + 1) for hour in range(3))
    store.apply(
        step(
            None,
            20,
            lines=20,
            templates=[
                template("a", count=6, text="login of ada from <ip>", minutes=hours, parameters=SLOTS),
                template("b", count=4, text="login of bob from <ip>", minutes=((MINUTE, 4),)),
                template("c", count=10, text="disk <num> is full", seen=NOW + 5),
            ],
            merges=[Merge("b", "a", NOW, "a name in one place")],
        )
    )


def test_templates_are_told_with_their_counts_and_what_stood_in_their_slots(store, ask):
    filled(store)
    found = {one["id"]: one for one in json.loads(ask("templates", "--json")[1])}
    assert list(found) == ["c", "a", "b"]
    assert found["a"] | {"text": "login of ada from <ip>", "pattern": "a", "count": 6} == found["a"]
    assert found["a"]["minutes"] == [[MINUTE - 120, 3], [MINUTE - 60, 2], [MINUTE, 1]]
    assert found["a"]["parameters"][0] == {
        "slot": "0",
        "type": "num",
        "examples": ["7", "22"],
        "least": 7.0,
        "most": 22.0,
    }
    assert "vector" not in found["a"]
    assert [one["id"] for one in json.loads(ask("templates", "--json", "--limit", "1")[1])] == ["c"]
    table = ask("templates", "--limit", "2")[1]
    assert "Templates (2 of 3)" in table
    assert "█▆▃  2023-11-14 22:13:20" in table
    assert "login of ada from <ip>  [0 <num> 7 to 22: 7, 22; user <*> ada]" in table


def test_patterns_are_told_with_what_their_templates_have_in_common(store, ask):
    filled(store)
    one, other = json.loads(ask("patterns", "--json")[1])
    assert (one["id"], one["template"], one["members"]) == ("a", "login of <*> from <ip>", ["a", "b"])
    assert (one["count"], one["templates"], one["minutes"][-1]) == (10, 2, [MINUTE, 5])
    assert other["template"] == "disk <num> is full"
    table = ask("patterns", "--limit", "1")[1]
    assert "Patterns (1 of 2)" in table
    assert "login of <*> from <ip>" in table


def test_merges_are_told_with_their_time_and_reason(store, ask):
    filled(store)
    merged = {"pattern": "b", "into": "a", "time": NOW, "reason": "a name in one place"}
    assert json.loads(ask("patterns", "--merges", "--json")[1]) == [merged]
    table = ask("patterns", "--merges")[1].splitlines()
    assert table[0].startswith("Merges (1 of 1)")
    assert table[2].split() == ["2023-11-14", "22:13:20", "b", "a", "a", "name", "in", "one", "place"]


def test_a_query_needs_no_compiler_and_nothing_to_draw_with():
    done = subprocess.run(
        [sys.executable, "-c", NO_COMPILER], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["[]"]


NO_COMPILER = """
import sys
import stream_processors.cli.query
import stream_processors.answers.drift
import stream_processors.answers.queries
print([name for name in ("numba", "torch", "matplotlib", "onnxruntime", "tokenizers") if name in sys.modules])
"""
