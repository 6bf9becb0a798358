from __future__ import annotations

import csv
import gzip
import json
import math
import re
from collections import Counter

import numpy as np
import pytest
import torch
import zstandard

import trainer.evaluation.evaluate
from trainer.data.corpus import CorpusError
from trainer.evaluation.evaluate import Unigram, evaluate, evaluate_lines, load_test_lines
from trainer.evaluation.results import COLUMNS, append_rows, markdown_table
from trainer.pretraining.masking import IGNORED
from trainer.stages.manifest import StageError
from trainer.vocabulary.tokenizer import content_tokens
from trainer.vocabulary.tokens import encode_lines

TRAINING = ["root root root", "alice 17 : root", "root alice 23 ; bob"]
HELD_OUT = ["root alice bob 17", "session of carol : root", "bob - bob", "root", "-- ; --"] * 3


@pytest.fixture(scope="module")
def unigram(tokenizer, tokens) -> Unigram:
    return Unigram.of(tokens.ids, content_tokens(tokenizer))


@pytest.fixture
def targets(monkeypatch) -> list[int]:
    """The true ids of every position that the evaluation chose, in its own order."""
    chosen: list[int] = []
    real = trainer.evaluation.evaluate.mask_tokens

    def recorded(*arguments, **options):
        inputs, labels = real(*arguments, **options)
        chosen.extend(labels[labels != IGNORED].tolist())
        return inputs, labels

    monkeypatch.setattr(trainer.evaluation.evaluate, "mask_tokens", recorded)
    return chosen


def write_jsonl(path, lines):
    content = "".join(json.dumps({"line": line, "label": 0}) + "\n" for line in lines).encode()
    pack = {".gz": gzip.compress, ".zst": zstandard.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(content))
    return path


