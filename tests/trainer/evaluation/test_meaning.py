"""The suites of meaning and search, on small sets whose answers are known."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.writings import files
from trainer.cli import cli
from trainer.data.corpus import CorpusError
from trainer.evaluation.contestants import Embedded, Fused, Kept, Reading, Words, hashed_words
from trainer.evaluation.meaning import (
    SETS,
    categories,
    events,
    exchanged,
    public_measures,
    read_table,
    rules,
    techniques,
    writings,
)
from trainer.evaluation.neighbours import macro_f1, predicted
from trainer.evaluation.ranking import average_precision, pair_share, recall_at, reciprocal_rank
from trainer.evaluation.templates import read_systems, template_measures
from trainer.stages.manifest import StageError

LINES = Reading(templates=False)


class Knowing:
    """Nearness as a table says it: texts with one first word are near."""

    name = "knowing"

    def scores(self, queries: Sequence[str], lines: Sequence[str], *, english: bool) -> np.ndarray:
        return np.array(
            [[float(query.split()[0] == line.split()[0]) for line in lines] for query in queries],
            dtype=np.float32,
        )


def event(text: str, family: str, category: str, outcome: str | None = None) -> dict[str, object]:
    return {"text": text, "family": family, "system": family, "category": category, "outcome": outcome}


ECS = [
    event(f"{kind} {family} {n}", family, kind, "success" if kind == "web" else None)
    for kind in ("web", "iam", "file")
    for family in "abcd"
    for n in range(3)
]


def test_a_line_has_the_class_of_its_neighbours_in_other_families():
    families, labels = np.array(list("aabbcc")), np.array(["x", "y", "x", "y", "x", "y"])
    near = np.where(labels[:, None] == labels, 0.5, 0.1)
    near[families[:, None] == families] = 9.0  # neighbours of one's own family say nothing
    assert predicted(near, families, labels, k=2).tolist() == labels.tolist()
    assert predicted(-near, families, labels, k=2).tolist() != labels.tolist()


def test_f1_weighs_every_family_the_same():
    labels, found = np.array(["x", "x", "y"]), np.array(["x", "y", "y"])
    assert macro_f1(labels, found, np.ones(3)) == pytest.approx(2 / 3)
    assert macro_f1(labels, found, np.array([1, 0, 1])) == 1.0


def test_categories_are_found_by_who_knows_them():
    assert categories(ECS, Knowing())["category"] == 1.0
    turned = [row | {"text": " ".join(reversed(str(row["text"]).split()))} for row in ECS]
    assert categories(turned, Knowing())["category"] < 0.5


def test_ranks_of_equal_scores_are_shared():
    scores, right = np.array([0.9, 0.5, 0.5, 0.1]), np.array([False, True, False, False])
    assert reciprocal_rank(scores, right) == 1 / 2.5
    assert recall_at(scores, right, 2) == 0
    assert recall_at(scores, right, 3) == 1
    assert (
        average_precision(np.array([4.0, 3, 2, 1]), np.array([True, False, True, False])) == (1 + 2 / 3) / 2
    )
    assert pair_share(np.array([0.5, 0.9]), np.array([0.5])) == 0.75


def test_techniques_and_rules_find_their_events():
    queries = [{"technique": f"T{n}", "query": f"{n} description"} for n in range(3)]
    rows = [
        {"technique": f"T{n}", "text": f"{n} event {m}", "in_corpus": m == 0}
        for n in range(3)
        for m in range(2)
    ]
    assert techniques(rows, queries, Knowing()) == pytest.approx(
        {"technique MRR": 1 / 1.5, "technique R@10": 1.0, "technique MRR new": 1.0}
    )
    rule = {"rule": "r", "query": "1 rule", "system": "s"}
    texts = [rule | {"text": "1 yes", "label": 1}, rule | {"text": "2 no", "label": 0}]
    assert rules(texts, Knowing()) == {"rule MRR": 1.0, "pairs": 1.0}


def test_own_sets_ask_across_formats_and_for_other_words():
    rows = [{"meaning": m, "format": f, "line": f"{m} {f}"} for m in "xy" for f in ("json", "syslog")]
    assert writings(rows, Knowing()) == {"writings MRR": 1.0}
    assert events([{"text": f"{n} said", "line": f"{n} event"} for n in range(4)], Knowing()) == {
        "events MRR": 1.0
    }
    triple = {"anchor": "1 started", "paraphrase": "1 runs", "opposite": "2 stopped"}
    assert exchanged([triple], Knowing())["exchanged words"] == 1.0
    assert exchanged([triple | {"opposite": "1 stopped"}], Knowing())["exchanged words"] == 0.5
    assert exchanged([triple | {"paraphrase": "2 runs"}], Knowing())["exchanged words, told apart"] == 0.0


def test_words_alone_fail_the_exchanged_words():
    """What the test is for: sentences with the same words are not those that say the same."""
    words = Embedded("words", hashed_words, LINES)
    assert exchanged(read_table("exchanged"), words)["exchanged words"] < 0.1


def test_the_exchanged_words_are_many_and_whole():
    rows = read_table("exchanged")
    assert len(rows) >= 150
    assert len({row["anchor"] for row in rows}) == len(rows)
    assert all(len({row["anchor"], row["paraphrase"], row["opposite"]}) == 3 for row in rows)


def test_the_files_of_lines_are_what_the_scenarios_writers_make():
    assert {name: (SETS / name).read_text() for name in files()} == files()


def test_templates_are_read_as_a_worker_reads_them():
    lines = ["Mar 11 08:14:18 app-01 sshd[17186]: Accepted password for ada from 192.0.2.7 port 48939 ssh2"]
    (template,) = Reading(templates=True)(lines)
    assert template.startswith("Accepted password for")
    assert "192.0.2.7" not in template
    assert LINES(lines) == lines


def test_vectors_are_computed_once_and_kept(tmp_path):
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return hashed_words(texts)

    first = Kept(embed, tmp_path / "v.npz")(["one", "two", "one"])
    again = Kept(embed, tmp_path / "v.npz")(["two", "three"])
    assert asked == ["one", "two", "three"]
    assert np.array_equal(first[1], again[0])
    (tmp_path / "v.npz").write_bytes(b"nothing")
    with pytest.raises(StageError, match=r"v\.npz"):
        Kept(embed, tmp_path / "v.npz")


def test_a_centred_contestant_takes_off_the_mean_of_the_lines():
    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.array([[10.0, len(text)] for text in texts], dtype=np.float32)

    near = Embedded("", embed, LINES, centred=True).scores(["a"], ["a", "bbb"], english=False)
    assert near[0, 0] > 0 > near[0, 1]


def test_joined_rankings_are_no_worse_than_chance_at_what_both_know():
    both = Fused("", Embedded("", hashed_words, LINES), Words("", LINES))
    scores = both.scores(["disk full"], ["fan slow", "disk full", "disk new"], english=True)
    assert scores[0].argmax() == 1


def test_loghub_tables_are_searched_by_template(tmp_path):
    rows = [("E1", "disk 1 full"), ("E1", "disk 2 full"), ("E2", "fan slow"), ("E2", "fan slow again")]
    text = "Content,EventId\n" + "".join(f"{content},{event}\n" for event, content in rows)
    (tmp_path / "Toy_2k.log_structured.csv").write_text(text)
    found = template_measures(list(read_systems(tmp_path)), Embedded("words", hashed_words, LINES))
    assert found["MAP, mean"] == found["MRR, mean"] == 1.0
    assert found["Diff, Toy"] > 0.5
    assert "Diff, mean" not in template_measures(list(read_systems(tmp_path)), Words("words", LINES))


def test_missing_data_are_named(tmp_path):
    with pytest.raises(CorpusError, match="no such folder"):
        public_measures(tmp_path / "none", Knowing())
    with pytest.raises(CorpusError, match=r"no \*_structured.csv"):
        list(read_systems(tmp_path))
    with gzip.open(tmp_path / "ecs_events.jsonl.gz", "wt") as stream:
        stream.write(json.dumps(ECS[0]) + "\n{")
    with pytest.raises(CorpusError, match=r"ecs_events\.jsonl\.gz"):
        public_measures(tmp_path, Knowing())


def test_a_suites_options_need_a_suite():
    answer = CliRunner().invoke(cli, ["evaluate", "--data", "somewhere"])
    assert answer.exit_code == 2
    assert "--suite" in answer.output


def test_a_bundle_is_measured_and_its_figures_are_appended_once(tmp_path):
    table = tmp_path / "figures.csv"
    command = ["evaluate", "--suite", "masked", "--results", str(table)]
    for _ in range(2):
        answer = CliRunner().invoke(cli, command)
        assert answer.exit_code == 0, answer.output
    header, *rows = table.read_text().splitlines()
    assert header == "date,bundle,suite,measure,row,value"
    assert rows
    assert len(rows) == len(set(rows))
    assert all("secencoder-tiny@" in row and ",masked," in row for row in rows)
    table.write_text("a,b\n1,2\n")
    assert "no table of figures" in str(CliRunner().invoke(cli, command).exception)
    assert table.read_text() == "a,b\n1,2\n"
