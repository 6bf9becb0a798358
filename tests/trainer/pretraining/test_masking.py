from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_processors.demo.scenario import SYSTEMS
from trainer.pretraining.dataset import frame_rows
from trainer.pretraining.masking import IGNORED, mask_tokens
from trainer.pretraining.pretrain import predicted_tokens
from trainer.settings import PretrainSettings
from trainer.vocabulary.tokenizer import SPECIAL_TOKENS, content_tokens
from trainer.vocabulary.tokens import encode_lines

MASK_ID = 4


def mask(ids, content, *, probability=0.2, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return mask_tokens(
        ids, content, mask_id=MASK_ID, first_word_id=5, probability=probability, generator=generator
    )


@pytest.fixture(scope="module")
def content(tokenizer) -> torch.Tensor:
    return torch.tensor(content_tokens(tokenizer))


@pytest.fixture(scope="module")
def batch_of(tokenizer, lines_of):
    """``batch_of[system]``: the ids of that system's lines, padded, two lines without any content among them."""
    batches = {}
    for system, some in lines_of.items():
        tokens = encode_lines(tokenizer, [*some, "--- === ---", " \t "])
        rows = [[span] for span in pairwise(tokens.starts.tolist())]
        batches[system] = frame_rows(tokens.ids, rows, cls_id=1, sep_id=2, pad_id=0).ids
    return batches


@pytest.fixture(scope="module")
def allowed(token_bytes) -> torch.Tensor:
    """Whether an id may be predicted, read off the bytes it stands for."""
    size = max(token_bytes) + 1
    word = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return torch.tensor(
        [any(b in word or b > 127 for b in token_bytes.get(index, b"")) for index in range(size)]
    )


@pytest.fixture(scope="module")
def words(content) -> torch.Tensor:
    """Rows of content tokens only, enough of them to measure shares: (400, 250)."""
    candidates = content.nonzero().squeeze(1)
    chosen = torch.randint(len(candidates), (400, 250), generator=torch.Generator().manual_seed(3))
    return candidates[chosen]


@pytest.mark.parametrize("system", SYSTEMS)
@settings(max_examples=20, deadline=None)
@given(probability=st.floats(0, 1), seed=st.integers(0, 2**31))
def test_no_delimiter_special_or_padding_is_ever_masked_or_predicted(
    batch_of, content, allowed, system, probability, seed
):
    ids = batch_of[system]
    inputs, labels = mask(ids, content, probability=probability, seed=seed)
    untouchable = ~allowed[ids]
    assert (labels[untouchable] == IGNORED).all()
    assert (inputs[untouchable] == ids[untouchable]).all()


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_prediction_asks_for_the_true_token_and_nothing_else_is_altered(batch_of, content, system):
    ids = batch_of[system]
    inputs, labels = mask(ids, content)
    predicted = labels != IGNORED
    assert (labels[predicted] == ids[predicted]).all()
    assert (inputs[~predicted] == ids[~predicted]).all()


@pytest.mark.parametrize("probability", [0.0, 0.001, 0.2])
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_row_with_content_has_a_prediction_and_no_other_has(
    batch_of, content, allowed, system, probability
):
    ids = batch_of[system]
    _, labels = mask(ids, content, probability=probability)
    assert torch.equal((labels != IGNORED).any(dim=1), allowed[ids].any(dim=1))
    assert not allowed[ids].any(dim=1)[-2:].any()


@pytest.mark.parametrize("probability", [0.05, 0.15, 0.4])
def test_the_share_of_masked_content_is_the_probability(words, content, probability):
    _, labels = mask(words, content, probability=probability)
    assert (labels != IGNORED).float().mean().item() == pytest.approx(probability, abs=0.01)


def test_with_probability_1_all_content_is_predicted(batch_of, content, allowed):
    ids = batch_of["sshd"]
    _, labels = mask(ids, content, probability=1.0)
    assert torch.equal(labels != IGNORED, allowed[ids])


def test_of_the_predicted_80_percent_are_masked_10_replaced_10_left(words, content):
    inputs, labels = mask(words, content, probability=0.5)
    predicted = labels != IGNORED
    now, before = inputs[predicted], words[predicted]
    assert (now == MASK_ID).float().mean().item() == pytest.approx(0.8, abs=0.01)
    assert (now == before).float().mean().item() == pytest.approx(0.1, abs=0.01)
    replaced = now[(now != MASK_ID) & (now != before)]
    assert len(replaced) / len(now) == pytest.approx(0.1, abs=0.01)
    assert replaced.min() >= 5, "a special token as noise"
    assert len(replaced.unique()) > 0.9 * (len(content) - 5), "noise comes from the whole vocabulary"


def test_the_same_generator_state_gives_the_same_masking(batch_of, content):
    ids = batch_of["cloudtrail"]
    first, second, other = mask(ids, content, seed=5), mask(ids, content, seed=5), mask(ids, content, seed=6)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[1], other[1])


def test_the_ids_themselves_are_left_alone(batch_of, content):
    ids = batch_of["sshd"]
    before = ids.clone()
    mask(ids, content)
    assert torch.equal(ids, before)


def test_plain_masking_predicts_delimiters_too_but_nothing_special(tokenizer, content):
    plain = predicted_tokens(tokenizer, PretrainSettings(delimiters="mask"))
    assert torch.equal(predicted_tokens(tokenizer, PretrainSettings()), content)
    assert plain[content].all()
    assert plain.sum() == tokenizer.get_vocab_size() - len(SPECIAL_TOKENS)
    assert not plain[[tokenizer.token_to_id(token) for token in SPECIAL_TOKENS]].any()