def test_a_model_that_knows_nothing_has_the_perplexity_of_its_vocabulary(
    new_model, tokenizer, unigram, lines_of
):
    model = new_model(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    for some in (lines_of["sshd"], lines_of["cloudtrail"]):
        ours, _ = evaluate_lines(model, tokenizer, unigram, some)
        assert ours.perplexity == pytest.approx(tokenizer.get_vocab_size(), rel=1e-5)
        assert ours.accuracy == 0


def test_the_unigram_model_is_a_count(new_model, tokenizer, targets):
    content = content_tokens(tokenizer)
    unigram = Unigram.of(encode_lines(tokenizer, TRAINING).ids, content)
    _, baseline = evaluate_lines(new_model(1), tokenizer, unigram, HELD_OUT)

    counts = Counter(
        index for line in TRAINING for index in tokenizer.encode(line, add_special_tokens=False).ids
    )
    shares = {index: counts[index] + 1 for index, kept in enumerate(content) if kept}
    total = sum(shares.values())
    most_frequent = max(shares, key=shares.get)
    assert len(targets) == baseline.predictions >= 12
    assert most_frequent in targets
    assert baseline.accuracy == pytest.approx(targets.count(most_frequent) / len(targets))
    mean = sum(-math.log(shares[index] / total) for index in targets) / len(targets)
    assert baseline.perplexity == pytest.approx(math.exp(mean), rel=1e-9)


def test_the_shares_of_the_content_tokens_add_up_to_one(unigram, tokenizer):
    shares = np.exp(unigram.log_shares)
    content = np.array(content_tokens(tokenizer))
    assert shares[content].sum() == pytest.approx(1)
    assert shares[~content].sum() < 1e-200
    assert (shares[content] > 0).all()


def test_the_model_is_scored_on_the_positions_of_the_unigram(new_model, tokenizer, unigram, lines, targets):
    model, seen = new_model(1), []
    model.cls.register_forward_hook(lambda module, inputs, logits: seen.append(logits))
    ours, baseline = evaluate_lines(model, tokenizer, unigram, lines[:300])
    logits = torch.cat(seen).double()
    assert len(logits) == len(targets) == ours.predictions == baseline.predictions
    true = torch.tensor(targets)
    losses = logits.logsumexp(1) - logits[torch.arange(len(true)), true]
    assert ours.perplexity == pytest.approx(math.exp(losses.mean().item()), rel=1e-5)
    assert ours.accuracy == pytest.approx((logits.argmax(1) == true).double().mean().item())
    assert ours.lines == baseline.lines == 300


def test_every_predicted_position_is_hidden_from_the_model(new_model, tokenizer, unigram, lines, monkeypatch):
    real, shares = trainer.evaluation.evaluate.masked_logits, []

    def checked(model, inputs, attention, labels):
        assert (inputs[labels != IGNORED] == 4).all()
        assert (labels[attention == 0] == IGNORED).all()
        shares.append(((labels != IGNORED).sum().item(), attention.sum().item()))
        return real(model, inputs, attention, labels)

    monkeypatch.setattr(trainer.evaluation.evaluate, "masked_logits", checked)
    evaluate_lines(new_model(1), tokenizer, unigram, lines[:300])
    predicted, whole = map(sum, zip(*shares, strict=True))
    assert 0.04 < predicted / whole < 0.15


def test_a_second_evaluation_and_another_model_see_the_same_positions(
    new_model, tokenizer, unigram, lines, targets
):
    first = evaluate_lines(new_model(1), tokenizer, unigram, lines[:200])
    positions = targets.copy()
    targets.clear()
    other = evaluate_lines(new_model(2), tokenizer, unigram, lines[:200])
    assert targets == positions
    assert other[1] == first[1]
    assert other[0] != first[0]


def test_training_lowers_the_perplexity(run, new_model, tokenizer, unigram, lines_of):
    some = [line for lines in lines_of.values() for line in lines[:10]]
    trained, _ = evaluate_lines(run.model, tokenizer, unigram, some)
    untrained, _ = evaluate_lines(new_model(1), tokenizer, unigram, some)
    assert trained.perplexity < untrained.perplexity / 2


def test_lines_longer_than_the_window_are_cut(new_model, tokenizer, unigram):
    long = ["failed password " * 5_000]
    short, _ = evaluate_lines(new_model(1), tokenizer, unigram, long, max_length=64)
    longer, _ = evaluate_lines(new_model(1), tokenizer, unigram, long, max_length=256)
    assert 0 < short.predictions < 64
    assert short.predictions < longer.predictions < 256


def test_a_row_for_each_test_set_and_one_for_its_unseen_forms(new_model, tokenizer, unigram):
    tests = {
        "first": ["user 17 in", "user 4 in", "disk full", "disk empty"],
        "second": ["link up", "link down"],
        "known": ["port 80", "port 8080"],
    }
    training = iter(["user 123456 in", "disk full", "port 443"])
    rows = evaluate(new_model(1), tokenizer, unigram, tests, training)
    assert [(row["set"], row["forms"], row["lines"]) for row in rows] == [
        ("first", "all", 4),
        ("first", "unseen", 1),
        ("second", "all", 2),
        ("known", "all", 2),
    ]
    for row in rows:
        assert row["predictions"] > 0
        assert row["unigram_perplexity"] > 1
    assert json.loads(json.dumps(rows)) == rows


def row_of(**changes):
    about = dict.fromkeys(COLUMNS, "x") | {"date": "2026-01-01", "model": "m", "version": "1", "sha256": "aa"}
    figures = {"parameters": 1_000, "distribution": "in", "set": "s", "forms": "all", "lines": 3}
    scores = {"predictions": 10, "perplexity": 4.0, "accuracy": 0.5}
    return about | figures | scores | {"unigram_perplexity": 100.0, "unigram_accuracy": 0.1} | changes


def test_the_table_of_all_models_only_grows(tmp_path):
    path = tmp_path / "deep" / "evaluation.csv"
    first = append_rows(path, [row_of(), row_of(forms="unseen")])
    before = path.read_text()
    both = append_rows(path, [row_of(version="2")])
    assert path.read_text().startswith(before)
    assert both[:2] == first
    assert [row["version"] for row in csv.DictReader(path.open())] == ["1", "1", "2"]
    assert append_rows(path, [row_of()]) == both, "the same figures stand there twice"


def test_a_table_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "evaluation.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(StageError, match=re.escape(str(path))):
        append_rows(path, [row_of()])
    assert path.read_text() == "a,b\n1,2\n"


def test_models_stand_below_each_other_as_in_table_2(tmp_path):
    rows = append_rows(
        tmp_path / "evaluation.csv",
        [
            row_of(perplexity=9.0, date="2025-01-01"),
            row_of(),
            row_of(set="t", predictions=30, perplexity=16.0, accuracy=0.1),
            row_of(distribution="out", set="o", perplexity=50.0, accuracy=0.25),
            row_of(version="2", sha256="bb", perplexity=2.0, parameters=2_000_000),
            row_of(forms="unseen", perplexity=7.0),
        ],
    )
    text = markdown_table(rows)
    whole, unseen = text.split("All lines:")[1].split("Lines whose form")
    perplexity = math.exp((10 * math.log(4) + 30 * math.log(16)) / 40)
    assert f"| m 1 | 1,000 | {perplexity:.1f} | 20.0% | 50.0 | 25.0% |" in whole
    assert "| its unigrams |  | 100.0 | 10.0% | 100.0 | 10.0% |" in whole
    assert "| m 2 | 2,000,000 | 2.0 | 50.0% | - | - |" in whole
    assert "| m 1 | 1,000 | 7.0 | 50.0% | - | - |" in unseen
    assert "m 2" not in unseen


def test_lines_of_plain_and_packed_jsonl_are_read_whole(tmp_path, lines):
    odd = [*lines[:50], 'quote " tab \t', "中文 😀", "two\nlines"]
    assert load_test_lines(write_jsonl(tmp_path / "a.jsonl", odd)) == odd
    assert load_test_lines(write_jsonl(tmp_path / "a.jsonl.gz", odd)) == odd
    assert load_test_lines(write_jsonl(tmp_path / "a.jsonl.zst", odd)) == odd


PACKED = gzip.compress(b'{"line": "some text of a line"}\n' * 200)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.jsonl", b'{"line": "x"}\n{"line": \n', id="not JSON"),
        pytest.param("a.jsonl", b'{"line": "x"}\n{"text": "x"}\n', id="no field"),
        pytest.param("a.jsonl", b'{"line": "x"}\n["line"]\n', id="not an object"),
        pytest.param("a.jsonl", b'{"line": 5}\n', id="not text"),
        pytest.param("a.jsonl", b'{"line": "\xff"}\n', id="not UTF-8"),
        pytest.param("a.jsonl", b"", id="empty"),
        pytest.param("a.jsonl.gz", b"not gzip", id="not gzip"),
        pytest.param("a.jsonl.zst", b"not zstd", id="not zstd"),
        pytest.param("a.jsonl.gz", PACKED[: len(PACKED) // 2], id="cut gzip"),
        pytest.param("a.jsonl.gz", PACKED[:12] + b"\xff\xff" + PACKED[14:], id="corrupt gzip"),
    ],
)
def test_malformed_test_lines_are_an_error_that_names_the_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=re.escape(str(path))):
        load_test_lines(path)


def test_a_missing_test_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(CorpusError, match=re.escape(str(tmp_path / "none.jsonl"))):
        load_test_lines(tmp_path / "none.jsonl")


def test_a_training_text_of_one_token_still_gives_finite_losses(tokenizer):
    ids = np.array([tokenizer.token_to_id("a")], dtype=np.uint16)
    assert np.isfinite(Unigram.of(ids, content_tokens(tokenizer)).log_shares).all()


def test_tokens_are_counted_in_chunks(tokenizer, tokens, monkeypatch):
    whole = Unigram.of(tokens.ids, content_tokens(tokenizer))
    monkeypatch.setattr(trainer.evaluation.evaluate, "CHUNK", 777)
    assert np.array_equal(whole.log_shares, Unigram.of(tokens.ids, content_tokens(tokenizer)).log_shares)
