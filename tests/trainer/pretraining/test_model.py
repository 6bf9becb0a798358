from __future__ import annotations

import pytest
import torch

from trainer.pretraining.masking import IGNORED
from trainer.pretraining.model import (
    SIZES,
    decode,
    encode,
    make_config,
    make_model,
    masked_logits,
    parameter_count,
)
from trainer.settings import VOCABULARY_SIZE

PAPER = {"base": 110e6, "large": 350e6, "xlarge": 700e6, "xxlarge": 1_100e6}


def test_a_shape_changes_entries_of_a_size_and_nothing_unknown():
    config = make_config("tiny", 1_000, shape={"position_buckets": 64, "pos_att_type": ["c2p", "p2c"]})
    assert (config.position_buckets, config.pos_att_type, config.hidden_size) == (64, ["c2p", "p2c"], 256)
    with pytest.raises(ValueError, match=r"pretrain.shape: 'position_bucket' is unknown.*position_buckets"):
        make_config("tiny", 1_000, shape={"position_bucket": 64})


@pytest.mark.parametrize(("size", "parameters"), PAPER.items())
def test_the_paper_s_sizes_have_the_paper_s_parameters_within_five_percent(size, parameters):
    with torch.device("meta"):
        model = make_model(make_config(size, VOCABULARY_SIZE))
    assert parameter_count(model) == pytest.approx(parameters, rel=0.05)


def test_our_sizes_are_small():
    with torch.device("meta"):
        counts = [
            parameter_count(make_model(make_config(size, VOCABULARY_SIZE))) for size in ("tiny", "small")
        ]
    assert counts[0] < 12e6 < counts[1] < 30e6
    assert set(SIZES) >= {"tiny", "small", *PAPER}


@pytest.fixture
def model(new_model):
    model = new_model(3)
    with torch.no_grad():  # as initialised, positions hardly matter
        model.deberta.encoder.rel_embeddings.weight.normal_()
    return model


@pytest.fixture
def batch():
    ids = torch.randint(5, 1_000, (3, 20), generator=torch.Generator().manual_seed(2))
    segments = torch.ones_like(ids)
    segments[1, 12:] = 0
    labels = torch.full_like(ids, IGNORED)
    labels[0, 3], labels[0, 11], labels[1, 4], labels[2, 19] = 7, 8, 9, 10
    return ids, segments, labels


def test_logits_come_for_the_predicted_positions_only_in_row_order(model, batch):
    ids, segments, labels = batch
    with torch.no_grad():
        logits = masked_logits(model, ids, segments, labels)
        assert logits.shape == (4, 1_000)
        for row, (i, j) in enumerate([(0, 3), (0, 11), (1, 4), (2, 19)]):
            alone = torch.full_like(labels, IGNORED)
            alone[i, j] = 1
            assert torch.allclose(masked_logits(model, ids, segments, alone)[0], logits[row], atol=1e-5)


def whole_decoder(model, ids, positions):
    """The enhanced mask decoder at every position with transformers' own layer, as DeBERTa's section 3.2 has it."""
    encoder = model.deberta
    hidden = encode(encoder, ids, torch.ones_like(ids), layers=model.config.num_hidden_layers - 1)
    queries = hidden + positions
    mask = encoder.encoder.get_attention_mask(torch.ones_like(ids))
    for _ in range(2):
        queries, _ = encoder.encoder.layer[-1](
            hidden,
            mask,
            query_states=queries,
            relative_pos=encoder.encoder.get_rel_pos(hidden),
            rel_embeddings=encoder.encoder.get_rel_embedding(),
        )
    return queries


def test_the_decoder_is_the_last_layer_twice_over_states_and_absolute_positions(model, batch):
    from trainer.pretraining.attention import sinusoids

    ids = batch[0][:1]
    chosen = torch.zeros_like(ids, dtype=torch.bool)
    chosen[0, [2, 5, 17]] = True
    with torch.no_grad():
        ours = decode(model.deberta, ids, torch.ones_like(ids), chosen)
        states = whole_decoder(model, ids, sinusoids(torch.arange(20)[None], model.config.hidden_size))
        without = whole_decoder(model, ids, 0.0)
    assert torch.allclose(ours, states[0, [2, 5, 17]], atol=1e-5)
    assert not torch.allclose(ours, without[0, [2, 5, 17]], atol=1e-2)


def test_a_model_without_the_decoder_predicts_as_transformers_does(model, batch):
    ids, segments, labels = batch
    model.config.enhanced_mask_decoder = False
    try:
        with torch.no_grad():
            expected = model(input_ids=ids, attention_mask=segments).logits[labels != IGNORED]
            assert torch.allclose(masked_logits(model, ids, segments, labels), expected, atol=1e-4)
    finally:
        model.config.enhanced_mask_decoder = True


def test_nothing_to_predict_gives_no_logits(model, batch):
    ids, segments, labels = batch
    assert masked_logits(model, ids, segments, torch.full_like(labels, IGNORED)).shape == (0, 1_000)


def test_packed_lines_are_predicted_as_if_they_stood_alone(model, batch):
    ids, _, labels = batch
    first, second = (ids[:1, :20], labels[:1, :20]), (ids[1:2, :12], labels[1:2, :12])
    packed_ids = torch.cat([first[0], second[0]], dim=1)
    packed_labels = torch.cat([first[1], second[1]], dim=1)
    with torch.no_grad():
        alone = torch.cat(
            [masked_logits(model, i, torch.ones_like(i), labels) for i, labels in (first, second)]
        )
        packed = masked_logits(model, packed_ids, torch.tensor([[1] * 20 + [2] * 12]), packed_labels)
    assert torch.allclose(packed, alone, atol=1e-5)
