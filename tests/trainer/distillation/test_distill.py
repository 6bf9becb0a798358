from __future__ import annotations

import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer

import trainer.distillation.distill
from encoder_core import Bundle, Encoder
from trainer.distillation.distill import (
    compare,
    distill,
    draw_lines,
    embed_to_file,
    encode_bags,
    first_student,
    open_vectors,
)
from trainer.distillation.static import write_static_bundle
from trainer.distillation.student import Student, student_graph
from trainer.export.bundle import open_graph, run_graph
from trainer.settings import DistillSettings
from trainer.stages.manifest import read_manifest
from trainer.stages.shards import Shard, list_shards, read_shard, save_index, write_shard

SETTINGS = DistillSettings(lines=2_000, width=16, steps=80, batch_lines=128)
RECORD = {
    "name": "small-fast",
    "version": "3",
    "licence": "other",
    "teacher": {"name": "small", "version": "1.2.3"},
    "width": 16,
    "dim": 32,
    "parameters": 16_000,
    "heldout": 1,
    "test_length": 256,
    "training": {"lines": 2_000, "max_length": 64, "steps": 80, "batch_lines": 128},
    "metrics": {"cosine": 1.0, "centred_cosine": 1.0, "neighbours": 1.0},
}


@pytest.fixture(scope="module")
def heldout(lines_of, tokenizer):
    """Lines that no model was trained on, of at most 256 tokens: none is cut."""
    some = [line for some in lines_of.values() for line in some]
    return [line for line in some if len(tokenizer.encode(line).ids) <= 256]


@pytest.fixture(scope="module")
def teacher(exported):
    return Encoder.from_path(exported, cache_bytes=0)


@pytest.fixture(scope="module")
def vectors(teacher, lines):
    return teacher.embed(lines)


@pytest.fixture(scope="module")
def bags(tokenizer, lines):
    return encode_bags(tokenizer, lines, 256)


@pytest.fixture(scope="module")
def student(bags, vectors, tokenizer, tmp_path_factory):
    return distill(bags, vectors, tokenizer.get_vocab_size(), SETTINGS, tmp_path_factory.mktemp("distill"))


