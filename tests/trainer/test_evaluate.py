from __future__ import annotations

import gzip
import json
import math
import re
from collections import Counter

import numpy as np
import pytest
import torch

import trainer.evaluate
from trainer.corpus import CorpusError
from trainer.dataset import TokenLines, encode_lines
from trainer.evaluate import (
    Unigram,
    evaluate,
    evaluate_lines,
    load_test_lines,
    markdown_table,
    number_masked,
)
from trainer.masking import IGNORED
from trainer.tokenizer import content_tokens

TRAINING = ["root root root", "alice 17 : root", "root alice 23 ; bob"]
HELD_OUT = ["root alice bob 17", "session of carol : root", "bob - bob", "root", "-- ; --"] * 3


@pytest.fixture(scope="module")
def unigram(tokenizer, tokens) -> Unigram:
    return Unigram.of(tokens, content_tokens(tokenizer))


@pytest.fixture
def targets(monkeypatch) -> list[int]:
    """The true ids of every position that the evaluation chose, in its own order."""
    chosen: list[int] = []
    real = trainer.evaluate.mask_content

    def recorded(*arguments, **options):
        inputs, labels = real(*arguments, **options)
        chosen.extend(labels[labels != IGNORED].tolist())
        return inputs, labels

    monkeypatch.setattr(trainer.evaluate, "mask_content", recorded)
    return chosen


def write_jsonl(path, lines):
    content = "".join(json.dumps({"line": line, "label": 0}) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
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
    unigram = Unigram.of(encode_lines(tokenizer, TRAINING), content)
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
    real, shares = trainer.evaluate.masked_logits, []

    def checked(model, inputs, attention, labels):
        assert (inputs[labels != IGNORED] == 4).all()
        assert (labels[attention == 0] == IGNORED).all()
        shares.append(((labels != IGNORED).sum().item(), attention.sum().item()))
        return real(model, inputs, attention, labels)

    monkeypatch.setattr(trainer.evaluate, "masked_logits", checked)
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
    ours, _ = evaluate_lines(new_model(1), tokenizer, unigram, ["failed password " * 5_000])
    assert 0 < ours.predictions < trainer.evaluate.MAX_LENGTH


def test_a_row_for_each_test_set_and_one_for_its_unseen_forms(new_model, tokenizer, unigram, tmp_path):
    first = write_jsonl(tmp_path / "first.jsonl", ["user 17 in", "user 4 in", "disk full", "disk empty"])
    second = write_jsonl(tmp_path / "second.jsonl.gz", ["link up", "link down"])
    rows = evaluate(new_model(1), tokenizer, unigram, [first, second], ["user 123456 in", "disk full"])
    assert [(row["set"], row["lines"]) for row in rows] == [
        ("first", 4),
        ("first, unseen forms", 1),
        ("second", 2),
    ]
    for row in rows:
        assert row["predictions"] == row["unigram_predictions"] > 0
    table = markdown_table(rows).splitlines()
    assert len(table) == 2 + 3
    assert table[3].startswith("| first, unseen forms | 1 |")
    assert json.loads(json.dumps(rows)) == rows


def test_a_test_set_without_unseen_forms_has_no_row_of_them(new_model, tokenizer, unigram, tmp_path):
    path = write_jsonl(tmp_path / "known.jsonl", ["port 80", "port 8080"])
    rows = evaluate(new_model(1), tokenizer, unigram, [path], ["port 443"])
    assert [(row["set"], row["lines"]) for row in rows] == [("known", 2)]


def test_lines_that_differ_in_numbers_only_are_one_form():
    assert number_masked("port 80 of 10.0.0.1") == number_masked("port 65535 of 192.168.100.250")
    assert number_masked("port 80") != number_masked("porta 80")


def test_lines_of_plain_and_gzip_jsonl_are_read_whole(tmp_path, lines):
    odd = [*lines[:50], 'quote " tab \t', "中文 😀", "two\nlines"]
    assert load_test_lines(write_jsonl(tmp_path / "a.jsonl", odd)) == odd
    assert load_test_lines(write_jsonl(tmp_path / "a.jsonl.gz", odd)) == odd


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
    tokens = TokenLines(np.array([tokenizer.token_to_id("a")], dtype=np.uint16), np.array([0, 1]))
    assert np.isfinite(Unigram.of(tokens, content_tokens(tokenizer)).log_shares).all()
