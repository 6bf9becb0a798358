"""``secencoder query drift``: its table, its JSON, its exit codes and its plots."""

from __future__ import annotations

import json
import sys

import pytest

from connectors.days import DAY
from connectors.findings import Changes
from stream_processors.cli import main
from stream_processors.cli.question import Question
from tests.connectors.conftest import redis_store  # noqa: F401
from tests.connectors.steps import template

pytestmark = pytest.mark.usefixtures("no_settings")
FIRST = 20_000  # 2024-10-04
NOW = (FIRST + 10) * DAY + 600
UNTIL = ("--until", "2024-10-14T00:10Z")
MODEL = "m"


@pytest.fixture
def ask(monkeypatch, capsys, redis_settings):
    """``ask("--json")``: exit code, stdout and stderr of a query."""

    def run(*words: str) -> tuple[int, str, str]:
        options = ["--redis-url", redis_settings.url, "--set", f"redis.env={redis_settings.env}"]
        monkeypatch.setattr(sys, "argv", ["secencoder", "query", "drift", *words, *options])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return run


def fill(store, source: str, unknown: int, days: int = 10) -> None:
    """Days alike, but for the words of the last one that are not known."""
    for day in range(days):
        changes = Changes(source, 0, expected=day or None, end=day + 1, lines=1_000, model=MODEL)
        words = {"words": 9_000, "unknown": unknown if day == days - 1 else 500 + 20 * (day % 3)}
        changes.days = {FIRST + day: {f"lines:{MODEL}": 1_000, "score:0": 900, "score:3": 100, **words}}
        changes.templates = [
            template("a", count=1_000, model=MODEL, minutes=(((FIRST + day) * 1_440, 1_000),))
        ]
        store.apply(changes)


def test_a_source_that_drifted_is_told_with_its_measures_and_the_advice(redis_store, ask):  # noqa: F811
    store = redis_store(clock=lambda: NOW)
    fill(store, "logs", 2_700)
    code, out, _ = ask(*UNTIL)
    assert code == 0
    assert "logs: 1,000 lines of 2024-10-13 beside 7 days of 2024-10-06 to 2024-10-12\n" in out
    rows = {line.split("  ")[0]: line.split()[-4:] for line in out.splitlines() if "0." in line}
    assert rows["unknown words"] == ["0.058", "0.300", "0.088", "drift"]
    assert rows["new lines"][-2:] == ["as", "usual"]
    last = "retrain advised: yes, because logs: unknown words are 30.0%, usually 5.8%"
    assert out.splitlines()[-1] == last
    told = json.loads(ask(*UNTIL, "--json")[1])
    assert (told["retrain"], told["because"]) == (True, last.partition("because ")[2])
    (source,) = told["sources"]
    assert (source["source"], source["model"], source["lines"]) == ("logs", MODEL, 1_000)
    assert (source["first"], source["last"], len(source["reference"])) == ("2024-10-13", "2024-10-13", 7)
    words = next(one for one in source["measures"] if one["name"] == "unknown words")
    assert (words["now"], words["drifted"], len(words["days"])) == (0.3, True, 7)


def test_every_source_is_looked_at_unless_one_is_named_and_the_exit_code_answers_too(redis_store, ask):  # noqa: F811
    store = redis_store(clock=lambda: NOW)
    fill(store, "calm", 520)
    fill(store, "odd", 2_700)
    assert ask(*UNTIL, "--advised")[0] == 0
    code, out, _ = ask(*UNTIL, "--advised", "--source", "calm")
    assert code == 3
    assert out.splitlines()[-1] == "retrain advised: no, because calm: nothing drifted"
    assert ask(*UNTIL, "--source", "calm")[0] == 0
    code, out, _ = ask(*UNTIL, "--limit", "1")
    assert "odd:" not in "".join(out.splitlines()[:-1])
    assert out.splitlines()[-1].startswith("retrain advised: yes, because odd: ")
    code, out, _ = ask("--until", "2024-10-06", "--advised", "--source", "odd")
    assert code == 3
    assert "nothing to tell: 0 days to compare with, at least 3 are needed" in " ".join(out.split())
    code, out, _ = ask(*UNTIL, "--since", "2d", "--reference", "1w", "--json", "--source", "odd")
    (source,) = json.loads(out)["sources"]
    assert (source["first"], source["lines"], len(source["reference"])) == ("2024-10-12", 2_000, 7)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "3h"), "expected e.g. 1d, 7d or 4w"),
        (("--reference", "60d"), "expected 1d to 34d"),
        (("--source", "unknown"), "unknown; known: none yet"),
        ((), "has no sources"),
    ],
)
def test_what_can_not_be_asked_is_one_line_and_not_the_exit_code_of_an_answer(ask, words, said):
    code, out, err = ask(*words, "--advised")
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_plot_is_drawn_for_every_source(redis_store, ask, tmp_path):  # noqa: F811
    pytest.importorskip("matplotlib")
    store, path = redis_store(clock=lambda: NOW), tmp_path / "drift.png"
    fill(store, "logs", 2_700)
    fill(store, "young", 500, days=2)
    assert ask(*UNTIL, "--plot", str(path))[0] == 0
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_without_matplotlib_a_plot_is_refused_before_anything_is_asked(ask, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "stream_processors.cli.drift_plot", raising=False)
    monkeypatch.setattr(Question, "__init__", lambda *_, **__: pytest.fail("asked"))
    code, _, err = ask("--plot", str(tmp_path / "drift.png"))
    assert code == 2
    assert err == "secencoder: --plot: needs matplotlib: pip install matplotlib\n"
