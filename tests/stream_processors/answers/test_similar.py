"""Questions in plain English find patterns by their words and by their meaning."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from connectors.findings import Changes, Template
from connectors.memory import MemoryStore
from stream_processors.answers.codes import with_names
from stream_processors.answers.similar import CHARACTERS, PatternSearch, similar
from stream_processors.demo.scenario import scenario

DIM = 8
AXES = np.eye(DIM, dtype=np.float32)
SILENT = "zzz"
"""A question whose words no template has."""
QUESTIONS = Path(__file__).parents[3] / "benchmarks" / "questions.tsv"


def template(
    name: str, vector: np.ndarray, *, text: str = "", pattern: str = "", model: str = "m1"
) -> Template:
    made = vector.astype("<f2").tobytes(), model
    return Template(name, text or f"text of {name}", pattern or name, 1, 0.0, 0.0, name, *made)


def store_of(*templates: Template) -> MemoryStore:
    store = MemoryStore()
    store.apply(Changes("logs", 0, None, 1, templates=list(templates)))
    return store


def ids(store: MemoryStore, question: str, vector: np.ndarray = AXES[7], **options: object) -> list[str]:
    return [
        match.pattern.id for match in similar(store, "logs", question, vector, **{"model": "m1", **options})
    ]


def test_the_most_similar_pattern_comes_first():
    between = template("between", (AXES[0] + AXES[1]) / np.sqrt(2))
    store = store_of(
        template("far", AXES[2], pattern="y"), template("x", AXES[0]), template("y", AXES[1]), between
    )
    found = similar(store, "logs", SILENT, 7 * AXES[0], model="m1")
    assert [match.pattern.id for match in found] == ["x", "between", "y"]
    assert [match.cosine for match in found] == pytest.approx([1, np.sqrt(0.5), 0], abs=1e-3)
    (nearest,) = similar(store, "logs", SILENT, AXES[1], model="m1", limit=1)
    assert (nearest.pattern.id, nearest.pattern.members) == ("y", ("far", "y"))


def test_a_pattern_is_as_near_as_the_nearest_of_its_templates():
    store = store_of(template("a", AXES[0]), template("b", AXES[1], pattern="a"), template("c", AXES[2]))
    found = similar(store, "logs", SILENT, AXES[1], model="m1")
    assert [(match.pattern.id, match.cosine) for match in found] == [("a", 1.0), ("c", 0.0)]


def test_vectors_of_another_model_or_length_are_not_compared():
    other = replace(template("other", AXES[0], model="m2"), vector=b"\x00\x3c" * (2 * DIM))
    wide = template("wide", np.eye(DIM + 1)[0])
    store = store_of(template("x", AXES[0]), other, wide)
    assert ids(store, SILENT, AXES[0]) == ["x"]
    assert ids(store, SILENT, AXES[0], model="m3") == []
    assert ids(MemoryStore(), SILENT, AXES[0]) == []


def test_words_find_what_no_vector_knows():
    failed = template("failed", AXES[0], text="Failed password for <*> from <ip>", model="old")
    store = store_of(failed, template("disk", AXES[1], text="disk <num> is full"))
    (match, _) = similar(store, "logs", "password failures", AXES[1], model="m1")
    assert (match.pattern.id, match.cosine) == ("failed", None)
    assert match.words > 0


def test_a_pattern_that_both_name_is_before_what_either_names_first():
    texts = {
        "words": "login login failed",
        "both": "login of <*>",
        "vector": "something else",
        "none": "nothing",
    }
    vectors = {"words": AXES[2], "both": AXES[0] + AXES[1], "vector": AXES[0], "none": AXES[3]}
    store = store_of(*(template(name, vectors[name], text=text) for name, text in texts.items()))
    assert ids(store, "failed login", AXES[0])[:2] == ["words", "both"]
    assert ids(store, "login", AXES[0])[0] == "both"
    assert ids(store, "login", AXES[0], limit=1) == ["both"]


def test_status_codes_are_read_by_their_names():
    assert "Not Found" in with_names("method=GET status=404")
    assert with_names("method=GET status=299") == "method=GET status=299 "
    store = store_of(
        *(template(code, AXES[0], text=f"method=GET status={code}") for code in ("200", "404", "502"))
    )
    assert ids(store, "pages not found")[0] == "404"
    assert ids(store, "bad gateway")[0] == "502"


def test_a_pattern_counts_by_a_bounded_part_of_its_text():
    search = PatternSearch([template("x", AXES[0], text="a" * CHARACTERS + " needle")])
    assert search.words("needle").tolist() == [0.0]


def test_a_log_line_is_a_question_too():
    store = store_of(
        template("sshd", AXES[0], text="Failed password for <*> from <ip> port <num> ssh2"),
        template("disk", AXES[0], text="disk <num> is full"),
    )
    assert ids(store, "sshd[1]: Failed password for root from 192.0.2.7 port 22 ssh2")[0] == "sshd"


def test_a_question_needs_no_compiler_and_no_torch():
    heavy = "sorted({'numba', 'torch'} & set(sys.modules))"
    program = f"import sys; import stream_processors.answers.similar; print({heavy})"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_every_question_has_an_answer_in_the_demos_logs():
    with QUESTIONS.open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["half"] for row in rows] == ["choose", "test"] * 30
    kinds = {line.template for line in scenario(lines=6_000, seed=7)}
    assert [row["question"] for row in rows if not kinds & set(row["kinds"].split())] == []
