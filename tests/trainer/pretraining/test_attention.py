from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from transformers import DebertaV2Config, DebertaV2Model

import trainer.pretraining.attention
from trainer.pretraining.attention import line_positions, relative_buckets, sinusoids
from trainer.pretraining.model import encode

SHAPE = {
    "vocab_size": 50,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "relative_attention": True,
    "position_biased_input": False,
    "type_vocab_size": 0,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "norm_rel_ebd": "layer_norm",
    "max_position_embeddings": 64,
}


def make_encoder(**values) -> DebertaV2Model:
    torch.manual_seed(1)
    config = DebertaV2Config(**SHAPE | {"pos_att_type": ["c2p", "p2c"], "share_att_key": True} | values)
    encoder = DebertaV2Model(config).eval()
    with torch.no_grad():  # as initialised the positions hardly matter
        encoder.encoder.rel_embeddings.weight.normal_(std=1.0)
        for layer in encoder.encoder.layer:
            layer.attention.self.query_proj.weight.mul_(20)
            layer.attention.self.key_proj.weight.mul_(20)
    return encoder


@pytest.mark.parametrize("buckets", [8, 16, -1])
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("kinds", [["c2p", "p2c"], ["c2p"], ["p2c"], []])
def test_it_computes_what_transformers_computes(kinds, share, buckets):
    encoder = make_encoder(pos_att_type=kinds, share_att_key=share, position_buckets=buckets)
    ids = torch.randint(5, 50, (3, 41))
    mask = torch.ones_like(ids)
    mask[1, 20:] = mask[2, 3:] = 0
    ids[mask == 0] = 0
    with torch.no_grad():
        expected = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        ours = encode(encoder, ids, mask, layers=2)
    assert (ours - expected)[mask > 0].abs().max() < 1e-5


def test_lines_packed_into_a_row_do_not_see_each_other():
    encoder = make_encoder(position_buckets=8)
    first, second = torch.randint(5, 50, (1, 13)), torch.randint(5, 50, (1, 21))
    packed = torch.cat([first, second, torch.zeros(1, 4, dtype=torch.long)], dim=1)
    segments = torch.tensor([[1] * 13 + [2] * 21 + [0] * 4])
    with torch.no_grad():
        both = encode(encoder, packed, segments, layers=2)
        alone = [encode(encoder, ids, torch.ones_like(ids), layers=2) for ids in (first, second)]
    assert (both[:, :13] - alone[0]).abs().max() < 1e-5
    assert (both[:, 13:34] - alone[1]).abs().max() < 1e-5


def test_blocks_of_queries_give_the_same_states_and_gradients(monkeypatch):
    encoder = make_encoder(position_buckets=8)
    ids = torch.randint(5, 50, (2, 37))
    segments = torch.ones_like(ids)
    segments[1, 17:] = 2

    def run():
        encoder.zero_grad()
        states = encode(encoder, ids, segments, layers=2)
        states.square().sum().backward()
        return states.detach(), {name: p.grad.clone() for name, p in encoder.named_parameters()}

    whole, gradients = run()
    blocks = []
    real = trainer.pretraining.attention.Keys.attend_block

    def counted(self, queries, places):
        blocks.append(queries.shape[2])
        return real(self, queries, places)

    monkeypatch.setattr(trainer.pretraining.attention.Keys, "attend_block", counted)
    monkeypatch.setattr(trainer.pretraining.attention, "BLOCK_SCORES", 37 * 10)
    parts, of_parts = run()
    assert set(blocks) == {10, 7}
    assert torch.allclose(parts, whole, atol=1e-6)
    for name, gradient in gradients.items():
        assert torch.allclose(of_parts[name], gradient, rtol=1e-3, atol=1e-5), name


def test_positions_begin_anew_with_every_line():
    segments = torch.tensor([[1, 1, 1, 2, 2, 3, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1]])
    assert line_positions(segments).tolist() == [[0, 1, 2, 0, 1, 0, 0, 1], list(range(8))]


def test_the_buckets_are_exact_nearby_and_coarse_far_away():
    config = DebertaV2Config(**SHAPE | {"position_buckets": 8})
    table = relative_buckets(config, 64, torch.device("cpu"))
    assert table.shape == (127,)
    at = {distance: int(table[distance + 63]) for distance in range(-63, 64)}
    assert [at[d] for d in range(-4, 5)] == list(range(4, 13))
    assert at[63] == 15 and at[-63] == 1
    assert sorted(at.values()) == list(at.values())
    assert len(set(at.values())) <= 16


def test_sinusoids_tell_positions_apart_up_to_the_longest_input():
    states = sinusoids(torch.tensor([[0, 1, 2, 500, 47_998, 47_999]]), 64)
    assert states.shape == (1, 6, 64)
    gaps = torch.cdist(states[0], states[0]) + 9 * torch.eye(6)
    assert gaps.min() > 0.5


LONG = """
import resource, sys, torch
from trainer.pretraining.memory import map_large_blocks
from trainer.pretraining.model import SIZES, make_config, make_model, encode
torch.set_num_threads(1)
map_large_blocks()
SIZES["thin"] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 1, "position_buckets": 8}
encoder = make_model(make_config("thin", 300)).deberta
def peak(length):
    ids = torch.randint(5, 300, (1, length))
    encode(encoder, ids, torch.ones_like(ids), layers=2).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
begin = peak(512)
print(peak(2_500) - begin, peak(10_000) - begin)
"""


def test_memory_grows_with_the_length_not_with_its_square():
    """Four times the tokens, forth and back; the 10,000 x 10,000 scores of both layers alone would be 800 MB."""
    done = subprocess.run([sys.executable, "-c", LONG], capture_output=True, text=True, check=True)
    shorter, longer = map(float, done.stdout.split())
    assert longer < max(10 * shorter, 250)
