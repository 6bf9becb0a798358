"""``secencoder query digest`` and ``--pattern`` over a real store."""

from __future__ import annotations

import json
import time

import pytest

from connectors.findings import Merge
from stream_processors.answers.tokens import tokens
from tests.connectors.conftest import redis_store  # noqa: F401
from tests.connectors.steps import step, template, window
from tests.connectors.test_alerts import change, line
from tests.stream_processors.cli.test_query_alerts import run  # noqa: F401

pytestmark = pytest.mark.usefixtures("no_settings")
USUAL, NEW, GONE, PART = (f"{n:016x}" for n in range(4))


@pytest.fixture
def store(redis_store):  # noqa: F811
    store, now = redis_store(), time.time()
    minute = int(now // 60)

    def told(name: str, first: int, last: int, **fields):
        minutes = tuple((minute - ago, 1) for ago in range(last, first))
        return template(name, seen=60.0 * (minute - first), count=len(minutes), minutes=minutes, **fields)

    found = [
        told(USUAL, 120, 0),
        told(NEW, 3, 0, text="login of root \x1b[2J```"),
        told(GONE, 120, 70),
        told(PART, 120, 0, pattern=USUAL),
    ]
    alert = change(line(7, pattern=NEW, at=now - 60, score=5.0))
    sample = window(60 * (minute - 1))
    store.apply(
        step(
            None,
            9,
            lines=200,
            templates=found,
            alerts=[alert],
            anomalies=[alert.best, line(8)],
            windows=[sample],
        )
    )
    return store


def test_a_digest_has_every_section_and_keeps_its_budget(store, run):  # noqa: F811
    code, out, err = run("query", "digest", "--since", "30m", "--tokens", "900")
    assert (code, err) == (0, "")
    assert tokens(out) <= 900
    assert f"[alert {NEW}.1] score 5.0, 1 line, " in out
    assert f"## New patterns: 1\n\n```text\n[pattern {NEW}] 3 lines (" in out
    assert "| login of root \\x1b[2J'''\n" in out
    assert f"no more: 1\n\n```text\n[pattern {GONE}] 0 lines, usually " in out
    assert f"## Normal: 1\n\n```text\n[pattern {USUAL}] 6" in out
    assert (
        "## Diverse lines, which stand for 5: 1\n\n```text\n[line] stands for 5 lines\n| one \\x00\n" in out
    )


def test_a_digest_as_json_has_the_text_and_what_it_is_made_of(store, run):  # noqa: F811
    found = json.loads(run("query", "digest", "--json")[1])
    assert found["text"].startswith("# Log digest\n")
    assert found["tokens"] == tokens(found["text"]) <= 2_000
    assert (found["alerts"], [one["pattern"] for one in found["normal"]]) == ([f"{NEW}.1"], [USUAL])
    assert found["end"] - found["begin"] == 3_600


def test_a_budget_too_small_is_a_line_on_stderr(store, run):  # noqa: F811
    code, _, err = run("query", "digest", "--tokens", "10")
    assert code == 2
    assert "--tokens" in err


def test_what_a_digest_names_can_be_asked_further(store, run):  # noqa: F811
    (one,) = json.loads(run("query", "alerts", "--pattern", f"{NEW}.1", "--json")[1])
    assert one["pattern"] == NEW
    assert json.loads(run("query", "alerts", "--pattern", USUAL, "--json")[1]) == []
    (one,) = json.loads(run("query", "patterns", "--pattern", USUAL.upper(), "--json")[1])
    assert (one["id"], one["templates"]) == (USUAL, 2)
    found = json.loads(run("query", "templates", "--pattern", USUAL, "--json")[1])
    assert {one["id"] for one in found} == {USUAL, PART}
    (one,) = json.loads(run("query", "anomalies", "--pattern", NEW, "--json")[1])
    assert one["offset"] == 7


def test_a_pattern_that_merged_since_is_found_under_its_old_name(store, run):  # noqa: F811
    store.apply(step(9, 10, merges=[Merge(NEW, GONE, time.time(), "they say the same")]))
    (one,) = json.loads(run("query", "patterns", "--pattern", NEW, "--json")[1])
    assert (one["id"], one["templates"]) == (GONE, 2)
    assert len(json.loads(run("query", "alerts", "--pattern", NEW, "--json")[1])) == 1
