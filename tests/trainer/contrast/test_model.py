from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from encoder_core import Encoder
from trainer.contrast.losses import agreement, contrast, kinship
from trainer.contrast.model import WeightedEncoder, add_entries, begin_weights, frame
from trainer.contrast.placeholders import is_quiet, spelled
from trainer.export.bundle import export_bundle
from trainer.export.pooling import Pooling


@pytest.fixture
def model(run, wide, tokenizer) -> WeightedEncoder:
    lm = copy.deepcopy(run.model)
    add_entries(lm, spelled(wide, tokenizer))
    weighted = WeightedEncoder(lm)
    begin_weights(weighted, is_quiet(wide))
    return weighted


def vectors(model, wide, texts):
    rows = [np.array(wide.encode(text).ids, np.uint16) for text in texts]
    with torch.no_grad():
        return model(*frame(rows, 0))


def bags(model, wide, texts):
    rows = [np.array(wide.encode(text).ids) for text in texts]
    starts = torch.from_numpy(np.cumsum([0, *map(len, rows[:-1])]))
    with torch.no_grad():
        return model.bags(torch.from_numpy(np.concatenate(rows)), starts)


@pytest.mark.parametrize("repeats", [0.0, 0.5])
def test_without_layers_a_text_is_the_weighted_mean_of_its_tokens(model, wide, repeats):
    model.repeats = repeats
    with torch.no_grad():
        model.layer_weights[0] = 50.0
    texts = ["accepted from <ip> from <ip>", "up"]
    assert torch.allclose(bags(model, wide, texts), vectors(model, wide, texts), atol=1e-5)


def test_a_token_that_is_repeated_counts_as_often_as_it_is_told_to(model, wide):
    texts = ["up down", "up down" + " down" * 5]
    model.repeats = 0.0
    often = bags(model, wide, texts)
    model.repeats = 1.0
    once = bags(model, wide, texts)
    assert torch.allclose(once[0], once[1], atol=1e-5)
    assert torch.allclose(often[0], once[0], atol=1e-5) and not torch.allclose(often[0], often[1], atol=1e-3)


def test_padding_changes_nothing(model, wide):
    alone = vectors(model, wide, ["port down"])
    beside = vectors(
        model, wide, ["port down", "a much longer text than the other one is, with signs: <num>"]
    )
    assert torch.allclose(alone[0], beside[0], atol=1e-5)


def test_a_new_entry_begins_as_the_mean_of_what_spelled_it(model, wide, tokenizer, run):
    table = model.encoder.embeddings.word_embeddings.weight
    before = run.model.deberta.embeddings.word_embeddings.weight
    index = wide.token_to_id("<ip>")
    parts = tokenizer.encode("ip", add_special_tokens=False).ids
    assert torch.allclose(table[index], before[parts].mean(0), atol=1e-6)
    assert is_quiet(wide)[index] and not is_quiet(wide)[wide.encode("Accepted").ids[1]]


def test_a_confusable_negative_costs_more_than_a_far_one_and_one_that_means_the_same_costs_nothing():
    anchors = torch.eye(4)[:3]
    near = torch.stack([torch.eye(4)[0], torch.eye(4)[0] * 0.9 + torch.eye(4)[1] * 0.4, torch.eye(4)[2]])
    none = torch.zeros(3, 3, dtype=torch.bool)
    same = none.clone()
    same[0, 1] = same[1, 0] = True
    options = {"temperature": 0.05, "dims": [4, 2]}
    far = contrast(anchors, anchors, none, **options)
    hard = contrast(anchors, near, none, **options)
    assert far < contrast(anchors, near, same, **options) < hard


def test_agreement_is_zero_for_the_teachers_own_similarities_only():
    teacher = torch.nn.functional.normalize(
        torch.randn(6, 5, generator=torch.Generator().manual_seed(1)), dim=1
    )
    options = {"temperature": 0.1, "dims": [5]}
    assert abs(float(agreement(teacher * 3, teacher, **options))) < 1e-4
    assert float(agreement(teacher.flip(0), teacher, **options)) > 0.1


def test_texts_of_a_domain_are_drawn_together_across_sources_only():
    domains, sources = torch.tensor([0, 0, 1, 1, -1]), torch.tensor([0, 1, 2, 2, 3])
    options = {"temperature": 0.1}
    apart, near = torch.eye(5), torch.eye(5)
    near[1] = near[0]
    assert kinship(near, domains, sources, **options) < kinship(apart, domains, sources, **options)
    own = torch.eye(5)
    own[3] = own[2]
    assert kinship(own, domains, sources, **options) == kinship(apart, domains, sources, **options)
    assert kinship(near, torch.full((5,), -1), sources, **options) == 0


def test_a_bundle_has_the_weights_in_its_graph_and_in_sentence_transformers(model, wide, lines_of, tmp_path):
    model.repeats = 0.5
    pooling = Pooling(
        model.token_weights.detach().exp().numpy(), model.layer_weights.detach().softmax(0).numpy(), 0.5
    )
    lines = [line for some in lines_of.values() for line in some[:3]]
    export_bundle(
        model.lm.eval(),
        wide,
        tmp_path / "bundle",
        lines=lines,
        calibration=lines,
        templates=[["login <id>", "logout <id>"]],
        record={"name": "small", "version": "1"},
        card="# small\n\n{parity}\n",
        pooling=pooling,
    )  # itself compares graph, encoder_core, transformers and sentence-transformers with torch
    encoder = Encoder.from_path(tmp_path / "bundle")
    known = Pooling.of_bundle(tmp_path / "bundle")
    assert np.allclose(known.tokens, pooling.tokens, rtol=1e-4) and known.repeats == 0.5
    texts = ["accepted for <*> from <ip> from <ip> from <ip> port <num>", "link down"]
    mine, theirs = encoder.embed(texts) + encoder.mean, vectors(model, wide, texts).numpy()
    cosine = (mine * theirs).sum(1) / np.linalg.norm(mine, axis=1) / np.linalg.norm(theirs, axis=1)
    assert (cosine > 0.99).all()
    plain = Pooling(np.ones_like(pooling.tokens), np.eye(len(pooling.layers), dtype=np.float32)[-1] + 1e-9)
    with torch.no_grad():
        model.token_weights.copy_(torch.from_numpy(np.log(plain.tokens)))
        model.layer_weights.copy_(torch.from_numpy(np.log(plain.layers)))
    assert not np.allclose(vectors(model, wide, texts).numpy(), theirs, atol=0.05)