@pytest.fixture(scope="module")
def bundle(student, tokenizer, heldout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("static") / "bundle"
    expected = student.embed(encode_bags(tokenizer, heldout, 256))
    write_static_bundle(
        student, tokenizer, folder, lines=heldout, expected=expected, templates=[heldout], record=RECORD
    )
    return folder


def framed(tokenizer, lines, extra=0):
    """Ids and mask, int64 (lines, longest + extra), with [CLS] and [SEP]."""
    rows = [tokenizer.encode(line).ids for line in lines]
    ids = np.zeros((len(rows), max(map(len, rows)) + extra), dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
    return ids, (np.arange(ids.shape[1]) < np.array([[len(row)] for row in rows])).astype(np.int64)


def cosines(some, others):
    return (some * others).sum(1) / np.linalg.norm(some, axis=1) / np.linalg.norm(others, axis=1)


def test_a_distillation_comes_much_nearer_to_the_teacher_than_its_start(
    student, teacher, bags, vectors, tokenizer, heldout
):
    mean, expected = vectors.mean(0), teacher.embed(heldout)
    seen = encode_bags(tokenizer, heldout, 256)
    start = first_student(bags, vectors, mean, tokenizer.get_vocab_size(), SETTINGS.width)
    torch.manual_seed(0)
    random = Student(tokenizer.get_vocab_size(), SETTINGS.width, teacher.dim)
    before = compare(start.embed(seen), expected, mean)["centred_cosine"]
    after = compare(student.embed(seen), expected, mean)["centred_cosine"]
    assert after > before + 0.03
    assert after > compare(random.embed(seen), expected, mean)["centred_cosine"] + 0.5


def test_the_float_graph_computes_what_torch_computes(student, tokenizer, heldout, tmp_path):
    onnx.save(student_graph(student, quantized=False), tmp_path / "model.onnx")
    found = run_graph(open_graph(tmp_path / "model.onnx"), *framed(tokenizer, heldout))
    np.testing.assert_allclose(found, student.embed(encode_bags(tokenizer, heldout, 256)), atol=1e-4)


def test_int8_rows_keep_the_direction_of_every_vector(student, tokenizer, heldout, bundle):
    encoder = Encoder.from_path(bundle, max_tokens=256)
    found = encoder.embed(heldout) + encoder.mean
    assert found.shape == (len(heldout), 32)
    assert np.isfinite(found).all()
    assert cosines(found, student.embed(encode_bags(tokenizer, heldout, 256))).min() >= 0.999


def test_padding_does_not_reach_a_vector(tokenizer, heldout, bundle):
    graph = open_graph(bundle / "onnx" / "model_qint8.onnx")
    wide = run_graph(graph, *framed(tokenizer, heldout, extra=40))
    np.testing.assert_allclose(wide, run_graph(graph, *framed(tokenizer, heldout)), atol=1e-5)


@pytest.mark.parametrize("line", ["", "a", "[MASK] [CLS]", "x " * 5_000, "\N{SNOWMAN}\x00"])
def test_odd_lines_have_finite_vectors(bundle, line):
    encoder = Encoder.from_path(bundle, max_tokens=256)
    assert np.isfinite(encoder.embed([line])).all()


def test_sentence_transformers_computes_the_same_vectors(bundle, heldout):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    model = sentence_transformers.SentenceTransformer(str(bundle), device="cpu")
    found = model.encode(heldout, show_progress_bar=False)
    assert np.abs(found - Encoder.from_path(bundle, max_tokens=256).embed(heldout)).max() < 1e-4


def test_the_bundle_keeps_the_tokenizer_and_says_who_taught_it(bundle, tokenizer, heldout):
    kept = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    assert [kept.encode(line).ids for line in heldout] == [tokenizer.encode(line).ids for line in heldout]
    loaded = Bundle.load(bundle)
    assert (loaded.name, loaded.config["model_type"]) == ("small-fast", "secencoder-static")
    assert "static student of small 1.2.3" in (bundle / "README.md").read_text()


def test_an_interrupted_training_ends_as_one_that_was_not(
    student, bags, vectors, tokenizer, tmp_path, monkeypatch
):
    monkeypatch.setattr(trainer.distillation.distill, "CHECKPOINT_STEPS", 20)
    real, calls = trainer.distillation.distill.descend, iter(range(1_000))

    def interrupted(*arguments):
        if next(calls) == 50:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(trainer.distillation.distill, "descend", interrupted)
    vocabulary = tokenizer.get_vocab_size()
    with pytest.raises(KeyboardInterrupt):
        distill(bags, vectors, vocabulary, SETTINGS, tmp_path)
    resumed = distill(bags, vectors, vocabulary, SETTINGS, tmp_path)
    assert next(calls) == 51 + 40, "from the checkpoint of step 40 to step 80"
    for name, tensor in resumed.state_dict().items():
        assert torch.equal(tensor, student.state_dict()[name]), name


def test_interrupted_teacher_vectors_are_completed_to_the_same_file(teacher, lines, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer.distillation.distill, "CHUNK_LINES", 64)
    embed_to_file(teacher, lines[:300], tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2 + 3])
    embed_to_file(teacher, lines[:300], tmp_path / "cut")
    assert np.allclose(
        open_vectors(tmp_path / "cut", teacher.dim), open_vectors(tmp_path / "whole", teacher.dim)
    )
    assert (tmp_path / "cut").stat().st_size == len(whole)


def test_a_sample_takes_no_line_twice_and_is_repeatable(tmp_path):
    shards = []
    for name, count in (("large", 900), ("small", 100)):
        write_shard(tmp_path / f"{name}.zst", (f"{name} {index}" for index in range(count)))
        shards.append(Shard(name, "", 1.0, tmp_path / f"{name}.zst", count, 0))
    save_index(tmp_path, shards)
    drawn = draw_lines(list_shards(tmp_path), 200, power=0.5, seed=1)
    assert drawn == draw_lines(list_shards(tmp_path), 200, power=0.5, seed=1)
    assert drawn != draw_lines(list_shards(tmp_path), 200, power=0.5, seed=2)
    assert len(set(drawn)) == len(drawn) == 200
    assert (
        sum(line.startswith("small") for line in drawn) == 50
    )  # a quarter: the root of 100 beside that of 900


def test_neighbours_are_those_of_the_teacher_only_when_the_vectors_are(vectors):
    mean = vectors.mean(0)
    assert compare(vectors[:200], vectors[:200], mean)["neighbours"] == 1
    shuffled = np.random.default_rng(0).permutation(vectors[:200])
    assert compare(shuffled, vectors[:200], mean)["neighbours"] < 0.3


@pytest.fixture(scope="module")
def corpus(lines, tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "small.log"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def deduplicated(corpus, tmp_path_factory):
    from trainer.run import dedup
    from trainer.settings import CorpusSettings, RunSettings

    work = tmp_path_factory.mktemp("work") / "run"
    dedup(RunSettings(work=work, corpus=[CorpusSettings(paths=[str(corpus)])]))
    return work


@pytest.fixture
def command(trainer_command, deduplicated, exported, tmp_path):
    """``command("lines=300")`` runs distill in a fresh work folder with these settings of its section."""
    work = tmp_path / "run"
    shutil.copytree(deduplicated, work)

    def run(*settings, teacher=exported):
        given = ["steps=20", "lines=300", "width=8", f"teacher={teacher}", *settings]
        options = [part for setting in given for part in ("--set", f"distill.{setting}")]
        return trainer_command("distill", "--work", work, *options)

    run.work = work
    return run


def test_the_command_writes_a_bundle_with_its_figures_and_is_not_run_twice(command, heldout):
    answer = command()
    assert answer.code == 0, answer.err
    assert Encoder.from_path(command.work / "fast").embed(heldout).shape == (len(heldout), 32)
    counts = read_manifest(command.work / "distill").counts
    assert {"cosine", "centred_cosine", "neighbours"} <= counts.keys()
    assert (
        json.loads((command.work / "fast" / "manifest.json").read_text())["metrics"]["cosine"]
        == counts["cosine"]
    )
    assert (command.work / "distill" / "loss.csv").read_text().count("\n") > 1
    assert "distill: up to date" in command().out


def test_another_student_does_not_ask_the_teacher_again(command):
    command()
    answer = command("steps=25")
    assert "teacher: up to date" in answer.out
    assert "distill: up to date" not in answer.out


def test_no_line_that_is_measured_on_was_learnt_from(command):
    command()
    drawn, tests = (
        list(read_shard(command.work / "teacher" / f"{name}.jsonl.zst")) for name in ("lines", "heldout")
    )
    assert tests
    assert not set(drawn) & set(tests)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("width=64", "distill.width"),
        ("steps=0", "distill.steps"),
        ("widht=8", "widht"),
        ("lines=x", "distill.lines"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(command, setting, named):
    answer = command(setting)
    assert answer.code == 2
    assert named in answer.err
    assert answer.err.count("\n") == 1


def test_a_teacher_that_is_no_bundle_is_one_line_that_names_it(command, tmp_path):
    answer = command(teacher=tmp_path / "nothing")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert str(tmp_path / "nothing") in answer.err


def test_a_student_can_not_be_the_teacher(command, bundle):
    answer = command(teacher=bundle)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "static student" in answer.err


def test_the_teachers_own_folder_is_not_replaced(command, exported):
    answer = command(f"bundle={exported}")
    assert answer.code == 2
    assert Bundle.load(exported).name == "small"


def test_without_a_teacher_the_runs_own_export_is_needed(trainer_command, deduplicated):
    answer = trainer_command("distill", "--work", deduplicated)
    assert answer.code == 2
    assert "run export first" in answer.err
